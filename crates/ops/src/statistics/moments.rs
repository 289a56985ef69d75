//! The figures of one piece.

use super::super::simd::{Kernel, LANES, Simd};
use super::Statistics;

/// The figures of a piece of fewer than 2³² values. Plain loops over lanes in `f64`, which the
/// compiler makes vectors of: the bits are the same at every level.
pub(super) struct MomentsOf<'a>(pub(super) &'a [f32]);

impl Kernel for MomentsOf<'_> {
    type Output = Statistics;

    #[inline(always)]
    fn run<S: Simd>(self) -> Statistics {
        let mut lanes = Lanes::new();
        let mut chunks = self.0.chunks_exact(LANES);
        for chunk in &mut chunks {
            lanes.take(chunk);
        }
        lanes.take_rest(chunks.remainder());
        lanes.finish(self.0.len() as u64)
    }
}

struct Lanes {
    zeros: [u32; LANES],
    not_finite: [u32; LANES],
    min: [f32; LANES],
    max: [f32; LANES],
    sum: [f64; LANES],
    sum_of_squares: [f64; LANES],
}

impl Lanes {
    #[inline(always)]
    fn new() -> Self {
        Self {
            zeros: [0; LANES],
            not_finite: [0; LANES],
            min: [f32::INFINITY; LANES],
            max: [f32::NEG_INFINITY; LANES],
            sum: [0.0; LANES],
            sum_of_squares: [0.0; LANES],
        }
    }

    /// Takes a chunk of sixteen values.
    #[inline(always)]
    fn take(&mut self, chunk: &[f32]) {
        for (i, &x) in chunk.iter().enumerate().take(LANES) {
            self.take_one(i, x);
        }
    }

    #[inline(always)]
    fn take_rest(&mut self, rest: &[f32]) {
        for (i, &x) in rest.iter().enumerate() {
            self.take_one(i, x);
        }
    }

    #[inline(always)]
    fn take_one(&mut self, i: usize, x: f32) {
        let is_finite = x.abs() < f32::INFINITY;
        let low = if is_finite { x } else { f32::INFINITY };
        let high = if is_finite { x } else { f32::NEG_INFINITY };
        let value = f64::from(if is_finite { x } else { 0.0 });
        self.zeros[i] += u32::from(x == 0.0);
        self.not_finite[i] += u32::from(!is_finite);
        self.min[i] = if low < self.min[i] { low } else { self.min[i] };
        self.max[i] = if high > self.max[i] { high } else { self.max[i] };
        self.sum[i] += value;
        self.sum_of_squares[i] += value * value;
    }

    fn finish(self, len: u64) -> Statistics {
        let total = |counts: [u32; LANES]| counts.into_iter().map(u64::from).sum::<u64>();
        let not_finite = total(self.not_finite);
        let min = self.min.into_iter().fold(f32::INFINITY, f32::min);
        let max = self.max.into_iter().fold(f32::NEG_INFINITY, f32::max);
        Statistics {
            count: len - not_finite,
            not_finite,
            zeros: total(self.zeros),
            // Infinite where there is no finite value.
            min: f64::from(min).min(f64::MAX),
            max: f64::from(max).max(f64::MIN),
            sum: self.sum.into_iter().sum(),
            sum_of_squares: self.sum_of_squares.into_iter().sum(),
        }
    }
}
