//! The passes over a group of pixels, sixteen channels at a time.
//!
//! What is summed over neighbouring channels is first written between zeros, for a whole group
//! of pixels: read back at once, vectors that straddle two just written would have to wait.

use super::super::simd::{Kernel, LANES, Simd};
use super::Lrn;
use super::power::InversePower;

/// Terms of sums over neighbouring channels: pixels (group, padded channels).
struct Terms<'a> {
    values: &'a mut [f32],
    padded: usize,
    radius: usize,
}

impl<'a> Terms<'a> {
    #[inline(always)]
    fn new(values: &'a mut [f32], lrn: &Lrn, channels: usize) -> Self {
        // The zeros around the channels: nothing else is written there.
        values.fill(0.0);
        Self { values, padded: lrn.padded(channels), radius: lrn.radius }
    }

    #[inline(always)]
    fn store<S: Simd>(&mut self, pixel: usize, channel: usize, n: usize, terms: S) {
        let at = pixel * self.padded + self.radius + channel;
        terms.store_slice(&mut self.values[at..at + n]);
    }

    /// The sums around `n` channels, from the first term on.
    #[inline(always)]
    fn sum<S: Simd>(&self, pixel: usize, channel: usize, n: usize) -> S {
        let at = pixel * self.padded + channel;
        let near = &self.values[at..at + 2 * self.radius + n];
        let mut sum = S::splat(0.0);
        for terms in near.windows(n) {
            sum = sum.add(S::load_slice(terms, 0.0));
        }
        sum
    }
}

/// Calls `$work` for each vector of a group of pixels: pixel, channel and number of lanes.
///
/// A macro, since closures would not be compiled for the kernel's instruction set.
macro_rules! for_vectors {
    ($len:expr, $channels:expr, |$pixel:ident, $channel:ident, $n:ident| $work:block) => {
        for $pixel in 0..$len / $channels {
            let mut $channel = 0;
            while $channel + LANES <= $channels {
                let $n = LANES;
                $work
                $channel += LANES;
            }
            if $channel < $channels {
                let $n = $channels - $channel;
                $work
            }
        }
    };
}

/// y from x.
pub(super) struct Forward<'a, P> {
    pub(super) lrn: Lrn,
    pub(super) channels: usize,
    pub(super) x: &'a [f32],
    pub(super) y: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
    pub(super) power: P,
}

impl<P: InversePower> Kernel for Forward<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (lrn, channels) = (self.lrn, self.channels);
        let (bias, alpha) = (S::splat(lrn.bias), S::splat(lrn.alpha));
        let (squares, _) = self.scratch.split_at_mut(lrn.scratch(channels) / 2);
        let mut squares = Terms::new(squares, &lrn, channels);
        let len = lrn.group(channels) * channels;
        for (x, y) in self.x.chunks(len).zip(self.y.chunks_mut(len)) {
            write_squares::<S>(x, channels, &mut squares);
            for_vectors!(x.len(), channels, |pixel, channel, n| {
                let at = pixel * channels + channel;
                let s = squares.sum::<S>(pixel, channel, n).mul_add(alpha, bias);
                let (scale, _) = self.power.of(s);
                let x = S::load_slice(&x[at..at + n], 0.0);
                x.mul(scale).store_slice(&mut y[at..at + n]);
            });
        }
    }
}

#[inline(always)]
fn write_squares<S: Simd>(x: &[f32], channels: usize, squares: &mut Terms) {
    for_vectors!(x.len(), channels, |pixel, channel, n| {
        let at = pixel * channels + channel;
        let x = S::load_slice(&x[at..at + n], 0.0);
        squares.store(pixel, channel, n, x.mul(x));
    });
}

/// The gradient of x in place of that of y.
pub(super) struct Backward<'a, P> {
    pub(super) lrn: Lrn,
    pub(super) until_relu: bool,
    pub(super) channels: usize,
    pub(super) x: &'a [f32],
    pub(super) gradient: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
    pub(super) power: P,
}

impl<P: InversePower> Kernel for Backward<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (lrn, channels) = (self.lrn, self.channels);
        let (bias, alpha) = (S::splat(lrn.bias), S::splat(lrn.alpha));
        let factor = S::splat(-2.0 * lrn.alpha * lrn.beta);
        let zero = S::splat(0.0);
        // With a ReLU before, only what is above zero has a gradient; else all.
        let floor = S::splat(if self.until_relu { 0.0 } else { f32::NEG_INFINITY });
        let (squares, terms) = self.scratch.split_at_mut(lrn.scratch(channels) / 2);
        let terms = &mut terms[..lrn.scratch(channels) / 2];
        let mut squares = Terms::new(squares, &lrn, channels);
        let mut terms = Terms::new(terms, &lrn, channels);
        let len = lrn.group(channels) * channels;
        for (x, gradient) in self.x.chunks(len).zip(self.gradient.chunks_mut(len)) {
            write_squares::<S>(x, channels, &mut squares);
            for_vectors!(x.len(), channels, |pixel, channel, n| {
                let at = pixel * channels + channel;
                let s = squares.sum::<S>(pixel, channel, n).mul_add(alpha, bias);
                let (scale, reciprocal) = self.power.of(s);
                let scaled = S::load_slice(&gradient[at..at + n], 0.0).mul(scale);
                let x = S::load_slice(&x[at..at + n], 0.0);
                terms.store(pixel, channel, n, scaled.mul(x).mul(reciprocal));
                scaled.store_slice(&mut gradient[at..at + n]);
            });
            for_vectors!(x.len(), channels, |pixel, channel, n| {
                let at = pixel * channels + channel;
                let x = S::load_slice(&x[at..at + n], 0.0);
                let scaled = S::load_slice(&gradient[at..at + n], 0.0);
                let sum = terms.sum::<S>(pixel, channel, n);
                let dx = sum.mul(factor).mul_add(x, scaled);
                x.select_above(floor, dx, zero).store_slice(&mut gradient[at..at + n]);
            });
        }
    }
}
