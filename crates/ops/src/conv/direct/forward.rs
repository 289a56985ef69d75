//! The forward pass.

use super::super::{Filters, Shape};
use super::correlation::{Correlation, Epilogue, Target};
use super::filters::ForwardPanel;
use super::planes::Planes;
use crate::relu::Rectifier;
use crate::window::Axis;
use crate::{Buffer, Cpu};

/// `y = x ⋆ filters + bias`, followed by the activation `rectifier`.
///
/// `x` is (batch, height, width, in channels), the filters (kernel height, kernel width, in
/// channels, out channels), `bias` (out channels), `y` (batch, rows, columns, out channels).
///
/// # Panics
/// When a size does not fit the shape.
pub fn forward(
    cpu: &Cpu,
    shape: Shape,
    x: &[f32],
    filters: Filters,
    bias: &[f32],
    rectifier: Rectifier,
    y: &mut [f32],
) {
    assert_eq!(x.len(), shape.inputs(), "the input has the wrong size");
    assert_eq!(bias.len(), shape.out_channels, "the bias has the wrong size");
    assert_eq!(y.len(), shape.outputs(), "the output has the wrong size");
    if y.is_empty() {
        return;
    }
    let epilogue = Epilogue { bias: Some(bias), rectifier };
    match filters {
        Filters::Plain(weight) => {
            correlation(shape).run(cpu, x, pack(cpu, shape, weight), epilogue, y);
        }
        Filters::Prepared(filters) => {
            correlation(shape).run_packed(cpu, x, filters, epilogue, y);
        }
    }
}

/// The packed filters of many forward passes.
///
/// # Panics
/// When the filters do not fit the shape.
pub fn packed(cpu: &Cpu, shape: Shape, weight: &[f32]) -> Buffer {
    correlation(shape).packed(cpu, pack(cpu, shape, weight))
}

fn pack<'a>(
    cpu: &Cpu,
    shape: Shape,
    weight: &'a [f32],
) -> impl Fn(usize, &mut [f32]) + Sync + use<'a> {
    assert_eq!(weight.len(), shape.weights(), "the filters have the wrong size");
    let isa = cpu.isa();
    move |panel, to| isa.run(ForwardPanel { shape, weight, panel, to })
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
