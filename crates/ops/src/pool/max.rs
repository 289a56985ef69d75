//! Max pooling, which remembers the winner of every window for the gradient.

use std::ops::Range;

use super::super::simd::{Simd, load_bytes};
use super::super::{Cpu, Isa, rows_mut};
use super::shape::Shape;
use super::walk::{Backward, Forward, PoolBackward, Pooling};

/// The winner of a window where no value is above the floor: its gradient goes nowhere.
pub const NO_ARGMAX: u8 = u8::MAX;
/// Values of the larger side that a thread takes at a time, roughly.
pub(super) const BLOCK: usize = 16 * 1024;

/// What a window's values have to exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// Nothing: a plain maximum.
    None,
    /// Zero: a ReLU before the pooling, in the same pass. The input may be the ReLU's input
    /// or its output; the gradient is that of the ReLU's input.
    Zero,
}

struct Max<'a> {
    floor: Floor,
    y: &'a mut [f32],
    argmax: &'a mut [u8],
}

impl Pooling for Max<'_> {
    #[inline(always)]
    fn start<S: Simd>(&self) -> (S, S) {
        match self.floor {
            Floor::Zero => (S::splat(0.0), S::splat(f32::from(NO_ARGMAX))),
            Floor::None => (S::splat(f32::NEG_INFINITY), S::splat(f32::from(NO_ARGMAX))),
        }
    }

    // A value that is not a number wins and stays: it must show.
    #[inline(always)]
    fn take<S: Simd>(&self, (largest, winner): (S, S), value: S, place: S) -> (S, S) {
        let winner = value.select_above(largest, place, winner);
        (value.select_above(largest, value, largest), winner)
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, (largest, winner): (S, S), _: usize, at: Range<usize>) {
        largest.store_slice(&mut self.y[at.clone()]);
        winner.store_bytes(&mut self.argmax[at]);
    }
}

struct MaxPoolBackward<'a> {
    dy: &'a [f32],
    argmax: &'a [u8],
}

impl PoolBackward for MaxPoolBackward<'_> {
    #[inline(always)]
    fn gradient<S: Simd>(&self, at: Range<usize>, place: usize, _: usize) -> S {
        let argmax = load_bytes(&self.argmax[at.clone()]);
        S::load_slice(&self.dy[at], 0.0).keep_where(argmax, place as u8)
    }
}

/// The largest value of each window of `x` (batch, height, width, channels), to `y` (batch,
/// rows, columns, channels), and to `argmax` (as `y`) its place in the window, row by row:
/// that of the first, where several are the largest, as TensorFlow's CPU kernel has it.
///
/// # Panics
/// When the sizes do not fit, or a window has more than 255 values.
pub fn max_pool2d(
    cpu: &Cpu,
    shape: Shape,
    floor: Floor,
    x: &[f32],
    y: &mut [f32],
    argmax: &mut [u8],
) {
    shape.check([x.len(), y.len(), argmax.len()]);
    let line = shape.columns().output() * shape.channels;
    let rows = shape.batch * shape.rows().output();
    let block = (BLOCK / (shape.width * shape.channels * shape.stride[0]).max(1)).max(1);
    let to = (rows_mut(y, line), rows_mut(argmax, line));
    cpu.for_rows(rows, block, to, |rows, (y, argmax)| {
        max_pool_rows(cpu.isa(), shape, floor, x, rows, y, argmax);
    });
}

/// The gradient of [`max_pool2d`]: `dx` (as `x`) from `dy` and `argmax` (as `y`). Every
/// window's goes to its winner; values that won several windows get the sum.
///
/// # Panics
/// When the sizes do not fit, or a window has more than 255 values.
pub fn max_pool2d_gradient(cpu: &Cpu, shape: Shape, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
    shape.check([dx.len(), dy.len(), argmax.len()]);
    let line = shape.width * shape.channels;
    let block = (BLOCK / line.max(1)).max(1);
    cpu.for_rows(shape.batch * shape.height, block, rows_mut(dx, line), |rows, dx| {
        max_pool_rows_gradient(cpu.isa(), shape, dy, argmax, rows, dx);
    });
}

/// The output's `rows`, counted through all images, on the calling thread.
pub(in super::super) fn max_pool_rows(
    isa: Isa,
    shape: Shape,
    floor: Floor,
    x: &[f32],
    rows: Range<usize>,
    y: &mut [f32],
    argmax: &mut [u8],
) {
    isa.run(Forward { shape, rows, x, pooling: Max { floor, y, argmax } });
}

/// The input's `rows`, counted through all images, on the calling thread.
pub(in super::super) fn max_pool_rows_gradient(
    isa: Isa,
    shape: Shape,
    dy: &[f32],
    argmax: &[u8],
    rows: Range<usize>,
    dx: &mut [f32],
) {
    isa.run(Backward { shape, rows, dx, unpooling: MaxPoolBackward { dy, argmax } });
}
