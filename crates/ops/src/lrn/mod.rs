//! Local response normalisation over channels (Krizhevsky, Sutskever & Hinton, "ImageNet
//! Classification with Deep Convolutional Neural Networks", 2012, §3.3), with TensorFlow's
//! parameters:
//!
//! yᵢ = xᵢ / sᵢ^β, where sᵢ = bias + α Σ xⱼ² over the channels j from i - radius to i + radius.
//!
//! With g = ∂L/∂y the gradient is ∂L/∂xᵢ = gᵢ sᵢ^-β - 2αβ xᵢ Σ gⱼ xⱼ sⱼ^(-β-1), over the same
//! channels. It is found from x alone: to compute s again costs less than to read it.

mod kernel;
mod power;
pub mod reference;
#[cfg(test)]
mod tests;

use super::cpu::with_thread_buffer;
use super::simd::LANES;
use super::{Cpu, Isa, rows_mut};
use kernel::{Backward, Forward};
use power::{General, ThreeQuarters};

/// Values that a thread takes at a time, roughly.
const BLOCK: usize = 16 * 1024;
/// Values of a group of pixels whose squares are kept: they stay in the first cache.
const GROUP: usize = 2048;

/// The parameters of the normalisation, as `tf.nn.lrn` has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lrn {
    /// The number of neighbouring channels on each side that count.
    pub radius: usize,
    /// Added to the sum; above zero.
    pub bias: f32,
    /// The weight of the sum, which is not divided by the number of channels; not below zero.
    pub alpha: f32,
    /// The exponent β, from 0 to 1.
    pub beta: f32,
}

/// Whether the backward pass also goes through a ReLU in front of the normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// No: the result is the gradient of the normalisation's input.
    Input,
    /// Yes: the result is the gradient of the ReLU's input, zero where the ReLU's output is zero.
    ReluInput,
}

/// Normalises the pixels `x` (pixels, `channels`) to `y` (the same).
///
/// # Panics
/// When the sizes or the parameters do not fit.
pub fn lrn(cpu: &Cpu, lrn: Lrn, channels: usize, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "input and output differ in size");
    for_pixels(cpu, lrn, channels, y, |at, y, scratch| {
        lrn_pixels(cpu.isa(), lrn, channels, &x[at], y, scratch);
    });
}

/// The gradient of [`lrn()`], in place: `gradient` (pixels, `channels`) is that of the output
/// before and that of the input after.
///
/// # Panics
/// When the sizes or the parameters do not fit.
pub fn lrn_gradient(
    cpu: &Cpu,
    lrn: Lrn,
    until: Until,
    channels: usize,
    x: &[f32],
    gradient: &mut [f32],
) {
    assert_eq!(x.len(), gradient.len(), "input and gradient differ in size");
    for_pixels(cpu, lrn, channels, gradient, |at, gradient, scratch| {
        lrn_pixels_gradient(cpu.isa(), lrn, until, channels, &x[at], gradient, scratch);
    });
}

fn for_pixels(
    cpu: &Cpu,
    lrn: Lrn,
    channels: usize,
    to: &mut [f32],
    work: impl Fn(std::ops::Range<usize>, &mut [f32], &mut [f32]) + Sync,
) {
    let len = to.len();
    assert!(channels > 0 && len.is_multiple_of(channels), "not a whole number of pixels");
    let block = (BLOCK / channels).max(1);
    cpu.for_rows(len / channels, block, rows_mut(to, channels), |pixels, to| {
        with_thread_buffer(lrn.scratch(channels), |scratch| {
            work(pixels.start * channels..pixels.end * channels, to, scratch);
        });
    });
}

impl Lrn {
    /// Values of the scratch memory that the functions for one thread take.
    pub(super) fn scratch(&self, channels: usize) -> usize {
        2 * self.group(channels) * self.padded(channels)
    }

    /// Channels with zeros before and after them.
    fn padded(&self, channels: usize) -> usize {
        (channels + 2 * self.radius).next_multiple_of(LANES)
    }

    /// Pixels that are normalised together.
    fn group(&self, channels: usize) -> usize {
        (GROUP / self.padded(channels)).max(1)
    }

    fn check(&self) {
        assert!(
            self.bias > 0.0 && self.alpha >= 0.0,
            "bias must be above zero and alpha at least zero"
        );
        assert!((0.0..=1.0).contains(&self.beta), "beta must be between 0 and 1");
    }
}

/// [`lrn()`] on the calling thread.
pub(super) fn lrn_pixels(
    isa: Isa,
    lrn: Lrn,
    channels: usize,
    x: &[f32],
    y: &mut [f32],
    scratch: &mut [f32],
) {
    lrn.check();
    match lrn.beta {
        0.75 => isa.run(Forward { lrn, channels, x, y, scratch, power: ThreeQuarters }),
        beta => isa.run(Forward { lrn, channels, x, y, scratch, power: General(beta) }),
    }
}

/// [`lrn_gradient`] on the calling thread.
pub(super) fn lrn_pixels_gradient(
    isa: Isa,
    lrn: Lrn,
    until: Until,
    channels: usize,
    x: &[f32],
    gradient: &mut [f32],
    scratch: &mut [f32],
) {
    lrn.check();
    let until_relu = until == Until::ReluInput;
    macro_rules! run {
        ($power:expr) => {
            isa.run(Backward { lrn, until_relu, channels, x, gradient, scratch, power: $power })
        };
    }
    match lrn.beta {
        0.75 => run!(ThreeQuarters),
        beta => run!(General(beta)),
    }
}
