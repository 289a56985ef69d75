//! Mutable slices that several threads write in parts that do not overlap.

mod matrix;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::ops::Range;

use super::cpu::Queue;
use super::{Cpu, Worker};
pub(super) use matrix::tiles_mut;
pub use matrix::{MatrixMut, columns_mut};

/// A mutable slice that is shared by threads, of which each accesses parts of its own.
#[derive(Clone, Copy)]
pub(super) struct DisjointSlice<'a, T = f32> {
    data: *mut T,
    len: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: access goes through unsafe methods whose callers answer for disjoint parts.
unsafe impl<T: Send> Send for DisjointSlice<'_, T> {}
// SAFETY: as for `Send`; `range` also lets several threads read a value, hence `T: Sync`.
unsafe impl<T: Send + Sync> Sync for DisjointSlice<'_, T> {}

impl<'a, T> DisjointSlice<'a, T> {
    /// Shares `slice` among workers.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { data: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// A part of the slice, to be read.
    ///
    /// # Safety
    /// While the result lives, nobody writes this range and no `range_mut` of it exists.
    ///
    /// # Panics
    /// When the range leaves the slice.
    #[inline(always)]
    pub unsafe fn range(&self, range: Range<usize>) -> &'a [T] {
        let len = range.len();
        // SAFETY: the pointer is valid for the range, and the caller answers for the writers.
        unsafe { std::slice::from_raw_parts(self.pointer(range), len) }
    }

    /// A part of the slice, to be written.
    ///
    /// # Safety
    /// While the result lives, it is the only access to this range.
    ///
    /// # Panics
    /// When the range leaves the slice.
    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    pub unsafe fn range_mut(&self, range: Range<usize>) -> &'a mut [T] {
        let len = range.len();
        // SAFETY: the pointer is valid for the range, and the caller answers for disjointness.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(range), len) }
    }

    /// Where a part of the slice starts, for parts of several workers that interleave. The pointer
    /// is valid for the whole slice.
    ///
    /// # Panics
    /// When the range leaves the slice.
    #[inline(always)]
    pub fn pointer(&self, range: Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len, "range leaves the slice");
        self.data.wrapping_add(range.start)
    }
}

/// What can be handed out in blocks of rows that do not overlap: one slice, or several at once.
///
/// # Safety
/// Blocks of different rows give access to different memory.
pub unsafe trait Rows {
    /// A block of rows.
    type Block;

    /// The block `rows`.
    ///
    /// # Safety
    /// No other block that still lives has a row of this one.
    ///
    /// # Panics
    /// When there are not as many rows.
    unsafe fn block(&self, rows: Range<usize>) -> Self::Block;
}

/// A mutable slice as rows of `width` values each.
pub fn rows_mut<T>(slice: &mut [T], width: usize) -> RowsMut<'_, T> {
    RowsMut { slice: DisjointSlice::new(slice), width }
}

/// What [`rows_mut`] makes.
pub struct RowsMut<'a, T = f32> {
    slice: DisjointSlice<'a, T>,
    width: usize,
}

// SAFETY: rows do not overlap.
unsafe impl<'a, T> Rows for RowsMut<'a, T> {
    type Block = &'a mut [T];

    #[inline]
    unsafe fn block(&self, rows: Range<usize>) -> &'a mut [T] {
        // SAFETY: the caller's.
        unsafe { self.slice.range_mut(rows.start * self.width..rows.end * self.width) }
    }
}

/// A mutable slice as pieces of `width` values each; the last may be shorter.
pub fn chunks_mut<T>(slice: &mut [T], width: usize) -> ChunksMut<'_, T> {
    ChunksMut(rows_mut(slice, width))
}

/// What [`chunks_mut`] makes.
pub struct ChunksMut<'a, T = f32>(RowsMut<'a, T>);

// SAFETY: pieces do not overlap.
unsafe impl<'a, T> Rows for ChunksMut<'a, T> {
    type Block = &'a mut [T];

    #[inline]
    unsafe fn block(&self, pieces: Range<usize>) -> &'a mut [T] {
        let RowsMut { slice, width } = &self.0;
        let [start, end] = [pieces.start, pieces.end].map(|piece| slice.len.min(piece * width));
        // SAFETY: the caller's.
        unsafe { slice.range_mut(start..end) }
    }
}

// SAFETY: the slices are different ones.
unsafe impl<R: Rows> Rows for Option<R> {
    type Block = Option<R::Block>;

    #[inline]
    unsafe fn block(&self, rows: Range<usize>) -> Self::Block {
        // SAFETY: the caller's.
        self.as_ref().map(|one| unsafe { one.block(rows) })
    }
}

// SAFETY: the slices are different ones.
unsafe impl<R: Rows, const N: usize> Rows for [R; N] {
    type Block = [R::Block; N];

    #[inline]
    unsafe fn block(&self, rows: Range<usize>) -> Self::Block {
        // SAFETY: the caller's.
        self.each_ref().map(|one| unsafe { one.block(rows.clone()) })
    }
}

macro_rules! several {
    ($($name:ident)*) => {
        // SAFETY: the slices are different ones.
        unsafe impl<$($name: Rows),*> Rows for ($($name,)*) {
            type Block = ($($name::Block,)*);

            #[inline]
            unsafe fn block(&self, rows: Range<usize>) -> Self::Block {
                #[allow(non_snake_case)]
                let ($($name,)*) = self;
                // SAFETY: the caller's.
                unsafe { ($($name.block(rows.clone()),)*) }
            }
        }
    };
}
several!(A B);
several!(A B C);
several!(A B C D);

impl Cpu {
    /// Calls `work` for each block of the rows `0..len`, with that block of `rows`, on whichever
    /// thread is free.
    ///
    /// # Panics
    /// When `rows` has fewer than `len` rows.
    pub fn for_rows<R: Rows + Sync, F>(&self, len: usize, block: usize, rows: R, work: F)
    where
        F: Fn(Range<usize>, R::Block) + Sync,
    {
        self.for_blocks(len, block, |range| {
            // SAFETY: every row is in one block, and `rows` is used up by this call.
            let part = unsafe { rows.block(range.clone()) };
            work(range, part);
        });
    }

    /// The same in blocks of at most `most` rows that shrink towards the end, so that threads
    /// finish together; on this thread alone where there are only a few `operations`.
    ///
    /// # Panics
    /// As [`Cpu::for_rows`].
    pub fn for_chunks<R: Rows + Sync, F>(
        &self,
        operations: usize,
        len: usize,
        most: usize,
        rows: R,
        work: F,
    ) where
        F: Fn(Range<usize>, R::Block) + Sync,
    {
        let queue = Queue::new(len);
        self.parallel(operations, |_| {
            while let Some(range) = queue.next_chunk(most, self.threads()) {
                // SAFETY: as in `for_rows`.
                let part = unsafe { rows.block(range.clone()) };
                work(range, part);
            }
        });
    }

    /// Calls `work` once on every thread at the same time, with an even share of the rows `0..len`;
    /// once with all of them where there are only a few `operations` between two barriers.
    ///
    /// # Panics
    /// As [`Cpu::for_rows`].
    pub fn for_shares<R: Rows + Sync, F>(&self, operations: usize, len: usize, rows: R, work: F)
    where
        F: Fn(&Worker, Range<usize>, R::Block) + Sync,
    {
        self.parallel(operations, |worker| {
            let range = worker.chunk(len);
            // SAFETY: the shares of a team do not overlap, and `rows` is used up by this call.
            let part = unsafe { rows.block(range.clone()) };
            work(worker, range, part);
        });
    }
}

/// Cuts a slice into pieces of these lengths, one after another; what is left over is put aside.
///
/// # Panics
/// When the slice is too short.
pub fn cut<T>(mut slice: &mut [T], lengths: impl IntoIterator<Item = usize>) -> Vec<&mut [T]> {
    let next = |len| slice.split_off_mut(..len).expect("the slice is too short");
    lengths.into_iter().map(next).collect()
}
