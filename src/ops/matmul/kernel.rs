//! The inner loops: register tiles of a few rows by sixteen columns.

use std::ops::Range;

use super::super::DisjointSlice;
use super::super::simd::{Kernel, LANES, Simd};
use super::Accumulate;
use super::pack::Panels;

/// The columns of a panel and of a tile: one vector.
pub const COLUMNS: usize = LANES;
/// The most rows of a tile, at any level.
const MAX_ROWS: usize = 24;

/// A tile of the result on its own, row by row.
#[repr(align(64))]
pub struct Tile([f32; MAX_ROWS * COLUMNS]);

impl Tile {
    pub const fn zeros() -> Self {
        Self([0.0; MAX_ROWS * COLUMNS])
    }

    #[inline(always)]
    pub fn row<S: Simd>(&self, row: usize) -> S {
        S::load_slice(&self.0[row * COLUMNS..][..COLUMNS], 0.0)
    }

    #[inline(always)]
    pub fn set_row<S: Simd>(&mut self, row: usize, values: S) {
        values.store_slice(&mut self.0[row * COLUMNS..][..COLUMNS]);
    }
}

/// `tile (rows, 16) = left · right` over packed panels of `depth` columns and rows.
///
/// # Panics
/// When a panel is shorter than the depth, or the tile has more rows than a level allows.
#[inline(always)]
pub fn tile_product<S: Simd>(rows: usize, left: &[f32], right: &[f32], tile: &mut Tile) {
    let depth = right.len() / COLUMNS;
    assert!(left.len() >= depth * rows && rows <= MAX_ROWS, "panels of other sizes");
    // SAFETY: both panels hold `depth` steps, and the tile has room for `rows` rows.
    unsafe {
        let to = tile.0.as_mut_ptr();
        product::<S>(rows, depth, left.as_ptr(), right.as_ptr(), None, to, COLUMNS);
    }
}

/// The products of row panels with column panels, at one depth.
pub struct BlockProduct<'a> {
    pub panels: Panels,
    pub left: &'a [f32],
    pub right: &'a [f32],
    pub depth: usize,
    pub start: Accumulate<'a>,
    /// The columns of the result that `right` holds.
    pub columns: Range<usize>,
    /// Which tiles, counted along the columns of one row panel after another.
    pub tiles: Range<usize>,
    pub result: DisjointSlice<'a>,
    pub result_columns: usize,
}

impl Kernel for BlockProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let column_panels = self.columns.len().div_ceil(COLUMNS);
        let mut tiles = self.tiles.clone();
        while !tiles.is_empty() {
            let (panel, first) = (tiles.start / column_panels, tiles.start % column_panels);
            let last = column_panels.min(first + tiles.len());
            let rows = self.panels.range(panel);
            let left = &self.left[rows.start * self.depth..rows.end * self.depth];
            for i in first..last {
                let start = self.columns.start + i * COLUMNS;
                let right = &self.right[i * COLUMNS * self.depth..(i + 1) * COLUMNS * self.depth];
                let width = COLUMNS.min(self.columns.end - start);
                if width == COLUMNS {
                    self.whole_tile::<S>(rows.clone(), left, right, start);
                } else {
                    self.cut_tile::<S>(rows.clone(), left, right, start..start + width);
                }
            }
            tiles.start += last - first;
        }
    }
}

impl BlockProduct<'_> {
    /// A row of a tile, or of all of them.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    fn line(&self, row: usize, columns: &Range<usize>) -> &mut [f32] {
        let at = row * self.result_columns;
        // SAFETY: only this thread has the tiles that it was given.
        unsafe { self.result.range_mut(at + columns.start..at + columns.end) }
    }

    #[inline(always)]
    fn whole_tile<S: Simd>(&self, rows: Range<usize>, left: &[f32], right: &[f32], column: usize) {
        let columns = column..column + COLUMNS;
        let row = |row: usize| {
            let at = row * self.result_columns;
            self.result.pointer(at + columns.start..at + columns.end)
        };
        let _last_row_is_inside = row(rows.end - 1);
        let to = row(rows.start);
        let from = match self.start {
            Accumulate::Overwrite => None,
            Accumulate::Add => Some((to.cast_const(), self.result_columns)),
            // The same row for every row.
            Accumulate::Bias(bias) => Some((bias[columns].as_ptr(), 0)),
        };
        // SAFETY: the first and the last row of the tile lie inside the result, only this thread has
        // the tile, the bias has these columns, and both panels hold `depth` steps.
        unsafe {
            let (left, right) = (left.as_ptr(), right.as_ptr());
            product::<S>(rows.len(), self.depth, left, right, from, to, self.result_columns);
        }
    }

    /// A tile at the edge, computed on its own and copied.
    #[inline(always)]
    fn cut_tile<S: Simd>(
        &self,
        rows: Range<usize>,
        left: &[f32],
        right: &[f32],
        columns: Range<usize>,
    ) {
        let mut tile = Tile::zeros();
        for (i, row) in rows.clone().enumerate() {
            let to = &mut tile.0[i * COLUMNS..][..columns.len()];
            match self.start {
                Accumulate::Overwrite => (),
                Accumulate::Add => to.copy_from_slice(self.line(row, &columns)),
                Accumulate::Bias(bias) => to.copy_from_slice(&bias[columns.clone()]),
            }
        }
        let to = tile.0.as_mut_ptr();
        // SAFETY: the tile has room for any panel, and both panels hold `depth` steps.
        unsafe {
            let (left, right) = (left.as_ptr(), right.as_ptr());
            let from = Some((to.cast_const(), COLUMNS));
            product::<S>(rows.len(), self.depth, left, right, from, to, COLUMNS);
        }
        for (i, row) in rows.enumerate() {
            self.line(row, &columns).copy_from_slice(&tile.0[i * COLUMNS..][..columns.len()]);
        }
    }
}

/// Where a tile's sums begin: the first row and the distance of the rows, or zero.
type From = Option<(*const f32, usize)>;

/// Chooses the loop for a number of rows, so that a tile never computes a row too many.
///
/// # Safety
/// `left` holds `depth * rows` values, `right` `depth * 16`; `to` and `from` have `rows`
/// rows of sixteen values, `stride` apart.
#[inline(always)]
unsafe fn product<S: Simd>(
    rows: usize,
    depth: usize,
    left: *const f32,
    right: *const f32,
    from: From,
    to: *mut f32,
    stride: usize,
) {
    macro_rules! choose {
        ($($n:literal)*) => {
            match rows {
                // SAFETY: the caller's.
                $($n => unsafe { rows_product::<S, $n>(depth, left, right, from, to, stride) },)*
                _ => unreachable!("a panel has at most {MAX_ROWS} rows"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24)
}

/// # Safety
/// As [`product`], with `ROWS` rows.
#[inline(always)]
unsafe fn rows_product<S: Simd, const ROWS: usize>(
    depth: usize,
    mut left: *const f32,
    mut right: *const f32,
    from: From,
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: the pointers stay inside what the caller answers for.
    unsafe {
        let mut sums = [S::splat(0.0); ROWS];
        if let Some((from, stride)) = from {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = S::load(from.add(i * stride));
            }
        }
        for _ in 0..depth {
            let row = S::load(right);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = S::splat(*left.add(i)).mul_add(row, *sum);
            }
            left = left.add(ROWS);
            right = right.add(COLUMNS);
        }
        for (i, sum) in sums.into_iter().enumerate() {
            sum.store(to.add(i * stride));
        }
    }
}
