//! Rows of tables that other threads may write at the same time: reached through raw pointers
//! alone, and copied before anything is computed with them.

use std::marker::PhantomData;

use crate::disjoint::DisjointSlice;
use crate::simd::{LANES, Simd};

/// The parameters that a step reads and changes.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a> {
    inputs: DisjointSlice<'a>,
    targets: DisjointSlice<'a>,
    bias: Option<DisjointSlice<'a>>,
    width: usize,
}

impl<'a> Tables<'a> {
    /// The rows of inputs and targets, both (V, `width`), and the biases of targets (V) where they
    /// have some.
    pub fn new(
        inputs: &'a mut [f32],
        targets: &'a mut [f32],
        bias: Option<&'a mut [f32]>,
        width: usize,
    ) -> Self {
        let (inputs, targets) = (DisjointSlice::new(inputs), DisjointSlice::new(targets));
        Self { inputs, targets, bias: bias.map(DisjointSlice::new), width }
    }

    /// The values of a row.
    #[inline(always)]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether targets have biases.
    #[inline(always)]
    pub fn has_bias(&self) -> bool {
        self.bias.is_some()
    }

    /// # Panics
    /// When there is no such row.
    #[inline(always)]
    pub fn input(&self, id: u32) -> Row<'a> {
        Row::new(&self.inputs, id, self.width)
    }

    /// # Panics
    /// When there is no such row.
    #[inline(always)]
    pub fn target(&self, id: u32) -> Row<'a> {
        Row::new(&self.targets, id, self.width)
    }

    /// The bias of each of the `targets`, for each of its `n` pairs.
    ///
    /// # Panics
    /// When there is no such target.
    #[inline(always)]
    pub fn spread_bias(&self, targets: &[u32], n: usize, to: &mut [f32]) {
        let Some(bias) = self.bias else { return };
        for (to, &id) in to.chunks_exact_mut(n).zip(targets) {
            let id = id as usize;
            // SAFETY: `pointer` has checked that the id is in the table.
            to.fill(unsafe { *bias.pointer(id..id + 1) });
        }
    }

    /// Adds the gradient of each of the `n` pairs of each of the `targets` to its bias.
    ///
    /// # Panics
    /// When there is no such target.
    #[inline(always)]
    pub fn add_to_bias(&self, targets: &[u32], n: usize, gradient: &[f32]) {
        let Some(bias) = self.bias else { return };
        for (gradient, &id) in gradient.chunks_exact(n).zip(targets) {
            let id = id as usize;
            // SAFETY: `pointer` has checked that the id is in the table.
            unsafe { *bias.pointer(id..id + 1) += gradient.iter().sum::<f32>() };
        }
    }
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Valid for `width` values.
    at: *mut f32,
    width: usize,
    table: PhantomData<DisjointSlice<'a>>,
}

impl<'a> Row<'a> {
    #[inline(always)]
    fn new(table: &DisjointSlice<'a>, id: u32, width: usize) -> Self {
        let start = id as usize * width;
        Self { at: table.pointer(start..start + width), width, table: PhantomData }
    }

    /// Where it starts.
    #[inline(always)]
    pub fn pointer(self) -> *mut f32 {
        self.at
    }

    /// Copies the row to `to` and fills the last vector with zeros.
    ///
    /// # Panics
    /// When `to` has less room than whole vectors.
    #[inline(always)]
    pub fn copy<S: Simd>(self, to: &mut [f32]) {
        self.check(to);
        for (at, len) in vectors(self.width) {
            // SAFETY: the row and whole vectors of `to` have these values.
            unsafe { S::load_first(self.at.add(at), len, 0.0).store(to.as_mut_ptr().add(at)) };
        }
    }

    /// The product with `x`, padded with zeros to whole vectors.
    ///
    /// # Panics
    /// When `x` has fewer values than whole vectors.
    #[inline(always)]
    pub fn dot<S: Simd>(self, x: &[f32]) -> f32 {
        self.check(x);
        let mut sum = S::splat(0.0);
        for (at, len) in vectors(self.width) {
            // SAFETY: the row and whole vectors of `x` have these values.
            let (w, x) =
                unsafe { (S::load_first(self.at.add(at), len, 0.0), S::load(x.as_ptr().add(at))) };
            sum = w.mul_add(x, sum);
        }
        sum.sum()
    }

    /// Adds `g` times the row to `change`, and then `g` times `x` to the row.
    ///
    /// # Panics
    /// When `x` or `change` have fewer values than whole vectors.
    #[inline(always)]
    pub fn exchange<S: Simd>(self, g: S, x: &[f32], change: &mut [f32]) {
        self.check(x);
        self.check(change);
        let (x, change) = (x.as_ptr(), change.as_mut_ptr());
        for (at, len) in vectors(self.width) {
            // SAFETY: the row and whole vectors of the others have these values.
            unsafe {
                let (w, x) = (S::load_first(self.at.add(at), len, 0.0), S::load(x.add(at)));
                g.mul_add(w, S::load(change.add(at))).store(change.add(at));
                g.mul_add(x, w).store_first(self.at.add(at), len);
            }
        }
    }

    /// Adds `change` to the row.
    ///
    /// # Panics
    /// When `change` has fewer values than whole vectors.
    #[inline(always)]
    pub fn add<S: Simd>(self, change: &[f32]) {
        self.check(change);
        for (at, len) in vectors(self.width) {
            // SAFETY: the row and whole vectors of `change` have these values.
            unsafe {
                let (old, row) = (S::load_first(self.at.add(at), len, 0.0), self.at.add(at));
                old.add(S::load(change.as_ptr().add(at))).store_first(row, len);
            }
        }
    }

    #[inline(always)]
    fn check(self, values: &[f32]) {
        assert!(self.width.next_multiple_of(LANES) <= values.len(), "less than whole vectors");
    }
}

/// The vectors of a row: where each begins, and how many of its values there are.
#[inline(always)]
fn vectors(width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..width).step_by(LANES).map(move |at| (at, LANES.min(width - at)))
}

/// Rows of one table, in memory that is kept from step to step.
#[derive(Default)]
pub(super) struct Rows(Vec<*mut f32>);

impl Rows {
    /// Makes room for `most` rows.
    pub fn reserve(&mut self, most: usize) {
        self.0.clear();
        self.0.reserve(most);
    }

    /// The rows that `ids` names.
    #[inline(always)]
    pub fn collect<'a>(
        &'a mut self,
        width: usize,
        ids: &[u32],
        row: impl Fn(u32) -> Row<'a>,
    ) -> RowList<'a> {
        self.0.clear();
        for &id in ids {
            let row = row(id);
            assert!(row.width == width, "rows of different tables");
            self.0.push(row.at);
        }
        RowList { rows: &self.0, width, table: PhantomData }
    }
}

/// Rows of a table, all as wide.
#[derive(Clone, Copy)]
pub(super) struct RowList<'a> {
    /// Each valid for `width` values.
    rows: &'a [*mut f32],
    width: usize,
    table: PhantomData<DisjointSlice<'a>>,
}

impl<'a> RowList<'a> {
    /// Where each starts: valid for the width.
    #[inline(always)]
    pub fn pointers(self) -> &'a [*mut f32] {
        self.rows
    }

    /// The values of a row.
    #[inline(always)]
    pub fn width(self) -> usize {
        self.width
    }

    /// One after the other.
    #[inline(always)]
    pub fn iter(self) -> impl Iterator<Item = Row<'a>> {
        self.rows.iter().map(move |&at| Row { at, width: self.width, table: PhantomData })
    }
}
