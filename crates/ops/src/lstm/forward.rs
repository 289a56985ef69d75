//! The forward pass of a window.

use std::ops::Range;

use super::super::matmul::{
    Accumulate, Ahead, Matrix, PackColumns, PackRows, Panels, Tile, matmul, pack_tile,
    tile_products,
};
use super::super::simd::{Kernel, LANES, Simd, sigmoid, tanh};
use super::super::{Cpu, DisjointSlice, Worker};
use super::{Activations, GATES, Shape, Weights, column};

/// Runs a layer over a window of inputs `xs` (steps · batch, input), from the state that
/// [`Activations::start`] has set. The outputs and the last state are in `trace`.
///
/// # Panics
/// When a size does not fit `shape`.
pub fn forward(cpu: &Cpu, shape: Shape, weights: Weights, xs: &[f32], trace: &mut Activations) {
    weights.check(shape);
    trace.check(shape);
    let gates = &mut *trace.gates;
    let inputs = Matrix::new(xs, shape.rows(), shape.input);
    matmul(cpu, inputs, weights.of_input(shape), Accumulate::Bias(weights.bias), gates);

    let units = shape.hidden.div_ceil(LANES);
    let panel = GATES * LANES * shape.hidden;
    cpu.with_buffer(units * panel + 2 * shape.state(), |buffer| {
        let (packed_weights, states) = buffer.split_at_mut(units * panel);
        let recurrence = Recurrence {
            shape,
            rows: Panels::new(shape.batch, cpu.isa().max_rows()),
            weights: DisjointSlice::new(packed_weights),
            states: DisjointSlice::new(&mut states[..2 * shape.state()]),
            gates: DisjointSlice::new(gates),
            cells: DisjointSlice::new(trace.cells),
            hidden: DisjointSlice::new(trace.hidden),
        };
        cpu.parallel(shape.operations(), |worker| {
            recurrence.run(cpu, weights.of_state(shape), worker)
        });
    });
}

/// The part of the pass that goes from step to step.
#[derive(Clone, Copy)]
struct Recurrence<'a> {
    shape: Shape,
    rows: Panels,
    /// For every sixteen units: the four gates' panels, each (hidden, 16).
    weights: DisjointSlice<'a>,
    /// The packed hidden state, read and written in turn.
    states: DisjointSlice<'a>,
    gates: DisjointSlice<'a>,
    cells: DisjointSlice<'a>,
    hidden: DisjointSlice<'a>,
}

impl Recurrence<'_> {
    fn run(self, cpu: &Cpu, weights: Matrix, worker: &Worker) {
        let shape = self.shape;
        let units = worker.chunk(shape.hidden.div_ceil(LANES));
        self.pack_weights(cpu, weights, units.clone());
        self.pack_initial_state(cpu, worker.chunk(self.rows.count));
        for step in 0..shape.steps {
            worker.wait();
            cpu.isa().run(Step { recurrence: self, step, units: units.clone() });
        }
    }

    fn weight_panel(&self, unit: usize, gate: usize) -> Range<usize> {
        let len = LANES * self.shape.hidden;
        let start = (unit * GATES + gate) * len;
        start..start + len
    }

    fn pack_weights(&self, cpu: &Cpu, weights: Matrix, units: Range<usize>) {
        let hidden = self.shape.hidden;
        for unit in units {
            let (start, end) = (unit * LANES, hidden.min((unit + 1) * LANES));
            for gate in 0..GATES {
                let columns = column(self.shape, gate, start)..column(self.shape, gate, end);
                // SAFETY: every worker packs its own units.
                let to = unsafe { self.weights.range_mut(self.weight_panel(unit, gate)) };
                cpu.isa().run(PackColumns {
                    from: weights,
                    depth: 0..hidden,
                    columns,
                    to,
                    sums: None,
                });
            }
        }
    }

    fn pack_initial_state(&self, cpu: &Cpu, panels: Range<usize>) {
        let (shape, hidden) = (self.shape, self.shape.hidden);
        let rows = self.rows.start(panels.start)..self.rows.start(panels.end);
        // SAFETY: nobody writes the initial state; every worker packs its own panels.
        let (from, to) = unsafe {
            let to = self.states.range_mut(rows.start * hidden..rows.end * hidden);
            (self.hidden.range(0..shape.state()), to)
        };
        let from = Matrix::new(from, shape.batch, hidden);
        let (of_rows, share, depth) = (self.rows, panels, 0..hidden);
        cpu.isa().run(PackRows { from, panels: of_rows, share, depth, to });
    }
}

/// One time step for some of the hidden units.
struct Step<'a> {
    recurrence: Recurrence<'a>,
    step: usize,
    units: Range<usize>,
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let layer = self.recurrence;
        let (hidden, state) = (layer.shape.hidden, layer.shape.state());
        let old = self.step % 2 * state;
        let mut products = [const { Tile::zeros() }; GATES];
        for unit in self.units.clone() {
            let next = if unit + 1 < self.units.end { unit + 1 } else { self.units.start };
            // SAFETY: nobody writes the packed weights any more.
            let next = unsafe { layer.weights.range(layer.weight_panel(next, 0)) }.as_ptr();
            for panel in 0..layer.rows.count {
                let rows = layer.rows.range(panel);
                // SAFETY: nobody writes the packed weights or the old state in this step.
                let from = unsafe {
                    layer.states.range(old + rows.start * hidden..old + rows.end * hidden)
                };
                // SAFETY: as above.
                let weights =
                    |gate: usize| unsafe { layer.weights.range(layer.weight_panel(unit, gate)) };
                let ahead = |gate: usize| {
                    let share = [panel * GATES + gate, layer.rows.count * GATES];
                    Ahead::share(next, GATES * LANES * hidden, share, hidden)
                };
                let [input, candidate, forget, output] = &mut products;
                let two = [weights(0), weights(1)];
                tile_products::<S>(rows.len(), from, two, ahead(0), [input, candidate]);
                let two = [weights(2), weights(3)];
                tile_products::<S>(rows.len(), from, two, ahead(2), [forget, output]);
                self.activate::<S>(unit, rows, &products);
            }
        }
    }
}

impl Step<'_> {
    /// Adds the state's share to the gates, and makes the new state from them.
    #[inline(always)]
    fn activate<S: Simd>(&self, unit: usize, rows: Range<usize>, products: &[Tile; GATES]) {
        let layer = self.recurrence;
        let (shape, hidden) = (layer.shape, layer.shape.hidden);
        let (first, last) = (unit * LANES, hidden.min((unit + 1) * LANES));
        let mut new_state = Tile::zeros();
        for (i, b) in rows.clone().enumerate() {
            let row = self.step * shape.batch + b;
            // SAFETY: only this worker writes the values of its units.
            let gate = |gate: usize| unsafe {
                let at = row * shape.gates() + column(shape, gate, 0);
                layer.gates.range_mut(at + first..at + last)
            };
            let sum = |g: usize| (&*gate(g), &products[g]);
            let input = sigmoid(preactivation::<S>(sum(0), i));
            let candidate = tanh(preactivation::<S>(sum(1), i));
            let forget = sigmoid(preactivation::<S>(sum(2), i));
            let output = sigmoid(preactivation::<S>(sum(3), i));
            let before = row * hidden;
            let after = (row + shape.batch) * hidden;
            // SAFETY: as above; the cell state before this step is only read.
            let (old_cell, new_cell, new_hidden) = unsafe {
                (
                    layer.cells.range(before + first..before + last),
                    layer.cells.range_mut(after + first..after + last),
                    layer.hidden.range_mut(after + first..after + last),
                )
            };
            let kept = S::load_slice(old_cell, 0.0).mul(forget);
            let cell = input.mul_add(candidate, kept);
            let h = output.mul(tanh(cell));
            for (g, value) in [input, candidate, forget, output].into_iter().enumerate() {
                value.store_slice(gate(g));
            }
            cell.store_slice(new_cell);
            h.store_slice(new_hidden);
            new_state.set_row(i, h);
        }
        let at = |unit: usize| {
            (self.step + 1) % 2 * shape.state() + rows.start * hidden + unit * rows.len()
        };
        // SAFETY: only this worker packs the values of its units.
        let to = unsafe { layer.states.range_mut(at(first)..at(last)) };
        pack_tile::<S>(&new_state, rows.len(), to);
    }
}

/// The input's and the state's shares of a gate. A function, for a closure would be compiled
/// without the vector instructions.
#[inline(always)]
fn preactivation<S: Simd>((of_input, of_state): (&[f32], &Tile), row: usize) -> S {
    S::load_slice(of_input, 0.0).add(of_state.row(row))
}
