//! The gradient of the input.
//!
//! The input pixel at `q·s + r − before` is in the windows `q − m`, at their place `r + m·s`. So
//! the pixels of one phase `r` of each axis are a convolution of stride one of the output's
//! gradient with every s-th tap of the filters, in reverse order: each pixel is one sum, and no two
//! threads write the same one.

use super::super::Shape;
use super::correlation::{Correlation, Epilogue, Target};
use super::filters::{BackwardPanel, Taps};
use super::planes::Planes;
use crate::Cpu;
use crate::window::Axis;

/// `dx = ∂(Σ dy · y) / ∂x`, from `dy` (batch, rows, columns, out channels) and the filters.
///
/// # Panics
/// When a size does not fit the shape.
pub fn backward_input(cpu: &Cpu, shape: Shape, weight: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!(weight.len(), shape.weights(), "the filters have the wrong size");
    assert_eq!(dy.len(), shape.outputs(), "the output's gradient has the wrong size");
    assert_eq!(dx.len(), shape.inputs(), "the input's gradient has the wrong size");
    if dx.is_empty() {
        return;
    }
    for row in Phase::all(shape.rows()) {
        for column in Phase::all(shape.columns()) {
            let taps = [row.taps, column.taps];
            let pack = |panel, to: &mut [f32]| {
                cpu.isa().run(BackwardPanel { shape, weight, taps, panel, to });
            };
            correlation(shape, row, column).run(cpu, dy, pack, Epilogue::default(), dx);
        }
    }
}

/// The input pixels along an axis that are at the same place of their stride.
#[derive(Clone, Copy)]
struct Phase {
    /// The first such pixel, and how many there are.
    first: usize,
    pixels: usize,
    taps: Taps,
    /// How far the first window of the first pixel is before the first window of all.
    before: isize,
}

impl Phase {
    fn all(axis: Axis) -> impl Iterator<Item = Self> {
        (0..axis.stride.min(axis.input)).map(move |first| Self::new(axis, first))
    }

    fn new(axis: Axis, first: usize) -> Self {
        let padded = first + axis.before();
        let (window, phase) = (padded / axis.stride, padded % axis.stride);
        let count = axis.kernel.saturating_sub(phase).div_ceil(axis.stride);
        Self {
            first,
            pixels: (axis.input - first).div_ceil(axis.stride),
            taps: Taps { first: phase, stride: axis.stride, count },
            before: count as isize - 1 - window as isize,
        }
    }
}

fn correlation(shape: Shape, row: Phase, column: Phase) -> Correlation {
    let planes = Planes {
        width: shape.columns().output(),
        channels: shape.out_channels,
        kernel: column.taps.count,
        stride: 1,
        before: column.before,
        windows: column.pixels,
    };
    Correlation {
        batch: shape.batch,
        height: shape.rows().output(),
        planes,
        kernel: row.taps.count,
        stride: 1,
        before: row.before,
        windows: row.pixels,
        channels: shape.in_channels,
        target: Target {
            size: [shape.height, shape.width],
            step: shape.stride,
            first: [row.first, column.first],
        },
    }
}
