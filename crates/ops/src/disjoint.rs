//! Mutable slices that several threads write in parts that do not overlap.

use std::marker::PhantomData;
use std::ops::Range;

use super::Cpu;

/// A mutable slice that workers write in disjoint parts, between barriers.
///
/// [`Cpu::for_rows`](super::Cpu::for_rows) is the safe way where every thread takes whole rows.
#[derive(Clone, Copy)]
pub struct DisjointSlice<'a, T = f32> {
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
        assert!(
            range.start <= range.end && range.end <= self.len,
            "the range extends past the end of the slice"
        );
        self.data.wrapping_add(range.start)
    }
}

/// A mutable slice as rows of `width` values each, for [`Cpu::for_rows`](super::Cpu::for_rows).
pub fn rows_mut<T>(slice: &mut [T], width: usize) -> RowsMut<'_, T> {
    RowsMut { slice: DisjointSlice::new(slice), width }
}

/// What [`rows_mut`] makes.
pub struct RowsMut<'a, T = f32> {
    slice: DisjointSlice<'a, T>,
    width: usize,
}

/// Rows that can be handed out in blocks: of one slice, or the same rows of several.
pub trait Rows {
    /// A block of rows.
    type Block;

    /// The block `rows`.
    ///
    /// # Safety
    /// No other block that still lives has a row of this one.
    ///
    /// # Panics
    /// When there are not as many rows.
    unsafe fn block(&self, rows: &Range<usize>) -> Self::Block;
}

impl<'a, T> Rows for RowsMut<'a, T> {
    type Block = &'a mut [T];

    #[inline]
    unsafe fn block(&self, rows: &Range<usize>) -> &'a mut [T] {
        let [start, end] = [rows.start, rows.end].map(|row| row.checked_mul(self.width));
        let (Some(start), Some(end)) = (start, end) else { panic!("there are fewer rows") };
        // SAFETY: rows do not overlap, and no other block has these.
        unsafe { self.slice.range_mut(start..end) }
    }
}

/// A mutable slice as sequences side by side: row `position · batch + b`, of `width` values, is of
/// sequence `b`.
pub fn sequences_mut(slice: &mut [f32], batch: usize, width: usize) -> SequencesMut<'_> {
    let length = slice.len() / (batch * width).max(1);
    let slice = DisjointSlice::new(slice);
    SequencesMut(Places { slice, count: batch, beside: batch, length, width })
}

/// A mutable slice of images as their columns: pixel (image, row, column), of `width` values, is at
/// place `row` of sequence `image · columns + column`. With one column they are rows.
pub fn columns_mut(
    slice: &mut [f32],
    [rows, columns]: [usize; 2],
    width: usize,
) -> SequencesMut<'_> {
    let count = slice.len() / (rows * width).max(1);
    let slice = DisjointSlice::new(slice);
    SequencesMut(Places { slice, count, beside: columns, length: rows, width })
}

/// What [`sequences_mut`] and [`columns_mut`] make. Two of them never have the same slice.
pub struct SequencesMut<'a>(Places<'a>);

#[derive(Clone, Copy)]
struct Places<'a> {
    slice: DisjointSlice<'a>,
    count: usize,
    /// Sequences side by side.
    beside: usize,
    length: usize,
    width: usize,
}

/// Some of the sequences.
pub struct Sequences<'a> {
    all: Places<'a>,
    own: Range<usize>,
}

impl Sequences<'_> {
    /// The row of a position of one of them.
    ///
    /// # Panics
    /// When there is none, or the sequence is not one of these.
    #[inline(always)]
    pub fn row(&mut self, position: usize, sequence: usize) -> &mut [f32] {
        let Places { slice, beside, length, width, .. } = self.all;
        assert!(self.own.contains(&sequence), "a sequence of a different block");
        assert!(position < length, "sequences of length {length} have no position {position}");
        let place = (sequence / beside * length + position) * beside + sequence % beside;
        // SAFETY: nobody else has the rows of these sequences, and `self` lends one at a time.
        unsafe { slice.range_mut(place * width..(place + 1) * width) }
    }
}

impl<'a> Rows for SequencesMut<'a> {
    type Block = Sequences<'a>;

    #[inline]
    unsafe fn block(&self, rows: &Range<usize>) -> Sequences<'a> {
        assert!(rows.end <= self.0.count, "there are fewer sequences");
        Sequences { all: self.0, own: rows.clone() }
    }
}

/// A matrix of rows of `width` values as its columns: a block of them is the same part of every row.
pub fn column_ranges_mut(matrix: &mut [f32], width: usize) -> ColumnRangesMut<'_> {
    ColumnRangesMut { slice: DisjointSlice::new(matrix), width }
}

/// What [`column_ranges_mut`] makes.
pub struct ColumnRangesMut<'a> {
    slice: DisjointSlice<'a>,
    width: usize,
}

/// Some of the columns.
pub struct ColumnRange<'a> {
    slice: DisjointSlice<'a>,
    width: usize,
    own: Range<usize>,
}

impl ColumnRange<'_> {
    /// These columns of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline(always)]
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        let start = row * self.width;
        // SAFETY: nobody else has these columns, and `self` lends one row at a time.
        unsafe { self.slice.range_mut(start + self.own.start..start + self.own.end) }
    }
}

impl<'a> Rows for ColumnRangesMut<'a> {
    type Block = ColumnRange<'a>;

    /// Columns beyond the last are left out.
    #[inline]
    unsafe fn block(&self, columns: &Range<usize>) -> ColumnRange<'a> {
        let own = columns.start.min(self.width)..columns.end.min(self.width);
        ColumnRange { slice: self.slice, width: self.width, own }
    }
}

impl<R: Rows, const N: usize> Rows for [R; N] {
    type Block = [R::Block; N];

    #[inline]
    unsafe fn block(&self, rows: &Range<usize>) -> Self::Block {
        // SAFETY: the caller's; the slices are different ones.
        self.each_ref().map(|one| unsafe { one.block(rows) })
    }
}

impl<A: Rows, B: Rows> Rows for (A, B) {
    type Block = (A::Block, B::Block);

    #[inline]
    unsafe fn block(&self, rows: &Range<usize>) -> Self::Block {
        // SAFETY: the caller's; the slices are different ones.
        unsafe { (self.0.block(rows), self.1.block(rows)) }
    }
}

impl<A: Rows, B: Rows, C: Rows> Rows for (A, B, C) {
    type Block = (A::Block, B::Block, C::Block);

    #[inline]
    unsafe fn block(&self, rows: &Range<usize>) -> Self::Block {
        // SAFETY: the caller's; the slices are different ones.
        unsafe { (self.0.block(rows), self.1.block(rows), self.2.block(rows)) }
    }
}

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
            let part = unsafe { rows.block(&range) };
            work(range, part);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_row_of_every_slice_is_handed_out_once() {
        for threads in [1, 3] {
            let cpu = Cpu::new(Isa::Portable, threads).unwrap();
            let (mut a, mut b) = (vec![0; 103 * 3], [0u8; 103]);
            cpu.for_rows(103, 10, (rows_mut(&mut a, 3), rows_mut(&mut b, 1)), |rows, (a, b)| {
                assert_eq!((a.len(), b.len()), (3 * rows.len(), rows.len()));
                a.iter_mut().enumerate().for_each(|(i, a)| *a += rows.start * 3 + i + 1);
                b.iter_mut().for_each(|b| *b += 1);
            });
            assert!(a.iter().enumerate().all(|(i, &a)| a == i + 1));
            assert_eq!(b, [1; 103]);
        }
    }

    #[test]
    fn every_row_of_every_sequence_is_handed_out_once() {
        let cpu = Cpu::new(Isa::Portable, 3).unwrap();
        let mut rows = [0.0; 4 * 5 * 2];
        cpu.for_rows(5, 1, sequences_mut(&mut rows, 5, 2), |block, mut sequences| {
            for (position, b) in (0..4).zip(std::iter::repeat(block.start)) {
                sequences
                    .row(position, b)
                    .iter_mut()
                    .for_each(|x| *x += (10 * position + b) as f32);
            }
        });
        for (i, row) in rows.chunks(2).enumerate() {
            assert_eq!(row, [(10 * (i / 5) + i % 5) as f32; 2]);
        }
    }

    #[test]
    fn every_pixel_of_every_column_is_handed_out_once() {
        let cpu = Cpu::new(Isa::Portable, 3).unwrap();
        let mut pixels = [0.0; 2 * 3 * 5 * 2];
        cpu.for_rows(10, 2, columns_mut(&mut pixels, [3, 5], 2), |block, mut columns| {
            for (column, row) in block.flat_map(|column| (0..3).map(move |row| (column, row))) {
                let place = (column / 5 * 3 + row) * 5 + column % 5;
                columns.row(row, column).iter_mut().for_each(|x| *x += place as f32);
            }
        });
        for (place, pixel) in pixels.chunks(2).enumerate() {
            assert_eq!(pixel, [place as f32; 2]);
        }
    }

    #[test]
    fn every_column_of_a_matrix_is_handed_out_once_and_those_beyond_are_none() {
        let cpu = Cpu::new(Isa::Portable, 3).unwrap();
        let (mut wide, mut narrow) = ([0.0; 4 * 7], [0.0; 4 * 3]);
        let both = (column_ranges_mut(&mut wide, 7), column_ranges_mut(&mut narrow, 3));
        cpu.for_rows(7, 2, both, |columns, (mut wide, mut narrow)| {
            for row in 0..4 {
                let name = |place| (10 * row + columns.start + place) as f32;
                wide.row(row).iter_mut().enumerate().for_each(|(i, x)| *x += name(i));
                narrow.row(row).iter_mut().enumerate().for_each(|(i, x)| *x += name(i));
            }
        });
        for (i, row) in wide.chunks(7).enumerate() {
            assert!(row.iter().enumerate().all(|(j, &x)| x == (10 * i + j) as f32));
        }
        for (i, row) in narrow.chunks(3).enumerate() {
            assert!(row.iter().enumerate().all(|(j, &x)| x == (10 * i + j) as f32));
        }
    }

    #[test]
    #[should_panic(expected = "sequences of length 3 have no position 3")]
    fn a_place_in_the_next_image_is_refused() {
        let cpu = Cpu::in_order();
        cpu.for_rows(4, 4, columns_mut(&mut [0.0; 12], [3, 2], 1), |_, mut columns| {
            columns.row(3, 0);
        });
    }

    #[test]
    #[should_panic(expected = "a sequence of a different block")]
    fn the_rows_of_another_sequence_are_refused() {
        let cpu = Cpu::in_order();
        cpu.for_rows(2, 1, sequences_mut(&mut [0.0; 4], 2, 1), |block, mut sequences| {
            sequences.row(0, 1 - block.start);
        });
    }

    #[test]
    #[should_panic(expected = "the range extends past the end of the slice")]
    fn more_rows_than_the_slice_has_are_refused() {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        cpu.for_rows(3, 2, rows_mut(&mut [0.0f32; 5], 2), |_, _| ());
    }
}
