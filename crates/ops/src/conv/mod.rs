//! Convolutions of images, NHWC, with filters (height, width, in, out), as TensorFlow's
//! `conv2d` has them.
//!
//! Every pass is Winograd's where that is likely to be faster, and direct otherwise. Which
//! one depends on the shape alone.

mod bias;
pub mod depthwise;
pub mod direct;
mod prepared;
mod reference;
pub mod separable;
mod shape;
pub mod winograd;

pub use bias::bias_gradient;
pub use prepared::{Algorithm, PreparedFilters};
pub use reference::{conv_reference, depthwise_reference};
#[cfg(test)]
pub use reference::{conv_reference_bias, conv_reference_input, conv_reference_weight};
pub use shape::Shape;

use super::Cpu;
use super::relu::Rectifier;
use super::simd::LANES;

fn is_winograds(shape: &Shape) -> bool {
    winograd::supports(shape) && winograd::is_profitable(shape)
}

/// The filters of a forward pass.
#[derive(Clone, Copy, Debug)]
pub enum Filters<'a> {
    /// As they are stored.
    Plain(&'a [f32]),
    /// In the order in which the pass reads them, or transformed.
    Prepared(&'a [f32]),
}

/// The filters, biases and activation of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a, F> {
    /// The filters, in the order of their pass.
    pub filters: F,
    /// A value for each output channel.
    pub biases: &'a [f32],
    /// The activation that follows the sums.
    pub rectifier: Rectifier,
}

/// `y = x ∗ weight + bias`, followed by the activation `rectifier`. `x` (batch, height, width, in
/// channels), `weight` (kernel height, kernel width, in channels, out channels), `bias` (out
/// channels), `y` (batch, rows, columns, out channels).
///
/// # Panics
/// When the sizes do not fit each other.
pub fn forward(
    cpu: &Cpu,
    shape: Shape,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    rectifier: Rectifier,
    y: &mut [f32],
) {
    let filters = Filters::Plain(weight);
    if is_winograds(&shape) {
        winograd::forward(cpu, &shape, x, filters, bias, rectifier, y);
    } else {
        direct::forward(cpu, shape, x, filters, bias, rectifier, y);
    }
}

/// The gradient of the input, `dx` (as `x`), from that of the output, `dy` (as `y`).
///
/// # Panics
/// When the sizes do not fit each other.
pub fn backward_input(cpu: &Cpu, shape: Shape, weight: &[f32], dy: &[f32], dx: &mut [f32]) {
    if is_winograds(&shape) {
        winograd::backward_input(cpu, &shape, weight, dy, dx);
    } else {
        direct::backward_input(cpu, shape, weight, dy, dx);
    }
}

/// The gradient of the filters, `dweight` (as `weight`), from that of the output.
///
/// # Panics
/// When the sizes do not fit each other.
pub fn backward_weight(cpu: &Cpu, shape: Shape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    // With fewer channels than a vector has lanes, the transforms cost more than they save:
    // for the first layer of CIFAR-10 the direct sums save a fifth of the whole step.
    if is_winograds(&shape) && shape.in_channels >= LANES {
        winograd::backward_weight(cpu, &shape, x, dy, dweight);
    } else {
        direct::backward_weight(cpu, shape, x, dy, dweight);
    }
}
