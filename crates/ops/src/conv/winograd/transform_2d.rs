//! A one-dimensional transform applied to the columns and the rows of a tile.

use std::mem::MaybeUninit;

use super::points::{POINTS, Transform};
use crate::simd::Simd;

/// Where the vectors of a tile come from.
pub trait Source<S> {
    /// The vector at row `i` and column `j`.
    ///
    /// # Safety
    /// The source has such a row and column, and its memory is readable.
    unsafe fn get(&self, i: usize, j: usize) -> S;
}

/// Where the vectors of a transformed tile go.
pub trait Sink<S> {
    /// Takes the vector at row `i` and column `j`.
    ///
    /// # Safety
    /// The sink has such a row and column, and its memory is writable.
    unsafe fn put(&self, i: usize, j: usize, values: S);
}

/// `to (O, O) = T · from (I, I) · Tᵀ`
///
/// # Safety
/// The source has `I` rows and columns, the sink `O`.
#[inline(always)]
pub unsafe fn transform_2d<S: Simd, T: Transform<I, O>, const I: usize, const O: usize>(
    from: &impl Source<S>,
    to: &impl Sink<S>,
) {
    let mut middle = [[const { MaybeUninit::<S>::uninit() }; I]; O];
    // SAFETY: the caller's; every element of `middle` is written before it is read.
    unsafe {
        for j in 0..I {
            let mut column = [from.get(0, j); I];
            for (i, value) in column.iter_mut().enumerate().skip(1) {
                *value = from.get(i, j);
            }
            for (row, value) in middle.iter_mut().zip(T::apply(column)) {
                row[j].write(value);
            }
        }
        for (i, line) in middle.iter().enumerate() {
            let mut row = [line[0].assume_init(); I];
            for (value, from) in row.iter_mut().zip(line) {
                *value = from.assume_init();
            }
            for (j, value) in T::apply(row).into_iter().enumerate() {
                to.put(i, j, value);
            }
        }
    }
}

/// Whole vectors of all points, each point's a constant distance from the last's.
pub struct Strided {
    pub at: *mut f32,
    pub distance: usize,
}

impl<S: Simd> Source<S> for Strided {
    #[inline(always)]
    unsafe fn get(&self, i: usize, j: usize) -> S {
        // SAFETY: the caller's.
        unsafe { S::load(self.at.add((i * POINTS + j) * self.distance)) }
    }
}

impl<S: Simd> Sink<S> for Strided {
    #[inline(always)]
    unsafe fn put(&self, i: usize, j: usize, values: S) {
        // SAFETY: the caller's.
        unsafe { values.store(self.at.add((i * POINTS + j) * self.distance)) }
    }
}

/// [`Strided`], whose next vectors are asked for meanwhile: as every point has its own place, the
/// CPU does not foresee them.
pub struct Prefetching {
    pub now: Strided,
    pub next: *const f32,
}

impl<S: Simd> Sink<S> for Prefetching {
    #[inline(always)]
    unsafe fn put(&self, i: usize, j: usize, values: S) {
        S::prefetch(self.next.wrapping_add((i * POINTS + j) * self.now.distance));
        // SAFETY: the caller's.
        unsafe { self.now.put(i, j, values) }
    }
}

impl<S: Simd> Source<S> for Prefetching {
    #[inline(always)]
    unsafe fn get(&self, i: usize, j: usize) -> S {
        S::prefetch(self.next.wrapping_add((i * POINTS + j) * self.now.distance));
        // SAFETY: the caller's.
        unsafe { self.now.get(i, j) }
    }
}

/// The first `width` channels starting at `channel` of pixels that are anywhere.
pub struct Pixels<'a, const N: usize> {
    pub at: &'a [[*mut f32; N]; N],
    pub channel: usize,
    pub width: usize,
}

impl<S: Simd, const N: usize> Source<S> for Pixels<'_, N> {
    #[inline(always)]
    unsafe fn get(&self, i: usize, j: usize) -> S {
        // SAFETY: the caller's.
        unsafe { S::load_first(self.at[i][j].add(self.channel), self.width, 0.0) }
    }
}

impl<S: Simd, const N: usize> Sink<S> for Pixels<'_, N> {
    #[inline(always)]
    unsafe fn put(&self, i: usize, j: usize, values: S) {
        // SAFETY: the caller's.
        unsafe { values.store_first(self.at[i][j].add(self.channel), self.width) }
    }
}
