//! Windows that slide over one axis of an image, padded as TensorFlow pads.

/// What happens at the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// ⌈input / stride⌉ windows, the border filled up evenly, the odd one after the input.
    Same,
    /// Only windows that are inside.
    Valid,
}

/// One axis of a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Values of the input.
    pub input: usize,
    /// Values of a window.
    pub kernel: usize,
    /// Values from one window to the next.
    pub stride: usize,
    /// What happens at the border.
    pub padding: Padding,
}

impl Axis {
    /// The number of windows.
    pub fn output(&self) -> usize {
        match self.padding {
            Padding::Same => self.input.div_ceil(self.stride),
            Padding::Valid if self.input < self.kernel => 0,
            Padding::Valid => (self.input - self.kernel) / self.stride + 1,
        }
    }

    /// The padding before the first value.
    pub fn before(&self) -> usize {
        match self.padding {
            Padding::Valid => 0,
            Padding::Same => {
                let covered = self.output().saturating_sub(1) * self.stride + self.kernel;
                covered.saturating_sub(self.input) / 2
            }
        }
    }

    /// The part of window `index` that is inside the input.
    #[inline(always)]
    pub fn inside(&self, index: usize) -> std::ops::Range<usize> {
        let (start, before) = (index * self.stride, self.before());
        let end = (start + self.kernel).saturating_sub(before).min(self.input);
        start.saturating_sub(before).min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// import tensorflow as tf
    /// for n, k, s in [(24, 3, 2), (24, 5, 1), (5, 2, 3), (7, 3, 2), (4, 2, 4)]:
    ///     x = tf.ones([1, n, 1, 1]); w = tf.ones([k, 1, 1, 1])
    ///     for p in ("SAME", "VALID"):
    ///         y = tf.nn.conv2d(x, w, [1, s, 1, 1], p)
    ///         print(n, k, s, p, tf.reshape(y, [-1]).numpy())
    /// ```
    #[test]
    fn windows_lie_where_tensorflow_lays_them() {
        let axis = |input, kernel, stride, padding| Axis { input, kernel, stride, padding };
        let counts = |a: Axis| (0..a.output()).map(|i| a.inside(i).len()).collect::<Vec<_>>();
        let same = |n, k, s| counts(axis(n, k, s, Padding::Same));
        let valid = |n, k, s| counts(axis(n, k, s, Padding::Valid));
        assert_eq!(same(24, 3, 2), [[3; 11].as_slice(), &[2]].concat());
        assert_eq!(same(24, 5, 1), [[3, 4].as_slice(), &[5; 20], &[4, 3]].concat());
        assert_eq!(same(5, 2, 3), [2, 2]);
        assert_eq!(same(7, 3, 2), [2, 3, 3, 2]);
        assert_eq!(same(4, 2, 4), [2]);
        assert_eq!((valid(24, 3, 2), valid(24, 5, 1)), (vec![3; 11], vec![5; 20]));
        assert_eq!((valid(5, 2, 3), valid(7, 3, 2)), (vec![2; 2], vec![3; 3]));
        assert_eq!(valid(2, 3, 1), [0; 0]);
    }
}
