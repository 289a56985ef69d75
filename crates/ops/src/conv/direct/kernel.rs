//! The inner loop: a register tile of a few rows by one or two vectors of columns.
//!
//! Row `i` of the left side at step `p` of the depth is the value `offsets[p] + i` of an
//! array: neighbours in the tile are neighbours in memory, so an image is read in place, and
//! what a step costs is a look into the table.

use crate::relu::Rectifier;
use crate::simd::{Kernel, LANES, Simd};
use crate::{DisjointSlice, Isa};

/// The columns of a panel: one vector.
pub const COLUMNS: usize = LANES;

/// How many lines of the right side ahead of the product the cache is filled.
const LINES_AHEAD: usize = 12;

/// The largest tile of a level.
#[derive(Clone, Copy, Debug)]
pub struct TileSize {
    pub rows: usize,
    pub panels: usize,
}

impl TileSize {
    pub fn of(isa: Isa) -> Self {
        isa.run(LargestTile)
    }

    const fn of_vectors<S: Simd>() -> Self {
        let [rows, panels] = S::TILE;
        Self { rows, panels }
    }

    /// Whether such a tile occurs: others are not compiled.
    const fn holds(self, rows: usize, panels: usize) -> bool {
        rows <= self.rows && panels <= self.panels
    }
}

struct LargestTile;

impl Kernel for LargestTile {
    type Output = TileSize;

    #[inline(always)]
    fn run<S: Simd>(self) -> TileSize {
        TileSize::of_vectors::<S>()
    }
}

/// Where the left side of a tile is, step by step.
#[derive(Debug)]
pub struct Offsets {
    table: Vec<u32>,
    largest: usize,
}

impl FromIterator<usize> for Offsets {
    fn from_iter<I: IntoIterator<Item = usize>>(offsets: I) -> Self {
        let mut largest = 0;
        let narrow = |offset: usize| {
            largest = largest.max(offset);
            u32::try_from(offset).unwrap_or_else(|_| panic!("the image is too large: {offset}"))
        };
        let table = offsets.into_iter().map(narrow).collect();
        Self { table, largest }
    }
}

/// One tile: `result = [old +] bias + left · right`, followed by the activation.
pub struct Tile<'a> {
    /// The left side, from what offset zero stands for.
    pub left: &'a [f32],
    pub offsets: &'a Offsets,
    /// The steps of the depth: the first ones of the table.
    pub depth: usize,
    /// The right side, from the tile's first column.
    pub right: &'a [f32],
    /// From one step of the right side to the next.
    pub right_step: usize,
    /// From one panel of the right side to the next.
    pub panel_step: usize,
    /// The initial sums, one value per column; zeros if absent.
    pub bias: Option<&'a [f32]>,
    /// Whether the result is added to what is there.
    pub add: bool,
    pub rectifier: Rectifier,
    pub result: DisjointSlice<'a>,
    /// The tile's first value in the result.
    pub at: usize,
    /// From one row of the result to the next.
    pub row_step: usize,
    /// The columns: as many panels as hold them.
    pub width: usize,
}

impl Tile<'_> {
    /// Computes a tile of `rows` rows.
    ///
    /// # Panics
    /// When a side or the result is too short, or a tile has more rows or columns than fit.
    #[inline(always)]
    pub fn run<S: Simd>(&self, rows: usize) {
        macro_rules! choose {
            ($($n:literal)*) => {
                match (rows, self.width.div_ceil(COLUMNS)) {
                    $(
                        ($n, 1) if const { TileSize::of_vectors::<S>().holds($n, 1) } => {
                            self.sums::<S, $n, 1>();
                        }
                        ($n, 2) if const { TileSize::of_vectors::<S>().holds($n, 2) } => {
                            self.sums::<S, $n, 2>();
                        }
                    )*
                    other => unreachable!("no register tile has {other:?} rows and panels"),
                }
            };
        }
        choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    }

    #[inline(always)]
    fn sums<S: Simd, const ROWS: usize, const PANELS: usize>(&self) {
        let mut start = [S::splat(0.0); PANELS];
        if let Some(bias) = self.bias {
            for (j, start) in start.iter_mut().enumerate() {
                *start = S::load_slice(&bias[j * COLUMNS..], 0.0);
            }
        }
        let mut sums = [start; ROWS];
        if self.depth > 0 {
            let last = (self.depth - 1) * self.right_step + (PANELS - 1) * self.panel_step;
            assert!(last + COLUMNS <= self.right.len(), "the right side is too short");
            assert!(self.offsets.largest + ROWS <= self.left.len(), "the left side is too short");
            let offsets = &self.offsets.table[..self.depth];
            // SAFETY: both sides were just checked against the last step.
            sums = unsafe { self.multiply(offsets, sums) };
        }
        self.finish(sums);
    }

    /// # Safety
    /// The left side holds the largest offset and `ROWS` values, the right side all steps.
    #[inline(always)]
    unsafe fn multiply<S: Simd, const ROWS: usize, const PANELS: usize>(
        &self,
        offsets: &[u32],
        mut sums: [[S; PANELS]; ROWS],
    ) -> [[S; PANELS]; ROWS] {
        let mut right = self.right.as_ptr();
        for &offset in offsets {
            // SAFETY: the caller's; past the last step the pointer is not followed.
            unsafe {
                let left = self.left.as_ptr().add(offset as usize);
                let mut row = [S::splat(0.0); PANELS];
                for (j, row) in row.iter_mut().enumerate() {
                    let at = right.wrapping_add(j * self.panel_step);
                    *row = S::load(at);
                    if PANELS > 1 {
                        // Two panels at a time are more than the CPU foresees by itself.
                        S::prefetch(at.wrapping_add(LINES_AHEAD * COLUMNS));
                    }
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let value = S::splat(*left.add(i));
                    for (sum, row) in sums.iter_mut().zip(row) {
                        *sum = value.mul_add(row, *sum);
                    }
                }
                right = right.wrapping_add(self.right_step);
            }
        }
        sums
    }

    #[inline(always)]
    fn finish<S: Simd, const ROWS: usize, const PANELS: usize>(&self, sums: [[S; PANELS]; ROWS]) {
        if self.width == PANELS * COLUMNS {
            let row = |i| self.at + i * self.row_step..self.at + i * self.row_step + self.width;
            let _last_row_is_inside = self.result.pointer(row(ROWS - 1));
            let first = self.result.pointer(row(0));
            for (i, sums) in sums.into_iter().enumerate() {
                for (j, sum) in sums.into_iter().enumerate() {
                    // SAFETY: the first and the last row are inside the result, so this does, and
                    // only this thread has the tile's rows and columns.
                    let to = unsafe {
                        std::slice::from_raw_parts_mut(
                            first.add(i * self.row_step + j * COLUMNS),
                            COLUMNS,
                        )
                    };
                    self.store(sum, to);
                }
            }
            return;
        }
        for (i, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                let at = self.at + i * self.row_step + j * COLUMNS;
                let width = COLUMNS.min(self.width - j * COLUMNS);
                // SAFETY: only this thread has the tile's rows and columns.
                let to = unsafe { self.result.range_mut(at..at + width) };
                self.store(sum, to);
            }
        }
    }

    #[inline(always)]
    fn store<S: Simd>(&self, mut sum: S, to: &mut [f32]) {
        if self.add {
            sum = S::load_slice(to, 0.0).add(sum);
        }
        self.rectifier.of(sum).store_slice(to);
    }
}
