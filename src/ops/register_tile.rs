//! The inner loop of every product: a tile of a few rows by a few vectors, whose sums stay in
//! registers while the terms of one step of the depth after another are added.
//!
//! `sum[i][v] = sum[i][v] + left(i, step) · right(step, v)`: every sum is one chain of multiply-adds
//! in the order of the steps. The products of matrices, of windows of images and of transformed
//! tiles differ in how their left side lies in memory ([`Left`]) and in what begins and ends a sum.

use super::disjoint::MatrixMut;
use super::simd::{LANES, Simd};

/// The columns of a panel of a right side: one vector.
pub const COLUMNS: usize = LANES;

/// The sums of a tile of `R` rows by `V` vectors.
pub type Sums<S, const R: usize, const V: usize> = [[S; V]; R];

/// How the left side of a tile lies in memory.
///
/// # Safety
/// After [`Left::check`] has returned, the pointers that [`Left::at`] gives for these rows and steps
/// are valid for reading a value for each row, [`Left::ROW`] apart.
pub unsafe trait Left: Copy {
    /// From one row to the next.
    const ROW: usize;

    /// Holds the left side to so many rows and steps, at least one of each.
    ///
    /// # Panics
    /// When it is too short.
    fn check(self, rows: usize, steps: usize);

    /// Where the first of `rows` rows is, at a step.
    fn at(self, rows: usize, step: usize) -> *const f32;
}

/// The values of a step stand together, and the steps follow one another.
#[derive(Clone, Copy)]
pub struct Packed<'a>(pub &'a [f32]);

// SAFETY: the slice was held to all steps.
unsafe impl Left for Packed<'_> {
    const ROW: usize = 1;

    #[inline(always)]
    fn check(self, rows: usize, steps: usize) {
        assert!(self.0.len() >= rows * steps, "the left side is too short");
    }

    #[inline(always)]
    fn at(self, rows: usize, step: usize) -> *const f32 {
        self.0.as_ptr().wrapping_add(rows * step)
    }
}

/// A constant distance from row to row and from step to step.
#[derive(Clone, Copy)]
pub struct Strided<'a, const ROW: usize, const STEP: usize>(pub &'a [f32]);

// SAFETY: the slice was held to the last row at the last step.
unsafe impl<const ROW: usize, const STEP: usize> Left for Strided<'_, ROW, STEP> {
    const ROW: usize = ROW;

    #[inline(always)]
    fn check(self, rows: usize, steps: usize) {
        let last = (rows - 1) * ROW + (steps - 1) * STEP;
        assert!(last < self.0.len(), "the left side is too short");
    }

    #[inline(always)]
    fn at(self, _rows: usize, step: usize) -> *const f32 {
        self.0.as_ptr().wrapping_add(step * STEP)
    }
}

/// The values of a step stand together, at a place that a table says.
#[derive(Clone, Copy)]
pub struct Gathered<'a> {
    pub values: &'a [f32],
    pub offsets: &'a Offsets,
}

/// Where the left side of a tile stands, step by step.
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

// SAFETY: the slice was held to the largest offset, and the table to the last step.
unsafe impl Left for Gathered<'_> {
    const ROW: usize = 1;

    #[inline(always)]
    fn check(self, rows: usize, steps: usize) {
        assert!(steps <= self.offsets.table.len(), "there are fewer offsets");
        assert!(self.offsets.largest + rows <= self.values.len(), "the left side is too short");
    }

    #[inline(always)]
    fn at(self, _rows: usize, step: usize) -> *const f32 {
        // SAFETY: steps beyond the table are refused by `check`.
        let offset = unsafe { *self.offsets.table.get_unchecked(step) };
        self.values.as_ptr().wrapping_add(offset as usize)
    }
}

/// The right side of a tile, from its first column on: a vector for each step in each panel.
#[derive(Clone, Copy)]
pub struct Right<'a> {
    pub values: &'a [f32],
    /// From one step to the next.
    pub step: usize,
    /// From one panel of columns to the next.
    pub panel: usize,
}

impl Right<'_> {
    #[inline(always)]
    fn check(&self, panels: usize, steps: usize) {
        let last = (steps - 1) * self.step + (panels - 1) * self.panel;
        assert!(last + LANES <= self.values.len(), "the right side is too short");
    }
}

/// Adds the terms of `depth` steps to `sums`.
///
/// # Panics
/// When a side is too short.
#[inline(always)]
pub fn accumulate<S: Simd, L: Left, const R: usize, const V: usize>(
    depth: usize,
    left: L,
    right: Right,
    sums: Sums<S, R, V>,
) -> Sums<S, R, V> {
    if depth == 0 {
        return sums;
    }
    left.check(R, depth);
    right.check(V, depth);
    // SAFETY: both sides were just held to all steps.
    unsafe { add_steps(depth, left, (right.values.as_ptr(), right.step, right.panel), sums) }
}

/// The same where the left side has blocks of sixteen steps, `block` values apart: an element is at
/// `row * 16 + step / 16 * block + step % 16`.
///
/// # Panics
/// When a side is too short.
#[inline(always)]
pub fn accumulate_blocks<S: Simd, const R: usize, const V: usize>(
    depth: usize,
    left: &[f32],
    block: usize,
    right: Right,
    mut sums: Sums<S, R, V>,
) -> Sums<S, R, V> {
    if depth == 0 {
        return sums;
    }
    let last_block = (depth - 1) / LANES * block;
    assert!(last_block + R * LANES <= left.len(), "the left side is too short");
    right.check(V, depth);
    let mut from = (right.values.as_ptr(), right.step, right.panel);
    // SAFETY: both sides were just held to all steps.
    unsafe {
        for i in 0..depth / LANES {
            let left = Strided::<LANES, 1>(left.get_unchecked(i * block..));
            sums = add_steps(LANES, left, from, sums);
            from.0 = from.0.wrapping_add(LANES * right.step);
        }
        if !depth.is_multiple_of(LANES) {
            let left = Strided::<LANES, 1>(left.get_unchecked(last_block..));
            sums = add_steps(depth % LANES, left, from, sums);
        }
    }
    sums
}

/// # Safety
/// Both sides have so many steps; the right one is where its first vector is, and the distances of
/// its steps and panels.
#[inline(always)]
unsafe fn add_steps<S: Simd, L: Left, const R: usize, const V: usize>(
    depth: usize,
    left: L,
    (right, right_step, panel): (*const f32, usize, usize),
    mut sums: Sums<S, R, V>,
) -> Sums<S, R, V> {
    for step in 0..depth {
        // SAFETY: the caller's.
        unsafe {
            let (left, right) = (left.at(R, step), right.add(step * right_step));
            let mut vectors = [S::splat(0.0); V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = S::load(right.add(v * panel));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let factor = S::splat(*left.add(i * L::ROW));
                for (sum, vector) in row.iter_mut().zip(vectors) {
                    *sum = factor.mul_add(vector, *sum);
                }
            }
        }
    }
    sums
}

/// What a tile holds: where `from` has fewer columns than the tile, the rest is zero.
///
/// # Panics
/// When `from` has fewer rows.
#[inline(always)]
pub fn load<S: Simd, const R: usize>(from: &mut MatrixMut) -> Sums<S, R, 1> {
    let mut sums = [[S::splat(0.0)]; R];
    if from.columns() == COLUMNS {
        assert!(from.rows() >= R, "the tile has fewer rows");
        for (i, [sum]) in sums.iter_mut().enumerate() {
            // SAFETY: the rows were just counted, and have sixteen columns.
            *sum = unsafe { S::load(from.pointer(i, 0)) };
        }
        return sums;
    }
    // At the edge of a matrix: by way of memory, so that little code is made for it.
    let mut tile = [[0.0; COLUMNS]; R];
    for (i, row) in tile.iter_mut().enumerate() {
        let from = from.part(i, 0..from.columns());
        row[..from.len()].copy_from_slice(from);
    }
    for ([sum], row) in sums.iter_mut().zip(tile) {
        *sum = S::from_array(row);
    }
    sums
}

/// What happens to sums before they are stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish {
    /// What is there is added.
    pub add: bool,
    /// Negative values become zero.
    pub relu: bool,
}

impl Finish {
    #[inline(always)]
    fn apply<S: Simd>(self, old: S, mut sum: S) -> S {
        if self.add {
            sum = old.add(sum);
        }
        if self.relu {
            // In this order what is not a number stays so.
            sum = S::splat(0.0).max(sum);
        }
        sum
    }
}

/// Writes a tile: as many of its columns as `to` has.
///
/// # Panics
/// When `to` has fewer rows, or more columns than the tile.
#[inline(always)]
pub fn store<S: Simd, const R: usize, const V: usize>(
    sums: Sums<S, R, V>,
    finish: Finish,
    to: &mut MatrixMut,
) {
    if to.columns() == V * COLUMNS {
        assert!(to.rows() >= R, "the tile has fewer rows");
        for (i, row) in sums.into_iter().enumerate() {
            for (v, sum) in row.into_iter().enumerate() {
                // SAFETY: the rows were just counted, and have the columns of these vectors.
                unsafe {
                    let to = to.pointer(i, v * COLUMNS);
                    let old = if finish.add { S::load(to) } else { sum };
                    finish.apply(old, sum).store(to);
                }
            }
        }
        return;
    }
    let mut tile = [[[0.0; COLUMNS]; V]; R];
    for (row, sums) in tile.iter_mut().zip(sums) {
        for (vector, sum) in row.iter_mut().zip(sums) {
            *vector = sum.to_array();
        }
    }
    for (i, row) in tile.iter().enumerate() {
        for (from, to) in row.iter().zip(to.part(i, 0..to.columns()).chunks_mut(COLUMNS)) {
            let old = if finish.add { S::load_slice(to, 0.0) } else { S::splat(0.0) };
            finish.apply(old, S::from_array(*from)).store_slice(to);
        }
    }
}
