//! Whether a classifier is right.

/// The class with the largest logit in each row of `logits` (rows, `classes`), the first of
/// equals. What is not a number is never the largest.
///
/// # Panics
/// When `classes` is zero or the rows are not whole.
pub fn argmax(logits: &[f32], classes: usize) -> impl Iterator<Item = usize> {
    assert!(classes > 0 && logits.len().is_multiple_of(classes), "not a whole number of rows");
    logits.chunks(classes).map(|row| {
        let mut best = (0, f32::NEG_INFINITY);
        for (class, &logit) in row.iter().enumerate() {
            if logit > best.1 {
                best = (class, logit);
            }
        }
        best.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: f32 = f32::NAN;
    const I: f32 = f32::INFINITY;
    const LOGITS: [[f32; 4]; 7] = [
        [1., 2., 2., 0.],
        [1., 1., 1., 1.],
        [N, 3., 2., 1.],
        [3., 2., 1., N],
        [9., 8., 7., I],
        [0., 0., 0., 5.],
        [1., I, 0., 0.],
    ];

    /// Numbers of an independent engine:
    /// ```python
    /// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
    /// n, i = np.nan, np.inf
    /// p = np.array([[1, 2, 2, 0], [1, 1, 1, 1], [n, 3, 2, 1], [3, 2, 1, n], [9, 8, 7, i],
    ///               [0, 0, 0, 5], [1, i, 0, 0]], "f")
    /// with tf.Session() as s: print(s.run(tf.argmax(p, 1)))
    /// ```
    #[test]
    fn equals_tensorflow() {
        assert_eq!(argmax(LOGITS.as_flattened(), 4).collect::<Vec<_>>(), [1, 0, 1, 0, 3, 3, 1]);
        assert_eq!(argmax(&[f32::NAN; 3], 3).collect::<Vec<_>>(), [0]);
    }
}
