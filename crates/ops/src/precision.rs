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

/// Whether each of `targets` is among the `k` largest logits of its row of `logits` (rows,
/// classes), as TensorFlow's `in_top_k` has it: fewer than `k` classes have a larger one, so
/// that equals all count. Never where the target is no class, or where its logit is not
/// finite, or another is not that stands before `k` + 1 larger ones.
///
/// # Panics
/// When the rows are not whole.
pub fn in_top_k(logits: &[f32], targets: &[u32], k: usize) -> impl Iterator<Item = bool> {
    let classes = logits.len() / targets.len().max(1);
    assert_eq!(logits.len(), classes * targets.len(), "one row of logits for each target");
    targets.iter().enumerate().map(move |(i, &target)| {
        let row = &logits[i * classes..(i + 1) * classes];
        row.get(target as usize).is_some_and(|&logit| has_rank_below(row, logit, k))
    })
}

fn has_rank_below(row: &[f32], logit: f32, k: usize) -> bool {
    let mut larger = 0;
    for &other in row {
        if larger > k {
            break;
        }
        if !other.is_finite() {
            return false;
        }
        larger += usize::from(other > logit);
    }
    logit.is_finite() && larger < k
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
    /// with tf.Session() as s:
    ///     for k in (1, 2): print(s.run(tf.math.in_top_k(p, [1, 3, 1, 2, 2, 0, 0], k)).astype(int))
    ///     print(s.run(tf.argmax(p, 1)))
    /// ```
    #[test]
    fn equals_tensorflow() {
        let logits = LOGITS.as_flattened();
        let top = |k| in_top_k(logits, &[1, 3, 1, 2, 2, 0, 0], k).map(u8::from).collect::<Vec<_>>();
        assert_eq!(top(1), [1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(top(2), [1, 1, 0, 0, 0, 1, 0]);
        assert_eq!(argmax(logits, 4).collect::<Vec<_>>(), [1, 0, 1, 0, 3, 3, 1]);
    }

    #[test]
    fn a_target_that_is_no_class_is_never_among_them() {
        assert_eq!(in_top_k(&[1.0, 2.0], &[2], 5).collect::<Vec<_>>(), [false]);
        assert_eq!(in_top_k(&[], &[], 1).count(), 0);
        assert_eq!(argmax(&[f32::NAN; 3], 3).collect::<Vec<_>>(), [0]);
    }
}
