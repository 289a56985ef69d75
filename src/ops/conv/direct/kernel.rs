//! The inner loop: a register tile of a few rows by one or two vectors of columns.
//!
//! Row `i` of the left side at step `p` of the depth is the value `offsets[p] + i` of an
//! array: neighbours in the tile are neighbours in memory, so an image is read in place, and
//! what a step costs is a look into the table.

use crate::ops::register_tile::{COLUMNS, Finish, Gathered, Right, accumulate, store};
use crate::ops::simd::{Kernel, Simd};
use crate::ops::{Isa, MatrixMut};

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

/// One tile: `result = [old +] bias + left · right`, then the larger of that and zero.
pub struct Tile<'a> {
    /// The left side, from what offset zero stands for.
    pub left: Gathered<'a>,
    /// The steps of the depth: the first ones of the table.
    pub depth: usize,
    pub right: Right<'a>,
    /// What the sums begin with, a value a column; zeros where there are none.
    pub bias: Option<&'a [f32]>,
    pub finish: Finish,
    /// The tile's rows and columns: as many panels as hold these.
    pub result: MatrixMut<'a>,
}

impl Tile<'_> {
    /// Computes the tile.
    ///
    /// # Panics
    /// When a side is too short, or the tile has more rows or columns than fit.
    #[inline(always)]
    pub fn run<S: Simd>(self) {
        macro_rules! choose {
            ($($n:literal)*) => {
                match (self.result.rows(), self.result.columns().div_ceil(COLUMNS)) {
                    $(
                        ($n, 1) if const { TileSize::of_vectors::<S>().holds($n, 1) } => {
                            self.sums::<S, $n, 1>();
                        }
                        ($n, 2) if const { TileSize::of_vectors::<S>().holds($n, 2) } => {
                            self.sums::<S, $n, 2>();
                        }
                    )*
                    other => unreachable!("no tile has {other:?} rows and panels"),
                }
            };
        }
        choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    }

    #[inline(always)]
    fn sums<S: Simd, const ROWS: usize, const PANELS: usize>(mut self) {
        let mut start = [S::splat(0.0); PANELS];
        if let Some(bias) = self.bias {
            for (j, start) in start.iter_mut().enumerate() {
                *start = S::load_slice(&bias[j * COLUMNS..], 0.0);
            }
        }
        let sums = accumulate(self.depth, self.left, self.right, [start; ROWS]);
        store(sums, self.finish, &mut self.result);
    }
}
