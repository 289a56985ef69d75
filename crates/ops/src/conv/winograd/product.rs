//! The products of transformed tiles: 64 small ones, on register tiles of a few rows by up
//! to three vectors.

use super::filters::FilterLayout;
use super::tiles::{AREA, Layout};
use crate::Isa;
use crate::simd::{Kernel, LANES, Simd};

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
    /// From one row of the result to the next.
    pub row: usize,
    pub add: bool,
}

impl Product {
    /// Computes a panel of eight rows in register tiles of `rows`.
    ///
    /// # Safety
    /// The left side is readable for eight rows and all steps, the right side for `vectors`
    /// panels, the result writable at eight rows of `vectors` vectors; `rows` and `vectors`
    /// are no more than [`register_tile`] says.
    #[inline(always)]
    pub unsafe fn run<S: Simd>(
        &self,
        (rows, vectors): (usize, usize),
        left: *const f32,
        right: *const f32,
        to: *mut f32,
    ) {
        // SAFETY: the caller's.
        unsafe {
            match (rows, vectors) {
                (8, 3) => self.panel::<S, 8, 3>(left, right, to),
                (8, 2) => self.panel::<S, 8, 2>(left, right, to),
                (8, 1) => self.panel::<S, 8, 1>(left, right, to),
                (4, 1) => self.panel::<S, 4, 1>(left, right, to),
                (2, 1) => self.panel::<S, 2, 1>(left, right, to),
                _ => unreachable!("no instruction level has such register tiles"),
            }
        }
    }

    #[inline(always)]
    unsafe fn panel<S: Simd, const R: usize, const V: usize>(
        &self,
        left: *const f32,
        right: *const f32,
        to: *mut f32,
    ) {
        for first in (0..PANEL).step_by(R) {
            // SAFETY: the caller's.
            unsafe {
                let to = to.add(first * self.row);
                if self.add {
                    // What the sums are added to is far away, and read last.
                    for i in 0..R {
                        for v in 0..V {
                            S::prefetch(to.add(i * self.row + v * LANES));
                        }
                    }
                }
                let mut sums = [[S::splat(0.0); V]; R];
                match self.left {
                    Left::Tiles { block } => {
                        let mut left = left.add(first * LANES);
                        let mut right = right;
                        for _ in 0..self.steps / LANES {
                            let from = (left, right, self.panel);
                            sums = steps::<S, R, V, LANES, 1>(LANES, from, sums);
                            left = left.add(block);
                            right = right.add(LANES * LANES);
                        }
                        let from = (left, right, self.panel);
                        sums = steps::<S, R, V, LANES, 1>(self.steps % LANES, from, sums);
                    }
                    Left::Channels => {
                        let from = (left.add(first), right, self.panel);
                        sums = steps::<S, R, V, 1, LANES>(self.steps, from, sums);
                    }
                }
                for (i, row) in sums.iter().enumerate() {
                    for (v, &sum) in row.iter().enumerate() {
                        let to = to.add(i * self.row + v * LANES);
                        let sum = if self.add { S::load(to).add(sum) } else { sum };
                        sum.store(to);
                    }
                }
            }
        }
    }
}

/// Adds `count` steps: the left side's rows and steps are `ROW` and `STEP` values apart.
///
/// # Safety
/// Both sides are readable at these steps.
#[inline(always)]
unsafe fn steps<S: Simd, const R: usize, const V: usize, const ROW: usize, const STEP: usize>(
    count: usize,
    (left, right, panel): (*const f32, *const f32, usize),
    mut sums: [[S; V]; R],
) -> [[S; V]; R] {
    for step in 0..count {
        // SAFETY: the caller's.
        unsafe {
            let mut vectors = [S::splat(0.0); V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = S::load(right.add(v * panel + step * LANES));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let factor = S::splat(*left.add(i * ROW + step * STEP));
                for (sum, vector) in row.iter_mut().zip(vectors) {
                    *sum = factor.mul_add(vector, *sum);
                }
            }
        }
    }
    sums
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
        assert!(self.data.len() >= self.layout.len() && self.tiles * width <= self.distance);
        assert!(self.products.len() >= AREA * self.distance);
        assert!(self.filters.len() >= self.register_tile.1 * self.filter_layout.panel());
        let product = Product {
            left: Left::Tiles { block: PANEL * LANES },
            steps: self.filter_layout.in_channels,
            panel: self.filter_layout.panel(),
            row: width,
            add: false,
        };
        for point in 0..AREA {
            let right = self.filters[point * self.filter_layout.distance..].as_ptr();
            for tile in (0..self.tiles).step_by(PANEL) {
                let left = &self.data[point * self.layout.distance + self.layout.at(tile, 0)..];
                let to = &mut self.products[point * self.distance + tile * width..];
                // SAFETY: the sizes were checked above: this panel of tiles, all filters of
                // the point, and eight rows of products.
                unsafe {
                    product.run::<S>(self.register_tile, left.as_ptr(), right, to.as_mut_ptr());
                }
            }
        }
    }
}
