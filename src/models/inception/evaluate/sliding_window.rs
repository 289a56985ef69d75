//! Sliding windows over images, with TensorFlow's padding.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};

use super::data_format::DataFormat;
use crate::data::graphdef::FrozenNode;

/// The windows along one axis.
#[derive(Clone, Copy)]
pub(super) struct SlidingWindow {
    /// Values of the input.
    pub(super) input: usize,
    /// Values of a window.
    pub(super) kernel: usize,
    /// Values from one window to the next.
    pub(super) stride: usize,
    /// Values from one of a window to its next.
    pub(super) dilation: usize,
    /// How many there are.
    pub(super) output: usize,
    /// Values of the border before the input.
    before: usize,
}

/// The windows of a node over rows and over columns, whose strides, dilations and padding it has.
pub(super) fn windows(
    node: &FrozenNode,
    format: DataFormat,
    input: [usize; 2],
    kernel: [usize; 2],
) -> Result<[SlidingWindow; 2]> {
    let strides = format.rows_and_columns(node, "strides", None)?;
    let dilations = format.rows_and_columns(node, "dilations", Some(&[1; 4]))?;
    let padding = node.text("padding", None)?;
    let borders = match padding {
        "SAME" => None,
        "VALID" => Some([[0; 2]; 2]),
        "EXPLICIT" => Some(format.explicit_paddings(node)?),
        other => bail!("padding must be SAME, VALID or EXPLICIT, not {other:?}"),
    };
    let axis = |axis: usize| {
        let border = borders.map(|borders| borders[axis]);
        SlidingWindow::new(input[axis], kernel[axis], strides[axis], dilations[axis], border)
            .with_context(|| format!("windows of {kernel:?} do not fit into images of {input:?}"))
    };
    Ok([axis(0)?, axis(1)?])
}

impl SlidingWindow {
    /// The windows with a border, before and after; without one, as many as there are strides, over
    /// a border of what they need, the odd value after the input. There are none where the input is
    /// too small.
    fn new(
        input: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        border: Option<[usize; 2]>,
    ) -> Result<Self> {
        ensure!(input <= MAX_INPUT, "an axis is larger than {MAX_INPUT}");
        ensure!(kernel > 0 && kernel <= MAX_INPUT, "a window has size {kernel}");
        let extent = (kernel - 1) * dilation + 1;
        let (output, before) = match border {
            None => {
                let output = input.div_ceil(stride);
                let covered = output.saturating_sub(1) * stride + extent;
                (output, covered.saturating_sub(input) / 2)
            }
            Some([before, after]) => {
                let rest = (before + input + after).checked_sub(extent);
                (rest.context("they are larger")? / stride + 1, before)
            }
        };
        Ok(Self { input, kernel, stride, dilation, output, before })
    }

    /// The taps of window `index` that are inside the input.
    pub(super) fn inside(&self, index: usize) -> Range<usize> {
        let (start, end) = (index * self.stride, self.before + self.input);
        let first = self.before.saturating_sub(start).div_ceil(self.dilation);
        let behind = end.saturating_sub(start).div_ceil(self.dilation).min(self.kernel);
        first.min(behind)..behind
    }

    /// The input position of tap `tap` of window `index`, which is inside the input.
    pub(super) fn position(&self, index: usize, tap: usize) -> usize {
        index * self.stride + tap * self.dilation - self.before
    }
}

/// The most values of an axis, and of a window.
const MAX_INPUT: usize = i32::MAX as usize;
