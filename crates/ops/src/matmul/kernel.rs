//! The inner loops: register tiles of a few rows by sixteen columns, or by twice as many where there
//! are registers for two of them: then a value of the left side is read once for both.

use std::ops::Range;

use super::super::DisjointSlice;
use super::super::relu::Rectifier;
use super::super::simd::{Kernel, LANES, Simd};
use super::Accumulate;
use super::pack::{Panels, Tile};
use super::panel::{Ahead, InPlace, Left, Packed, Panel, for_rows};

/// The columns of a panel and of a tile: one vector.
pub const COLUMNS: usize = LANES;
/// The most rows of a tile, at any level.
pub const MAX_ROWS: usize = 14;

/// Lines of the right side that are asked for ahead of the product, of two panels at once and of one.
const LINES_AHEAD: usize = 12;
const LINES_AHEAD_OF_ONE: usize = 32;
/// The most rows that wait for a narrow block of the right side.
const ROWS_THAT_WAIT: usize = 100;

/// `tiles[i] (rows, 16) = left · rights[i]` over packed panels of the same depth, while the cache is
/// asked for what comes `ahead`.
///
/// # Panics
/// When a panel is shorter than the depth, or a tile has more rows than a level allows.
#[inline(always)]
pub fn tile_products<S: Simd>(
    rows: usize,
    left: &[f32],
    rights: [&[f32]; 2],
    ahead: Ahead,
    tiles: [&mut Tile; 2],
) {
    let depth = rights[0].len() / COLUMNS;
    assert!(left.len() >= depth * rows && rows <= MAX_ROWS, "the panels have the wrong sizes");
    assert!(rights[1].len() == rights[0].len(), "the right sides have the wrong sizes");
    let (left, rights) = (Packed::new(left), rights.map(<[f32]>::as_ptr));
    let places = tiles.map(|tile| Place {
        from: None,
        to: tile.0.as_mut_ptr(),
        stride: COLUMNS,
        rectifier: Rectifier::None,
    });
    // SAFETY: the panels hold `depth` steps, and the tiles have room for `rows` rows.
    unsafe { two_products::<S, _>(rows, depth, left, rights, ahead, places) }
}

/// The products of row panels with column panels, at one depth.
pub struct BlockProduct<'a> {
    pub panels: Panels,
    pub left: Left<'a>,
    pub right: &'a [f32],
    pub depth: usize,
    pub start: Accumulate<'a>,
    /// The activation that follows the sums, which are complete then.
    pub rectifier: Rectifier,
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
        // Few divisions: of a small depth, a tile is soon done.
        let block = self.columns.len().div_ceil(COLUMNS);
        let ahead = self.ahead(block);
        let (mut panel, mut first) = (self.tiles.start / block, self.tiles.start % block);
        let (mut start, mut rest) = (self.panels.start(panel), self.tiles.len());
        while rest > 0 {
            let (end, last) = (self.panels.start(panel + 1), block.min(first + rest));
            let ahead = ahead.after(panel * block * self.depth);
            self.row_of_tiles::<S, L>(start..end, left(&(start..end)), ahead, first..last);
            rest -= last - first;
            (panel, first, start) = (panel + 1, 0, end);
        }
    }

    /// What the tiles prefetch, one after the other: the next block of the right side, where blocks
    /// are narrow and of few rows. With more, a block takes longer than that.
    fn ahead(&self, block: usize) -> Ahead {
        if block > 2 || self.panels.rows > ROWS_THAT_WAIT {
            return Ahead::nothing(self.right);
        }
        let len = block * COLUMNS * self.depth;
        let next = self.right.as_ptr().wrapping_add(len);
        Ahead::share(next, len, [0, self.panels.count * block], self.depth)
    }

    /// The tiles of one row panel with some column panels.
    #[inline(always)]
    fn row_of_tiles<S: Simd, L: Panel>(
        &self,
        rows: Range<usize>,
        left: L,
        ahead: Ahead,
        panels: Range<usize>,
    ) {
        let right = |i: usize| &self.right[i * COLUMNS * self.depth..][..COLUMNS * self.depth];
        let mut i = panels.start;
        while i < panels.end {
            let start = self.columns.start + i * COLUMNS;
            let ahead = ahead.after(i * self.depth);
            let width = self.columns.end - start;
            if i + 1 < panels.end && width >= 2 * COLUMNS {
                let rights = [right(i), right(i + 1)];
                self.whole_tiles::<S, L>(rows.clone(), left, rights, ahead, start);
                i += 2;
                continue;
            }
            if width >= COLUMNS {
                self.whole_tile::<S, L>(rows.clone(), left, right(i), ahead, start);
            } else {
                self.cut_tile::<S, L>(rows.clone(), left, right(i), ahead, start..start + width);
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

    /// The place of a tile of whole columns.
    #[inline(always)]
    fn place(&self, rows: &Range<usize>, column: usize) -> Place {
        let (columns, stride) = (column..column + COLUMNS, self.result_columns);
        let row = |row: usize| {
            let at = row * stride;
            self.result.pointer(at + columns.start..at + columns.end)
        };
        let _last_row_is_inside = row(rows.end - 1);
        let to = row(rows.start);
        let from = match self.start {
            Accumulate::Overwrite => None,
            Accumulate::Add => Some((to.cast_const(), stride)),
            // The same row for every row.
            Accumulate::Bias(bias) => Some((bias[columns].as_ptr(), 0)),
        };
        Place { from, to, stride, rectifier: self.rectifier }
    }

    #[inline(always)]
    fn whole_tile<S: Simd, L: Panel>(
        &self,
        rows: Range<usize>,
        left: L,
        right: &[f32],
        ahead: Ahead,
        column: usize,
    ) {
        let place = self.place(&rows, column);
        // SAFETY: the first and the last row of the tile are inside the result, only this thread
        // has the tile, the bias has these columns, and both panels hold `depth` steps.
        unsafe { product::<S, L>(rows.len(), self.depth, left, right.as_ptr(), ahead, place) }
    }

    /// Two tiles side by side.
    #[inline(always)]
    fn whole_tiles<S: Simd, L: Panel>(
        &self,
        rows: Range<usize>,
        left: L,
        rights: [&[f32]; 2],
        ahead: Ahead,
        column: usize,
    ) {
        let places = [self.place(&rows, column), self.place(&rows, column + COLUMNS)];
        let rights = rights.map(<[f32]>::as_ptr);
        // SAFETY: as for one tile, twice.
        unsafe { two_products::<S, L>(rows.len(), self.depth, left, rights, ahead, places) }
    }

    /// A tile at the edge, computed on its own and copied.
    #[inline(always)]
    fn cut_tile<S: Simd, L: Panel>(
        &self,
        rows: Range<usize>,
        left: L,
        right: &[f32],
        ahead: Ahead,
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
        let from = Some((to.cast_const(), COLUMNS));
        let place = Place { from, to, stride: COLUMNS, rectifier: self.rectifier };
        // SAFETY: the tile has room for any panel, and both panels hold `depth` steps.
        unsafe { product::<S, L>(rows.len(), self.depth, left, right.as_ptr(), ahead, place) }
        for (i, row) in rows.enumerate() {
            self.line(row, &columns).copy_from_slice(&tile.0[i * COLUMNS..][..columns.len()]);
        }
    }
}

/// Where the sums of a tile begin: the first row and the distance of the rows, or zero.
type From = Option<(*const f32, usize)>;

/// Where the sums of a tile begin, and where they go, rows of sixteen values `stride` apart.
#[derive(Clone, Copy)]
struct Place {
    from: From,
    to: *mut f32,
    stride: usize,
    rectifier: Rectifier,
}

impl Place {
    /// # Safety
    /// `to` has `ROWS` rows, which nobody else reads or writes.
    #[inline(always)]
    unsafe fn store<S: Simd, const ROWS: usize>(self, sums: [S; ROWS]) {
        for (i, sum) in sums.into_iter().enumerate() {
            // SAFETY: the caller's.
            unsafe { self.rectifier.of(sum).store(self.to.add(i * self.stride)) };
        }
    }
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
    mut ahead: Ahead,
    places: [Place; 2],
) {
    if S::TILE[1] == 2 {
        return for_rows!(rows, RowsProducts, S, { depth, left, rights, ahead, places });
    }
    for i in 0..2 {
        // SAFETY: the caller's.
        unsafe { product::<S, L>(rows, depth, left, rights[i], ahead, places[i]) }
        ahead.at = ahead.at.wrapping_add(depth * ahead.step);
    }
}

/// # Safety
/// `left` has `rows` rows and `depth` columns, `right` holds `depth * 16` values; both ends of the
/// place have `rows` rows.
#[inline(always)]
unsafe fn product<S: Simd, L: Panel>(
    rows: usize,
    depth: usize,
    left: L,
    right: *const f32,
    ahead: Ahead,
    place: Place,
) {
    for_rows!(rows, RowsProduct, S, { depth, left, right, ahead, place });
}

/// The loop of [`product`], whose caller answers for the pointers.
struct RowsProduct<L, const ROWS: usize> {
    depth: usize,
    left: L,
    right: *const f32,
    ahead: Ahead,
    place: Place,
}

impl<L: Panel, const ROWS: usize> Kernel for RowsProduct<L, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut left, mut right, mut ahead) = (self.left, self.right, self.ahead.at);
        // SAFETY: the pointers stay inside what the caller answers for.
        unsafe {
            let mut sums = first_sums::<S, ROWS>(self.place.from);
            for _ in 0..self.depth {
                let row = S::load(right);
                // A product of few rows waits for its right side, which comes from far away.
                S::prefetch(right.wrapping_add(LINES_AHEAD_OF_ONE * COLUMNS));
                if self.ahead.step > 0 {
                    S::prefetch(ahead);
                    ahead = ahead.wrapping_add(self.ahead.step);
                }
                for (sum, value) in sums.iter_mut().zip(left.column()) {
                    *sum = S::splat(*value).mul_add(row, *sum);
                }
                left = left.next::<ROWS>();
                right = right.add(COLUMNS);
            }
            self.place.store(sums);
        }
    }
}

/// The loop of [`two_products`], whose caller answers for the pointers.
struct RowsProducts<L, const ROWS: usize> {
    depth: usize,
    left: L,
    rights: [*const f32; 2],
    ahead: Ahead,
    places: [Place; 2],
}

impl<L: Panel, const ROWS: usize> Kernel for RowsProducts<L, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut left, mut rights, mut ahead) = (self.left, self.rights, self.ahead.at);
        // SAFETY: the pointers stay inside what the caller answers for.
        unsafe {
            let (mut first, mut second) = (
                first_sums::<S, ROWS>(self.places[0].from),
                first_sums::<S, ROWS>(self.places[1].from),
            );
            for _ in 0..self.depth {
                let rows = [S::load(rights[0]), S::load(rights[1])];
                for right in &mut rights {
                    // Two panels at a time are more than the CPU foresees by itself.
                    S::prefetch(right.wrapping_add(LINES_AHEAD * COLUMNS));
                    *right = right.add(COLUMNS);
                }
                if self.ahead.step > 0 {
                    S::prefetch(ahead);
                    ahead = ahead.wrapping_add(2 * self.ahead.step);
                }
                let column = left.column();
                for i in 0..ROWS {
                    let value = S::splat(*column[i]);
                    first[i] = value.mul_add(rows[0], first[i]);
                    second[i] = value.mul_add(rows[1], second[i]);
                }
                left = left.next::<ROWS>();
            }
            self.places[0].store(first);
            self.places[1].store(second);
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
