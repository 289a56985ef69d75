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
//! the tables are read and written through raw pointers alone (`rows`, `products`), with vector intrinsics or copies of
//! whole values, and never through a reference, of which it may assume that nobody else writes
//! there. A read then gives for each value one that some thread wrote (aligned `f32`s are not torn
//! on any machine this runs on), and whatever is computed with it is done on a copy in registers or
//! in memory of the thread's own. No index, length or pointer is ever computed from such a value.

mod gradient;
mod ids;
mod order;
#[allow(unsafe_code)]
mod products;
#[allow(unsafe_code)]
mod rows;

use super::Buffer;
use super::simd::{LANES, Simd};
use gradient::Gradient;
pub(super) use ids::Ids;
pub use order::{Loss, Updates};
use products::{Operands, TARGETS};
use rows::Rows;
pub(super) use rows::{Row, Tables};

/// The inputs and targets of one step, and its memory, which is kept from step to step.
#[derive(Default)]
pub(super) struct Minibatch {
    /// The rows of the first table, their counts those in each target's noise.
    pub inputs: Ids,
    /// The rows of the second table, their counts as noise.
    pub targets: Ids,
    /// Rows that a later step needs.
    pub prefetch_rows: Vec<*mut f32>,
    input_rows: Rows,
    target_rows: Rows,
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

    /// One step: changes the rows and returns the loss. Other threads may do the same at the same
    /// time: updates may then get lost, as Hogwild has it (Recht et al., 2011).
    ///
    /// # Panics
    /// When an id is not a row of the tables, or a buffer is too small for the step.
    #[inline(always)]
    pub(super) fn step<S: Simd>(&mut self, tables: Tables, rate: f32) -> f32 {
        let (width, ids) = (tables.width(), self.targets.as_slice());
        let inputs = self.input_rows.collect(width, self.inputs.as_slice(), |id| tables.input(id));
        let targets = self.target_rows.collect(width, ids, |id| tables.target(id));
        let stride = width.next_multiple_of(LANES);
        for (row, copy) in inputs.iter().zip(self.copies.chunks_exact_mut(stride)) {
            row.copy::<S>(copy);
        }
        let n = self.inputs.len();
        let operands = Operands::new(targets, &self.copies, n);
        let pairs = n * ids.len();
        let padded = pairs.next_multiple_of(LANES);
        if tables.has_bias() {
            self.bias[pairs..padded].fill(0.0);
            tables.spread_bias(ids, n, &mut self.bias[..pairs]);
        }
        let mut gradient = Gradient {
            ring: &mut self.ring.as_chunks_mut().0[..self.vectors],
            bias: tables.has_bias().then_some(&self.bias[..padded]),
            labels: &self.labels[..padded],
            total: &mut self.total[..padded],
            rate,
            done: 0,
            losses: S::splat(0.0),
        };
        products::dots::<S>(operands, &mut gradient, &self.prefetch_rows);
        let loss = gradient.finish(pairs);
        products::update::<S>(operands, inputs, &self.total, &mut self.old);
        tables.add_to_bias(ids, n, &self.total);
        loss
    }
}
