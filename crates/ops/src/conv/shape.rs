//! The sizes of a convolution.

use super::super::window::{Axis, Padding};

/// The sizes of a two-dimensional convolution of images (batch, height, width, in channels)
/// with filters (kernel height, kernel width, in channels, out channels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output: filters.
    pub out_channels: usize,
    /// Rows and columns of a filter.
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
        self.batch * self.height * self.width * self.in_channels
    }

    /// Values of the output (batch, rows, columns, out channels).
    pub fn outputs(&self) -> usize {
        self.batch * self.rows().output() * self.columns().output() * self.out_channels
    }

    /// Values of the filters.
    pub fn weights(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.in_channels * self.out_channels
    }

    /// FLOPs of the direct computation (a multiply-add counts as two), padding included.
    pub fn operations(&self) -> usize {
        2 * self.outputs() * self.kernel[0] * self.kernel[1] * self.in_channels
    }
}
