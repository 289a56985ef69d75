//! The products of transformed tiles: 64 small ones, on register tiles of a few rows by up
//! to three vectors.

use super::filters::FilterLayout;
use super::tiles::{AREA, Layout};
use crate::ops::register_tile::{Finish, Right, Strided, accumulate, accumulate_blocks, store};
use crate::ops::simd::{Kernel, LANES, Simd};
use crate::ops::{Isa, MatrixMut};

/// The rows of a panel of tiles: a multiple of what any level keeps in registers.
pub const PANEL: usize = 8;

/// The rows and the vectors of a register tile at this level.
pub fn register_tile(isa: Isa) -> (usize, usize) {
    match isa {
        Isa::Portable => (2, 1),
        Isa::Avx2 => (4, 1),
        Isa::Avx512 => (8, 3),
    }
}

/// How the left side of a product lies in memory.
#[derive(Clone, Copy)]
pub enum Left {
    /// Rows are tiles, steps channels in blocks of sixteen, `block` values apart: an element
    /// is at `row * 16 + step / 16 * block + step % 16`.
    Tiles { block: usize },
    /// Rows are channels of one block, steps tiles: an element is at `row + step * 16`.
    Channels,
}

/// `to (8, vectors · 16) = left · right`, or added to what is there.
#[derive(Clone, Copy)]
pub struct Product {
    pub left: Left,
    pub steps: usize,
    /// From one vector's panel of the right side to the next: a panel has a vector a step.
    pub panel: usize,
    pub add: bool,
}

impl Product {
    /// Computes a panel of eight rows in register tiles of `rows` rows and `vectors` vectors.
    ///
    /// # Panics
    /// When a side or the result is too small, or no level has such register tiles.
    #[inline(always)]
    pub fn run<S: Simd>(
        &self,
        (rows, vectors): (usize, usize),
        left: &[f32],
        right: &[f32],
        to: &mut MatrixMut,
    ) {
        match (rows, vectors) {
            (8, 3) => self.panel::<S, 8, 3>(left, right, to),
            (8, 2) => self.panel::<S, 8, 2>(left, right, to),
            (8, 1) => self.panel::<S, 8, 1>(left, right, to),
            (4, 1) => self.panel::<S, 4, 1>(left, right, to),
            (2, 1) => self.panel::<S, 2, 1>(left, right, to),
            _ => unreachable!("no level has such register tiles"),
        }
    }

    #[inline(always)]
    fn panel<S: Simd, const R: usize, const V: usize>(
        &self,
        left: &[f32],
        right: &[f32],
        to: &mut MatrixMut,
    ) {
        let right = Right { values: right, step: LANES, panel: self.panel };
        for first in (0..PANEL).step_by(R) {
            let mut to = to.rectangle(first..first + R, 0..V * LANES);
            if self.add {
                // What the sums are added to is far away, and read last.
                for i in 0..R {
                    for v in 0..V {
                        S::prefetch(to.pointer(i, v * LANES));
                    }
                }
            }
            let sums = [[S::splat(0.0); V]; R];
            let sums = match self.left {
                Left::Tiles { block } => {
                    accumulate_blocks(self.steps, &left[first * LANES..], block, right, sums)
                }
                Left::Channels => {
                    accumulate(self.steps, Strided::<1, LANES>(&left[first..]), right, sums)
                }
            };
            store(sums, Finish { add: self.add, relu: false }, &mut to);
        }
    }
}

/// The 64 products of a block of tiles with a few panels of filters.
pub struct GroupProduct<'a> {
    /// Rows, and vectors: the panels of filters.
    pub register_tile: (usize, usize),
    pub data: &'a [f32],
    pub layout: Layout,
    /// A multiple of [`PANEL`].
    pub tiles: usize,
    /// From the first of the panels on.
    pub filters: &'a [f32],
    pub filter_layout: FilterLayout,
    /// For each point a row of all panels' out channels for each tile.
    pub products: &'a mut [f32],
    /// Of the products, from one point to the next.
    pub distance: usize,
}

impl Kernel for GroupProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.register_tile.1 * LANES;
        let product = Product {
            left: Left::Tiles { block: PANEL * LANES },
            steps: self.filter_layout.in_channels,
            panel: self.filter_layout.panel(),
            add: false,
        };
        for point in 0..AREA {
            let right = &self.filters[point * self.filter_layout.distance..];
            for tile in (0..self.tiles).step_by(PANEL) {
                let left = &self.data[point * self.layout.distance + self.layout.at(tile, 0)..];
                let to = &mut self.products[point * self.distance + tile * width..];
                let mut to = MatrixMut::strided(to, PANEL, width, width);
                product.run::<S>(self.register_tile, left, right, &mut to);
            }
        }
    }
}
