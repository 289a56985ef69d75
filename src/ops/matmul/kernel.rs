//! Tiles of a product: a few rows by sixteen columns.

use std::ops::Range;

use super::super::MatrixMut;
use super::super::register_tile::{COLUMNS, Finish, Packed, Right, accumulate, load, store};
use super::super::simd::{Kernel, Simd};
use super::Accumulate;
use super::pack::Panels;

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
    let mut to = MatrixMut::new(&mut tile.0, COLUMNS);
    product::<S>(rows, left, right, Accumulate::Overwrite, &mut to);
}

/// The products of row panels with column panels, at one depth.
pub struct BlockProduct<'a> {
    /// All row panels, and which of them.
    pub panels: Panels,
    pub rows: Range<usize>,
    /// All row panels, packed at this depth.
    pub left: &'a [f32],
    /// The column panels, packed, from this depth on.
    pub right: &'a [f32],
    /// From one column panel to the next.
    pub right_panel: usize,
    pub depth: usize,
    /// What these columns of the product are added to.
    pub start: Accumulate<'a>,
    pub result: MatrixMut<'a>,
}

impl Kernel for BlockProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (first, all_columns) =
            (self.panels.range(self.rows.start).start, self.result.columns());
        for rows in self.rows.clone().map(|panel| self.panels.range(panel)) {
            let left = &self.left[rows.start * self.depth..rows.end * self.depth];
            for (i, column) in (0..all_columns).step_by(COLUMNS).enumerate() {
                let right = &self.right[i * self.right_panel..][..COLUMNS * self.depth];
                let columns = column..all_columns.min(column + COLUMNS);
                let start = self.start.of_columns(columns.clone());
                let rows = rows.start - first..rows.end - first;
                let count = rows.len();
                product::<S>(count, left, right, start, &mut self.result.rectangle(rows, columns));
            }
        }
    }
}

/// Chooses the loop for a number of rows, so that a tile never computes a row too many.
#[inline(always)]
fn product<S: Simd>(
    rows: usize,
    left: &[f32],
    right: &[f32],
    start: Accumulate,
    to: &mut MatrixMut,
) {
    macro_rules! choose {
        ($($n:literal)*) => {
            match rows {
                $($n => rows_product::<S, $n>(left, right, start, to),)*
                _ => unreachable!("a panel has at most {MAX_ROWS} rows"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24)
}

#[inline(always)]
fn rows_product<S: Simd, const ROWS: usize>(
    left: &[f32],
    right: &[f32],
    start: Accumulate,
    to: &mut MatrixMut,
) {
    let sums = match start {
        Accumulate::Overwrite => [[S::splat(0.0)]; ROWS],
        Accumulate::Add => load::<S, ROWS>(to),
        Accumulate::Bias(bias) => [[S::load_slice(bias, 0.0)]; ROWS],
    };
    let depth = right.len() / COLUMNS;
    let right = Right { values: right, step: COLUMNS, panel: 0 };
    store(accumulate(depth, Packed(left), right, sums), Finish::default(), to);
}
