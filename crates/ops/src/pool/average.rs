//! Average pooling: padding does not count.

use std::ops::Range;

use super::super::simd::Simd;
use super::super::{Cpu, rows_mut};
use super::max::BLOCK;
use super::shape::Shape;
use super::walk::{Backward, Forward, PoolBackward, Pooling};

struct Mean<'a>(&'a mut [f32]);

impl Pooling for Mean<'_> {
    #[inline(always)]
    fn start<S: Simd>(&self) -> (S, S) {
        (S::splat(0.0), S::splat(0.0))
    }

    #[inline(always)]
    fn take<S: Simd>(&self, (sum, unused): (S, S), value: S, _: S) -> (S, S) {
        (sum.add(value), unused)
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, (sum, _): (S, S), count: usize, at: Range<usize>) {
        sum.mul(S::splat(1.0 / count as f32)).store_slice(&mut self.0[at]);
    }
}

struct Share<'a>(&'a [f32]);

impl PoolBackward for Share<'_> {
    #[inline(always)]
    fn gradient<S: Simd>(&self, at: Range<usize>, _: usize, count: usize) -> S {
        S::load_slice(&self.0[at], 0.0).mul(S::splat(1.0 / count as f32))
    }
}

/// The mean of each window of `x` (batch, height, width, channels), padding left out, to
/// `y` (batch, rows, columns, channels).
///
/// # Panics
/// When the sizes do not fit.
pub fn avg_pool2d(cpu: &Cpu, shape: Shape, x: &[f32], y: &mut [f32]) {
    shape.check_sides(x.len(), y.len());
    let line = shape.columns().output() * shape.channels;
    let rows = shape.batch * shape.rows().output();
    let block = (BLOCK / (shape.width * shape.channels * shape.stride[0]).max(1)).max(1);
    cpu.for_rows(rows, block, rows_mut(y, line), |rows, y| {
        cpu.isa().run(Forward { shape, rows, x, pooling: Mean(y) });
    });
}

/// The gradient of [`avg_pool2d`]: `dx` (as `x`) from `dy` (as `y`).
///
/// # Panics
/// When the sizes do not fit.
pub fn avg_pool2d_gradient(cpu: &Cpu, shape: Shape, dy: &[f32], dx: &mut [f32]) {
    shape.check_sides(dx.len(), dy.len());
    let line = shape.width * shape.channels;
    let block = (BLOCK / line.max(1)).max(1);
    cpu.for_rows(shape.batch * shape.height, block, rows_mut(dx, line), |rows, dx| {
        cpu.isa().run(Backward { shape, rows, dx, unpooling: Share(dy) });
    });
}
