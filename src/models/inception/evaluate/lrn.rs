//! Local response normalisation (Krizhevsky et al. 2012, §3.3) of any radius and exponent.

use anyhow::{Result, ensure};

use super::call::{Call, Operation, size};
use super::numbers::{doubles, from_doubles};
use crate::data::graphdef::Tensor;

pub(super) const OPERATIONS: &[Operation] = &[Operation::one("LRN", 1, lrn)];

/// x / (bias + α Σ x²)^β, where the sum is over the channels up to `depth_radius` away.
fn lrn(call: &Call<'_>) -> Result<Tensor> {
    let (input, node) = (call.inputs[0], call.node);
    let shape = &input.shape;
    ensure!(shape.len() == 4, "expected images with 4 dimensions, got shape {shape:?}");
    let radius = size(node.int("depth_radius", 5)?)?;
    let number = |key, default: f32| node.float(key, default).map(f64::from);
    let (bias, alpha, beta) = (number("bias", 1.0)?, number("alpha", 1.0)?, number("beta", 0.5)?);
    let mut values = doubles(&input.values)?;
    for pixel in values.chunks_exact_mut(shape[3].max(1)) {
        let squares: Vec<_> = pixel.iter().map(|x| x * x).collect();
        for (channel, x) in pixel.iter_mut().enumerate() {
            let end = channel.saturating_add(radius).saturating_add(1).min(squares.len());
            let sum: f64 = squares[channel.saturating_sub(radius)..end].iter().sum();
            *x /= (bias + alpha * sum).powf(beta);
        }
    }
    from_doubles(shape.clone(), values, input.values.data_type())
}
