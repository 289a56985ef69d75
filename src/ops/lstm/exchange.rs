//! What all threads tell each other from step to step.
//!
//! Every thread computes some hidden units, from values of all of them one step before. These
//! values are kept twice: in a step one half is read by all, and each thread writes its own units
//! of the other. At a barrier between two steps the halves change places.

use std::ops::Range;

use super::super::disjoint::{DisjointSlice, Rows};
use super::super::matmul::Panels;
use super::super::simd::LANES;
use super::super::{Cpu, Worker};

/// How the values of a step lie in memory: panels of rows, packed as the left side of a product.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// The sequences of the batch.
    pub rows: Panels,
    /// Values of a unit in each row.
    pub gates: usize,
    /// Hidden units.
    pub hidden: usize,
}

impl Layout {
    /// The values of a step.
    pub fn len(&self) -> usize {
        self.rows.rows * self.gates * self.hidden
    }

    /// Where the values of some units in a panel of rows are.
    #[inline(always)]
    fn place(&self, panel: usize, gate: usize, units: Range<usize>) -> Range<usize> {
        let rows = self.rows.range(panel);
        let at = |unit| rows.start * self.gates * self.hidden + unit * rows.len();
        at(gate * self.hidden + units.start)..at(gate * self.hidden + units.end)
    }
}

/// Calls `work` on every thread, with its share of the groups of sixteen units, that part of
/// `parts`, and its side of an exchange over `values`, twice those of a step. The first half is
/// read first. On one thread alone where a step has only a few `operations`.
///
/// # Panics
/// When the exchange has another size, or `parts` has fewer groups.
pub(super) fn for_units<R: Rows + Sync, F>(
    cpu: &Cpu,
    operations: usize,
    layout: Layout,
    values: &mut [f32],
    parts: R,
    work: F,
) where
    F: Fn(Range<usize>, R::Block, Side) + Sync,
{
    assert_eq!(values.len(), 2 * layout.len(), "the exchange has another size");
    let values = DisjointSlice::new(values);
    cpu.for_shares(operations, layout.hidden.div_ceil(LANES), parts, |worker, groups, part| {
        let [first, last] = [groups.start, groups.end].map(|i| layout.hidden.min(i * LANES));
        work(groups, part, Side { layout, values, worker, units: first..last, step: 0 });
    });
}

/// One thread's side of an exchange.
pub(super) struct Side<'a> {
    layout: Layout,
    values: DisjointSlice<'a>,
    worker: &'a Worker<'a>,
    units: Range<usize>,
    /// How often the halves have changed places.
    step: usize,
}

impl Side<'_> {
    /// The units that this thread computes.
    pub fn units(&self) -> Range<usize> {
        self.units.clone()
    }

    /// What all threads wrote for a panel of rows one step before.
    #[inline(always)]
    pub fn read(&self, panel: usize) -> &[f32] {
        let first = self.step % 2 * self.layout.len();
        let place = self.layout.place(panel, 0, 0..self.layout.gates * self.layout.hidden);
        // SAFETY: nobody writes this half before all sides are at the next barrier, and by then
        // the result has gone: `swap` needs the side to itself.
        unsafe { self.values.range(first + place.start..first + place.end) }
    }

    /// Where the values of some of this thread's units go, for a panel of rows.
    ///
    /// # Panics
    /// When a unit is another thread's.
    #[inline(always)]
    pub fn write(&mut self, panel: usize, gate: usize, units: Range<usize>) -> &mut [f32] {
        assert!(gate < self.layout.gates, "a unit has fewer values");
        assert!(self.units.start <= units.start && units.end <= self.units.end, "not its own");
        let first = (self.step + 1) % 2 * self.layout.len();
        let place = self.layout.place(panel, gate, units);
        // SAFETY: nobody reads this half before the next barrier, and these units are this side's.
        unsafe { self.values.range_mut(first + place.start..first + place.end) }
    }

    /// Waits until all threads have written: the halves change places.
    pub fn swap(&mut self) {
        self.worker.wait();
        self.step += 1;
    }
}
