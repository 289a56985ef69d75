//! Batch normalisation over the last axis (Ioffe and Szegedy, arXiv 1502.03167): tensors are
//! (rows, channels).
//!
//! Sums over rows are taken over pieces of a fixed size and added in their order, so that their
//! bits do not depend on the threads. The variance is that of the differences from the mean.

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, rows_mut};

/// Values of a piece whose sums are in one place.
const PIECE: usize = 16 * 1024;
/// Values a thread takes at a time where nothing is summed.
const BLOCK: usize = 16 * 1024;

/// y = γ (x - mean) / √(variance + ε) + β, with one value of each per channel.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// γ
    pub gamma: &'a [f32],
    /// β
    pub beta: &'a [f32],
    /// The mean of each channel.
    pub mean: &'a [f32],
    /// The variance of each channel.
    pub variance: &'a [f32],
}

/// Where the gradients go; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// (rows, channels), where it is wanted.
    pub x: Option<&'a mut [f32]>,
    /// (channels)
    pub gamma: &'a mut [f32],
    /// (channels)
    pub beta: &'a mut [f32],
}

/// Two sums per channel over some rows: of `a` and of `a · b`, where b is x − mean.
struct Sums<'a> {
    /// (rows, channels)
    x: &'a [f32],
    /// (rows, channels); the differences themselves where it is missing.
    dy: Option<&'a [f32]>,
    mean: &'a [f32],
    sums: &'a mut [f32],
    products: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.sums.len();
        for first in (0..channels).step_by(LANES) {
            let lanes = first..channels.min(first + LANES);
            let mean = S::load_slice(&self.mean[lanes.clone()], 0.0);
            let (mut sum, mut product) = (S::splat(0.0), S::splat(0.0));
            for (row, x) in self.x.chunks_exact(channels).enumerate() {
                let difference = S::load_slice(&x[lanes.clone()], 0.0).sub(mean);
                let term = match self.dy {
                    Some(dy) => S::load_slice(&dy[row * channels..][lanes.clone()], 0.0),
                    None => difference,
                };
                sum = sum.add(term);
                product = term.mul_add(difference, product);
            }
            sum.store_slice(&mut self.sums[lanes.clone()]);
            product.store_slice(&mut self.products[lanes]);
        }
    }
}

/// The two sums of [`Sums`] over all rows.
fn sums(cpu: &Cpu, [x, mean]: [&[f32]; 2], dy: Option<&[f32]>, [sums, products]: [&mut [f32]; 2]) {
    let channels = mean.len();
    let rows = x.len() / channels;
    let piece = (PIECE / channels).max(1);
    let count = rows.div_ceil(piece);
    cpu.with_buffer(2 * count * channels, |buffer| {
        cpu.for_rows(count, 1, rows_mut(buffer, 2 * channels), |at, sums| {
            let (sums, products) = sums.split_at_mut(channels);
            let start = at.start * piece;
            let part = start * channels..rows.min(start + piece) * channels;
            let dy = dy.map(|dy| &dy[part.clone()]);
            cpu.isa().run(Sums { x: &x[part], dy, mean, sums, products });
        });
        sums.fill(0.0);
        products.fill(0.0);
        for piece in buffer.chunks(2 * channels).take(count) {
            let totals = sums.iter_mut().chain(&mut *products);
            totals.zip(piece).for_each(|(total, sum)| *total += sum);
        }
    });
}

/// The mean and the variance (biased, as normalisation takes it) of each channel of `x` (rows,
/// `channels`).
///
/// # Panics
/// When the sizes do not fit or there is no row.
pub fn statistics(cpu: &Cpu, channels: usize, x: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    assert!(channels > 0 && !x.is_empty(), "there is nothing to normalise");
    assert!(x.len().is_multiple_of(channels), "not a whole number of rows");
    assert!(mean.len() == channels && variance.len() == channels, "one value for each channel");
    let scale = 1.0 / (x.len() / channels) as f32;
    // The first row is near the mean of its channel: sums of differences from it lose nothing.
    let shift = x[..channels].to_vec();
    sums(cpu, [x, &shift], None, [&mut *mean, &mut *variance]);
    mean.iter_mut().zip(&shift).for_each(|(mean, shift)| *mean = *mean * scale + shift);
    let mut rest = vec![0.0; channels];
    sums(cpu, [x, &*mean], None, [&mut rest, &mut *variance]);
    variance.iter_mut().for_each(|variance| *variance *= scale);
}

/// y = factor · (x - mean) + rest, or with a gradient dx = factor · (dy - a - (x - mean) · b).
struct Scale<'a> {
    x: &'a [f32],
    mean: &'a [f32],
    factor: &'a [f32],
    rest: &'a [f32],
    /// dy, and b.
    gradient: Option<[&'a [f32]; 2]>,
    y: &'a mut [f32],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.mean.len();
        for (row, (y, x)) in self.y.chunks_mut(channels).zip(self.x.chunks(channels)).enumerate() {
            for first in (0..channels).step_by(LANES) {
                let lanes = first..channels.min(first + LANES);
                let mean = S::load_slice(&self.mean[lanes.clone()], 0.0);
                let difference = S::load_slice(&x[lanes.clone()], 0.0).sub(mean);
                let factor = S::load_slice(&self.factor[lanes.clone()], 0.0);
                let rest = S::load_slice(&self.rest[lanes.clone()], 0.0);
                let value = match self.gradient {
                    None => difference.mul_add(factor, rest),
                    Some([dy, b]) => {
                        let dy = S::load_slice(&dy[row * channels..][lanes.clone()], 0.0);
                        let b = S::load_slice(&b[lanes.clone()], 0.0);
                        dy.sub(rest).sub(difference.mul(b)).mul(factor)
                    }
                };
                value.store_slice(&mut y[lanes]);
            }
        }
    }
}

/// Normalises `x` (rows, channels) to `y`.
///
/// # Panics
/// When the sizes do not fit.
pub fn normalise(cpu: &Cpu, affine: Affine, epsilon: f32, x: &[f32], y: &mut [f32]) {
    let factor = factors(affine, epsilon);
    scale(cpu, x, affine.mean, &factor, affine.beta, None, y);
}

/// γ / √(variance + ε)
fn factors(affine: Affine, epsilon: f32) -> Vec<f32> {
    let pairs = affine.gamma.iter().zip(affine.variance);
    pairs.map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect()
}

fn scale(
    cpu: &Cpu,
    x: &[f32],
    mean: &[f32],
    factor: &[f32],
    rest: &[f32],
    gradient: Option<[&[f32]; 2]>,
    y: &mut [f32],
) {
    let channels = mean.len();
    assert!(channels > 0 && x.len().is_multiple_of(channels), "not a whole number of rows");
    assert_eq!(x.len(), y.len(), "input and output differ in size");
    let block = (BLOCK / channels).max(1);
    cpu.for_rows(x.len() / channels, block, rows_mut(y, channels), |rows, y| {
        let part = rows.start * channels..rows.end * channels;
        let gradient = gradient.map(|[dy, b]| [&dy[part.clone()], b]);
        cpu.isa().run(Scale { x: &x[part], mean, factor, rest, gradient, y });
    });
}

/// The gradients of [`normalise`] with the statistics of `x` itself (rows, channels), through
/// these: with x̂ = (x - mean) / √(variance + ε) and n rows,
///
/// dβ = Σ dy, dγ = Σ dy x̂, dx = γ / √(variance + ε) · (dy - dβ / n - x̂ dγ / n).
///
/// # Panics
/// When the sizes do not fit.
pub fn backward(cpu: &Cpu, affine: Affine, epsilon: f32, x: &[f32], dy: &[f32], to: Gradients) {
    assert_eq!(x.len(), dy.len(), "input and gradient differ in size");
    let n = (x.len() / affine.mean.len()) as f32;
    sums(cpu, [x, affine.mean], Some(dy), [&mut *to.beta, &mut *to.gamma]);
    let deviations = affine.variance.iter().map(|variance| (variance + epsilon).sqrt());
    // Σ dy (x - mean) becomes Σ dy x̂.
    to.gamma.iter_mut().zip(deviations.clone()).for_each(|(sum, deviation)| *sum /= deviation);
    if let Some(dx) = to.x {
        let mean: Vec<f32> = to.beta.iter().map(|sum| sum / n).collect();
        let along: Vec<f32> =
            to.gamma.iter().zip(deviations).map(|(sum, deviation)| sum / n / deviation).collect();
        scale(cpu, x, affine.mean, &factors(affine, epsilon), &mean, Some([dy, &along]), dx);
    }
}

/// Mean and variance of each channel in plain `f64`.
pub fn statistics_reference(channels: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = (x.len() / channels) as f64;
    let mut mean = vec![0.0; channels];
    x.iter().enumerate().for_each(|(i, x)| mean[i % channels] += x / n);
    let mut variance = vec![0.0; channels];
    let square =
        |(i, x): (usize, &f64)| variance[i % channels] += (x - mean[i % channels]).powi(2) / n;
    x.iter().enumerate().for_each(square);
    (mean, variance)
}

#[cfg(test)]
mod tests;
