//! The inner loops: register tiles of a few rows by sixteen columns, or by twice as many where there
//! are registers for two of them: then a value of the left side is read once for both.

use std::ops::Range;

use super::super::DisjointSlice;
use super::super::simd::{Kernel, LANES, Simd};
use super::Accumulate;
use super::pack::{Matrix, Panels};
use super::panel::{InPlace, Packed, Panel};

/// The columns of a panel and of a tile: one vector.
pub const COLUMNS: usize = LANES;
/// The most rows of a tile, at any level.
pub const MAX_ROWS: usize = 14;

/// How many lines of the right side ahead of the product the cache is filled, of two panels at a time
/// and of one. Panels stand one behind another: towards the end of one the next is asked for.
const LINES_AHEAD: usize = 12;
const LINES_AHEAD_OF_ONE: usize = 32;

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

/// `tiles[i] (rows, 16) = left · rights[i]` over packed panels of the same depth.
///
/// # Panics
/// When a panel is shorter than the depth, or a tile has more rows than a level allows.
#[inline(always)]
pub fn tile_products<S: Simd>(
    rows: usize,
    left: &[f32],
    rights: [&[f32]; 2],
    tiles: [&mut Tile; 2],
) {
    let depth = rights[0].len() / COLUMNS;
    assert!(left.len() >= depth * rows && rows <= MAX_ROWS, "panels of other sizes");
    assert!(rights[1].len() == rights[0].len(), "right sides of other sizes");
    let (left, rights) = (Packed::new(left), rights.map(<[f32]>::as_ptr));
    let to = tiles.map(|tile| tile.0.as_mut_ptr());
    // SAFETY: the panels hold `depth` steps, and the tiles have room for `rows` rows.
    unsafe { two_products::<S, _>(rows, depth, left, rights, [None; 2], to, COLUMNS) }
}

/// The left side of some products at one depth.
#[derive(Clone, Copy)]
pub enum Left<'a> {
    /// Its row panels, packed.
    Packed(&'a [f32]),
    /// A matrix that is stored row by row, from a column on.
    InPlace(Matrix<'a>, usize),
}

/// The products of row panels with column panels, at one depth.
pub struct BlockProduct<'a> {
    pub panels: Panels,
    pub left: Left<'a>,
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
        match self.left {
            Left::Packed(left) => self.tiles::<S, _>(|rows| {
                Packed::new(&left[rows.start * self.depth..rows.end * self.depth])
            }),
            Left::InPlace(left, column) => self.tiles::<S, _>(|rows| {
                let columns = column..column + self.depth;
                let _last_row_is_inside = left.row(rows.end - 1, columns.clone());
                InPlace::new(left.row(rows.start, columns).as_ptr(), left.row_stride())
            }),
        }
    }
}

impl BlockProduct<'_> {
    #[inline(always)]
    fn tiles<S: Simd, L: Panel>(&self, left: impl Fn(&Range<usize>) -> L) {
        let column_panels = self.columns.len().div_ceil(COLUMNS);
        let mut tiles = self.tiles.clone();
        while !tiles.is_empty() {
            let (panel, first) = (tiles.start / column_panels, tiles.start % column_panels);
            let last = column_panels.min(first + tiles.len());
            let rows = self.panels.range(panel);
            self.row_of_tiles::<S, L>(left(&rows), rows, first..last);
            tiles.start += last - first;
        }
    }

    /// The tiles of one row panel with some column panels.
    #[inline(always)]
    fn row_of_tiles<S: Simd, L: Panel>(&self, left: L, rows: Range<usize>, panels: Range<usize>) {
        let right = |i: usize| &self.right[i * COLUMNS * self.depth..][..COLUMNS * self.depth];
        let mut i = panels.start;
        while i < panels.end {
            let start = self.columns.start + i * COLUMNS;
            let width = self.columns.end - start;
            if i + 1 < panels.end && width >= 2 * COLUMNS {
                self.whole_tiles::<S, L>(rows.clone(), left, [right(i), right(i + 1)], start);
                i += 2;
                continue;
            }
            if width >= COLUMNS {
                self.whole_tile::<S, L>(rows.clone(), left, right(i), start);
            } else {
                self.cut_tile::<S, L>(rows.clone(), left, right(i), start..start + width);
            }
            i += 1;
        }
    }

    /// A row of a tile, or of all of them.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    fn line(&self, row: usize, columns: &Range<usize>) -> &mut [f32] {
        let at = row * self.result_columns;
        // SAFETY: only this thread has the tiles that it was given.
        unsafe { self.result.range_mut(at + columns.start..at + columns.end) }
    }

    /// Where a tile of whole columns begins, and what it is added to.
    #[inline(always)]
    fn place(&self, rows: &Range<usize>, column: usize) -> (*mut f32, From) {
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
        (to, from)
    }

    #[inline(always)]
    fn whole_tile<S: Simd, L: Panel>(
        &self,
        rows: Range<usize>,
        left: L,
        right: &[f32],
        column: usize,
    ) {
        let (to, from) = self.place(&rows, column);
        // SAFETY: the first and the last row of the tile lie inside the result, only this thread has
        // the tile, the bias has these columns, and both panels hold `depth` steps.
        unsafe {
            let right = right.as_ptr();
            product::<S, L>(rows.len(), self.depth, left, right, from, to, self.result_columns);
        }
    }

    /// Two tiles side by side.
    #[inline(always)]
    fn whole_tiles<S: Simd, L: Panel>(
        &self,
        rows: Range<usize>,
        left: L,
        rights: [&[f32]; 2],
        column: usize,
    ) {
        let [(to, from), (next, from_next)] =
            [self.place(&rows, column), self.place(&rows, column + COLUMNS)];
        let rights = rights.map(<[f32]>::as_ptr);
        let (from, to, stride) = ([from, from_next], [to, next], self.result_columns);
        // SAFETY: as for one tile, twice.
        unsafe { two_products::<S, L>(rows.len(), self.depth, left, rights, from, to, stride) }
    }

    /// A tile at the edge, computed on its own and copied.
    #[inline(always)]
    fn cut_tile<S: Simd, L: Panel>(
        &self,
        rows: Range<usize>,
        left: L,
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
            let right = right.as_ptr();
            let from = Some((to.cast_const(), COLUMNS));
            product::<S, L>(rows.len(), self.depth, left, right, from, to, COLUMNS);
        }
        for (i, row) in rows.enumerate() {
            self.line(row, &columns).copy_from_slice(&tile.0[i * COLUMNS..][..columns.len()]);
        }
    }
}

/// Where a tile's sums begin: the first row and the distance of the rows, or zero.
type From = Option<(*const f32, usize)>;

/// Calls the loop for a number of rows, so that a tile never computes a row too many. Each is a function
/// of its own: among other code the compiler leaves sums in memory, where there are just registers enough.
macro_rules! for_rows {
    (@ $rows:expr, $product:ident, $level:ident, $fields:tt, $($n:literal)*) => {
        match $rows {
            $($n => $level::call($product::<_, $n> $fields),)*
            _ => unreachable!("a panel has at most {MAX_ROWS} rows"),
        }
    };
    ($rows:expr, $product:ident, $level:ident, $fields:tt) => {
        for_rows!(@ $rows, $product, $level, $fields, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
}

/// Two products of the same rows, at once where the level has registers for both.
///
/// # Safety
/// As [`product`], for both.
#[inline(always)]
unsafe fn two_products<S: Simd, L: Panel>(
    rows: usize,
    depth: usize,
    left: L,
    rights: [*const f32; 2],
    from: [From; 2],
    to: [*mut f32; 2],
    stride: usize,
) {
    if S::TILE[1] == 2 {
        return for_rows!(rows, RowsProducts, S, { depth, left, rights, from, to, stride });
    }
    for i in 0..2 {
        // SAFETY: the caller's.
        unsafe { product::<S, L>(rows, depth, left, rights[i], from[i], to[i], stride) }
    }
}

/// # Safety
/// `left` has `rows` rows and `depth` columns, `right` holds `depth * 16` values; `to` and `from` have `rows`
/// rows of sixteen values, `stride` apart.
#[inline(always)]
unsafe fn product<S: Simd, L: Panel>(
    rows: usize,
    depth: usize,
    left: L,
    right: *const f32,
    from: From,
    to: *mut f32,
    stride: usize,
) {
    for_rows!(rows, RowsProduct, S, { depth, left, right, from, to, stride });
}

/// The loop of [`product`], whose caller answers for the pointers.
struct RowsProduct<L, const ROWS: usize> {
    depth: usize,
    left: L,
    right: *const f32,
    from: From,
    to: *mut f32,
    stride: usize,
}

impl<L: Panel, const ROWS: usize> Kernel for RowsProduct<L, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut left, mut right) = (self.left, self.right);
        // SAFETY: the pointers stay inside what the caller answers for.
        unsafe {
            let mut sums = first_sums::<S, ROWS>(self.from);
            for _ in 0..self.depth {
                let row = S::load(right);
                // A product of few rows waits for its right side, which comes from far away.
                S::prefetch(right.wrapping_add(LINES_AHEAD_OF_ONE * COLUMNS));
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = S::splat(*left.at(i)).mul_add(row, *sum);
                }
                left = left.next::<ROWS>();
                right = right.add(COLUMNS);
            }
            for (i, sum) in sums.into_iter().enumerate() {
                sum.store(self.to.add(i * self.stride));
            }
        }
    }
}

/// The loop of [`two_products`], whose caller answers for the pointers.
struct RowsProducts<L, const ROWS: usize> {
    depth: usize,
    left: L,
    rights: [*const f32; 2],
    from: [From; 2],
    to: [*mut f32; 2],
    stride: usize,
}

impl<L: Panel, const ROWS: usize> Kernel for RowsProducts<L, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut left, mut rights) = (self.left, self.rights);
        // SAFETY: the pointers stay inside what the caller answers for.
        unsafe {
            let (mut first, mut second) =
                (first_sums::<S, ROWS>(self.from[0]), first_sums::<S, ROWS>(self.from[1]));
            for _ in 0..self.depth {
                let rows = [S::load(rights[0]), S::load(rights[1])];
                for right in &mut rights {
                    // Two panels at a time are more than the processor foresees by itself.
                    S::prefetch(right.wrapping_add(LINES_AHEAD * COLUMNS));
                    *right = right.add(COLUMNS);
                }
                for i in 0..ROWS {
                    let value = S::splat(*left.at(i));
                    first[i] = value.mul_add(rows[0], first[i]);
                    second[i] = value.mul_add(rows[1], second[i]);
                }
                left = left.next::<ROWS>();
            }
            for i in 0..ROWS {
                first[i].store(self.to[0].add(i * self.stride));
                second[i].store(self.to[1].add(i * self.stride));
            }
        }
    }
}

/// What the sums of a tile begin with.
///
/// # Safety
/// `from` has `ROWS` rows.
#[inline(always)]
unsafe fn first_sums<S: Simd, const ROWS: usize>(from: From) -> [S; ROWS] {
    let mut sums = [S::splat(0.0); ROWS];
    if let Some((from, stride)) = from {
        for (i, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's.
            *sum = unsafe { S::load(from.add(i * stride)) };
        }
    }
    sums
}
