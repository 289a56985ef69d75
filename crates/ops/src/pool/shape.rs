//! The sizes of a pooling.

use std::ops::Range;

use super::super::window::{Axis, Padding};
use super::max::NO_ARGMAX;

/// The sizes of a pooling of images (batch, height, width, channels), with TensorFlow's
/// padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Rows and columns of a window.
    pub kernel: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: [usize; 2],
    /// What happens at the border.
    pub padding: Padding,
}

impl Shape {
    /// The windows over the rows.
    pub fn rows(&self) -> Axis {
        self.axis(self.height, 0)
    }

    /// The windows over the columns.
    pub fn columns(&self) -> Axis {
        self.axis(self.width, 1)
    }

    fn axis(&self, input: usize, i: usize) -> Axis {
        Axis { input, kernel: self.kernel[i], stride: self.stride[i], padding: self.padding }
    }

    /// Values of the input.
    pub fn inputs(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }

    /// Values of the output (batch, rows, columns, channels).
    pub fn outputs(&self) -> usize {
        self.batch * self.rows().output() * self.columns().output() * self.channels
    }

    /// The pooling of one of the images.
    pub fn image(&self) -> Self {
        Self { batch: 1, ..*self }
    }

    /// Panics where a max pooling's sides or argmax have another size, or a byte does not
    /// name every place of a window.
    pub(in super::super) fn check(&self, [inputs, outputs, argmax]: [usize; 3]) {
        self.check_sides(inputs, outputs);
        assert_eq!(argmax, self.outputs(), "the argmax has the wrong size");
        let window = self.kernel[0] * self.kernel[1];
        assert!(window <= usize::from(NO_ARGMAX), "a window has more than 255 elements");
    }

    /// Panics where a side has another size.
    pub(super) fn check_sides(&self, inputs: usize, outputs: usize) {
        assert_eq!(inputs, self.inputs(), "the input's side has the wrong size");
        assert_eq!(outputs, self.outputs(), "the output's side has the wrong size");
    }
}

/// The windows of one axis, with what does not change from window to window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) kernel: usize,
    pub(super) output: usize,
    pub(super) input: usize,
    stride: usize,
    before: usize,
}

impl Windows {
    pub(super) fn new(axis: Axis) -> Self {
        let Axis { input, kernel, stride, .. } = axis;
        Self { kernel, output: axis.output(), input, stride, before: axis.before() }
    }

    /// The part of window `index` that is inside the input.
    #[inline(always)]
    pub(super) fn inside(&self, index: usize) -> Range<usize> {
        let start = index * self.stride;
        let end = (start + self.kernel).saturating_sub(self.before).min(self.input);
        start.saturating_sub(self.before).min(end)..end
    }

    /// The windows that cover the input's value `index`.
    #[inline(always)]
    pub(super) fn covering(&self, index: usize) -> Range<usize> {
        let padded = index + self.before;
        let end = (padded / self.stride + 1).min(self.output);
        (padded + 1).saturating_sub(self.kernel).div_ceil(self.stride).min(end)..end
    }

    /// The place of the input's value `index` in `window`, padding counted.
    #[inline(always)]
    pub(super) fn place(&self, index: usize, window: usize) -> usize {
        index + self.before - window * self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_what_lies_inside_them() {
        for (input, kernel, stride) in [(24, 3, 2), (7, 3, 1), (9, 2, 5), (5, 7, 3), (1, 1, 1)] {
            for padding in [Padding::Same, Padding::Valid] {
                let axis = Axis { input, kernel, stride, padding };
                let windows = Windows::new(axis);
                for i in 0..input {
                    let covering = windows.covering(i);
                    for w in 0..axis.output() {
                        assert_eq!(windows.inside(w), axis.inside(w), "{axis:?}");
                        let is_inside = axis.inside(w).contains(&i);
                        assert_eq!(covering.contains(&w), is_inside, "{axis:?} {i} {w}");
                        assert!(!is_inside || windows.place(i, w) < kernel);
                    }
                }
            }
        }
    }
}
