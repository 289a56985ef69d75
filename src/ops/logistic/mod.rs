//! A few inputs against a few targets under the logistic loss: one step of stochastic gradient
//! descent on rows of two tables, in place.
//!
//! The logit of input j and target t is x(t, j) = w_in\[j\] · w_out\[t\] (+ b\[t\]). A pair may count
//! as a label (`labels`) and as noise, each any number of times; `total` is the sum. The loss is
//! Σ total · log(1 + e^x) - labels · x, and the rows grow by the rate times
//! g = labels - total · σ(x) times each other, all as they were before the step.
//!
//! # Threads without locks
//!
//! With `Updates::Hogwild`, threads change the same rows at the same time. In the terms of Rust and
//! of C++ that is a data race, whose behaviour the language leaves open; relaxed atomics would
//! define it, and there are none of a vector's width. So this is assumed of the compiler: rows of
//! the tables are read and written through raw pointers alone, with vector intrinsics or copies of
//! whole values, and never through a reference, of which it may assume that nobody else writes
//! there. A read then gives for each value one that some thread wrote (aligned `f32`s are not torn
//! on any machine this runs on), and whatever is computed with it is done on a copy in registers or
//! in memory of the thread's own. No index, length or pointer is ever computed from such a value.

mod dot;
mod gradient;
mod ids;
mod order;
mod update;

use super::simd::{LANES, Simd};
use super::{Buffer, DisjointSlice};
use dot::{Rows, TARGETS};
use gradient::{Gradient, Ring};
pub(super) use ids::Ids;
pub use order::{Loss, Updates};

/// The parameters that a step reads and changes.
#[derive(Clone, Copy)]
pub(super) struct Tables<'a> {
    /// (V, `width`)
    pub inputs: DisjointSlice<'a>,
    /// (V, `width`)
    pub targets: DisjointSlice<'a>,
    /// (V), where targets have one.
    pub bias: Option<DisjointSlice<'a>>,
    pub width: usize,
}

impl Tables<'_> {
    #[inline(always)]
    pub(super) fn input(&self, id: u32) -> *mut f32 {
        let start = id as usize * self.width;
        self.inputs.pointer(start..start + self.width)
    }

    #[inline(always)]
    pub(super) fn target(&self, id: u32) -> *mut f32 {
        let start = id as usize * self.width;
        self.targets.pointer(start..start + self.width)
    }
}

/// The inputs and targets of one step, and its memory, which is kept from step to step.
#[derive(Default)]
pub(super) struct Minibatch {
    /// The rows of the first table, their counts those in each target's noise.
    pub inputs: Ids,
    /// The rows of the second table, their counts as noise.
    pub targets: Ids,
    /// Rows that a later step needs.
    pub prefetch_rows: Vec<*mut f32>,
    input_rows: Vec<*mut f32>,
    target_rows: Vec<*mut f32>,
    /// Copies of the inputs' rows, padded to whole vectors.
    copies: Buffer,
    /// A vector for each of the latest pairs.
    ring: Buffer,
    vectors: usize,
    old: Buffer,
    /// (targets, inputs), padded to whole vectors; then the gradient.
    total: Buffer,
    labels: Buffer,
    bias: Buffer,
}

impl Minibatch {
    /// Makes room for the largest step.
    pub(super) fn reserve(&mut self, inputs: usize, targets: usize, width: usize) {
        let pairs = (inputs * targets).next_multiple_of(LANES);
        self.inputs.reserve(inputs);
        self.targets.reserve(targets);
        self.input_rows.reserve(inputs);
        self.target_rows.reserve(targets);
        self.prefetch_rows.reserve(inputs + targets);
        self.copies.at_least(inputs * width.next_multiple_of(LANES));
        self.vectors = (TARGETS * inputs + LANES).next_power_of_two();
        self.ring.at_least(self.vectors * LANES);
        self.old.at_least(targets * width.next_multiple_of(LANES));
        for buffer in [&mut self.total, &mut self.labels, &mut self.bias] {
            buffer.at_least(pairs);
        }
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.inputs.clear();
        self.targets.clear();
        self.prefetch_rows.clear();
    }

    /// Weighs every pair as noise: the counts of its input and its target multiplied.
    #[inline(always)]
    pub(super) fn weigh_negatives(&mut self) {
        let (n, m) = (self.inputs.len(), self.targets.len());
        let padded = (n * m).next_multiple_of(LANES);
        let total = &mut self.total[..padded];
        total[..n * m].fill(1.0);
        total[n * m..].fill(0.0);
        self.labels[..padded].fill(0.0);
        for (row, &count) in total.chunks_exact_mut(n).zip(self.targets.counts()) {
            if count != 1.0 {
                row.fill(count);
            }
        }
        for (j, &count) in self.inputs.counts().iter().enumerate() {
            if count != 1.0 {
                total[j..n * m].iter_mut().step_by(n).for_each(|weight| *weight *= count);
            }
        }
    }

    /// Adds `count` labels to the pair of target `t` and input `j`.
    #[inline(always)]
    pub(super) fn add_label(&mut self, t: usize, j: usize, count: f32) {
        let at = t * self.inputs.len() + j;
        self.total[at] += count;
        self.labels[at] += count;
    }

    /// One step: changes the rows and returns the loss.
    ///
    /// # Safety
    /// Ids must be rows of the tables, and room be reserved. Other threads may do the same at
    /// the same time: updates may then get lost, as Hogwild has it (Recht et al., 2011).
    #[inline(always)]
    pub(super) unsafe fn step<S: Simd>(&mut self, tables: Tables, rate: f32) -> f32 {
        self.input_rows.clear();
        self.target_rows.clear();
        for &id in self.inputs.as_slice() {
            self.input_rows.push(tables.input(id));
        }
        for &id in self.targets.as_slice() {
            self.target_rows.push(tables.target(id));
        }
        let width = tables.width;
        let stride = width.next_multiple_of(LANES);
        // SAFETY: the rows lie in the tables, whose size was checked, and the rest as the caller
        // vouches.
        unsafe {
            for (j, &row) in self.input_rows.iter().enumerate() {
                copy::<S>(row, width, self.copies.as_mut_ptr().add(j * stride));
            }
            let rows = Rows {
                targets: &self.target_rows,
                inputs: self.copies.as_ptr(),
                n: self.input_rows.len(),
                stride,
                width,
            };
            let pairs = rows.n * rows.targets.len();
            let padded = pairs.next_multiple_of(LANES);
            if let Some(bias) = tables.bias {
                self.bias[pairs..padded].fill(0.0);
                spread_bias(bias, self.targets.as_slice(), rows.n, &mut self.bias[..pairs]);
            }
            let mut gradient = Gradient {
                ring: Ring { data: self.ring.as_mut_ptr(), vectors: self.vectors },
                bias: tables.bias.is_some().then_some(&self.bias[..padded]),
                labels: &self.labels[..padded],
                total: &mut self.total[..padded],
                rate,
                done: 0,
                losses: S::splat(0.0),
            };
            dot::dots::<S>(rows, &mut gradient, &self.prefetch_rows);
            let loss = gradient.finish(pairs);
            let (rows_in, old) = (&self.input_rows, self.old.as_mut_ptr());
            update::update::<S>(rows, rows_in, self.total.as_ptr(), old);
            if let Some(bias) = tables.bias {
                add_to_bias(bias, self.targets.as_slice(), rows.n, &self.total);
            }
            loss
        }
    }
}

/// Copies a row and fills its last vector with zeros.
///
/// # Safety
/// `from` must be valid for `width` values, `to` for as many whole vectors.
#[inline(always)]
pub(super) unsafe fn copy<S: Simd>(from: *const f32, width: usize, to: *mut f32) {
    for at in (0..width).step_by(LANES) {
        // SAFETY: as the caller vouches.
        unsafe { S::load_first(from.add(at), LANES.min(width - at), 0.0).store(to.add(at)) };
    }
}

/// The bias of each target, for each of its `n` pairs.
#[inline(always)]
fn spread_bias(bias: DisjointSlice, targets: &[u32], n: usize, to: &mut [f32]) {
    for (to, &id) in to.chunks_exact_mut(n).zip(targets) {
        let id = id as usize;
        // SAFETY: `pointer` has checked that the id is in the table.
        to.fill(unsafe { *bias.pointer(id..id + 1) });
    }
}

#[inline(always)]
fn add_to_bias(bias: DisjointSlice, targets: &[u32], n: usize, gradient: &[f32]) {
    for (gradient, &id) in gradient.chunks_exact(n).zip(targets) {
        let id = id as usize;
        // SAFETY: `pointer` has checked that the id is in the table.
        unsafe { *bias.pointer(id..id + 1) += gradient.iter().sum::<f32>() };
    }
}
