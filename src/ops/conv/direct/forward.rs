//! The forward pass.

use super::super::Shape;
use super::correlation::{Correlation, Epilogue, Target};
use super::filters::ForwardPanel;
use super::planes::Planes;
use crate::ops::Cpu;
use crate::ops::window::Axis;

/// `y = x ⋆ weight + bias`, where `relu` is set followed by `max(·, 0)`.
///
/// `x` is (batch, height, width, in channels), `weight` (kernel height, kernel width, in
/// channels, out channels), `bias` (out channels), `y` (batch, rows, columns, out channels).
///
/// # Panics
/// When a size does not fit the shape.
pub fn forward(
    cpu: &Cpu,
    shape: Shape,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    y: &mut [f32],
) {
    assert_eq!(x.len(), shape.inputs(), "the input has another size");
    assert_eq!(weight.len(), shape.weights(), "the filters have another size");
    assert_eq!(bias.len(), shape.out_channels, "the bias has another size");
    assert_eq!(y.len(), shape.outputs(), "the output has another size");
    if y.is_empty() {
        return;
    }
    let pack = |panel, to: &mut [f32]| cpu.isa().run(ForwardPanel { shape, weight, panel, to });
    correlation(shape).run(cpu, x, pack, Epilogue { bias: Some(bias), relu }, y);
}

fn correlation(shape: Shape) -> Correlation {
    let (rows, columns) = (shape.rows(), shape.columns());
    Correlation {
        batch: shape.batch,
        height: shape.height,
        planes: planes(columns, shape.in_channels),
        kernel: rows.kernel,
        stride: rows.stride,
        before: rows.before() as isize,
        windows: rows.output(),
        channels: shape.out_channels,
        target: Target { size: [rows.output(), columns.output()], step: [1; 2], first: [0; 2] },
    }
}

fn planes(columns: Axis, channels: usize) -> Planes {
    Planes {
        width: columns.input,
        channels,
        kernel: columns.kernel,
        stride: columns.stride,
        before: columns.before() as isize,
        windows: columns.output(),
    }
}
