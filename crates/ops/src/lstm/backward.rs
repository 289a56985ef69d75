//! The backward pass of a window: truncated backpropagation through time.

use std::ops::Range;

use super::super::matmul::{
    Accumulate, Ahead, Matrix, PackColumns, Panels, Tile, matmul, matmul_and_sums, pack_tile,
    tile_products,
};
use super::super::simd::{Kernel, LANES, Simd, tanh};
use super::super::{Cpu, DisjointSlice, Worker};
use super::{Activations, GATES, Shape, Weights, column};

/// Where the gradients of a layer go; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// (input + hidden, 4 · hidden)
    pub kernel: &'a mut [f32],
    /// (4 · hidden)
    pub bias: &'a mut [f32],
    /// (steps · batch, input), where it is wanted
    pub inputs: Option<&'a mut [f32]>,
}

/// The gradients of a layer over a window, from the gradient of its outputs `d_outputs`
/// (steps · batch, hidden). No gradient enters through the last state, and none leaves
/// through the first one: the window is where backpropagation is cut off.
///
/// `trace` is that of [`super::forward`] on the same inputs; its gates are used up.
///
/// # Panics
/// When a size does not fit `shape`.
pub fn backward(
    cpu: &Cpu,
    shape: Shape,
    weights: Weights,
    xs: &[f32],
    d_outputs: &[f32],
    trace: &mut Activations,
    gradients: Gradients,
) {
    weights.check(shape);
    assert_eq!(d_outputs.len(), shape.rows() * shape.hidden, "d_outputs has the wrong size");
    trace.check(shape);
    let gates = &mut *trace.gates;
    through_time(cpu, shape, weights, d_outputs, gates, trace.cells);

    let (rows, width) = (shape.rows(), shape.gates());
    let d_gates = Matrix::new(gates, rows, width);
    if let Some(inputs) = gradients.inputs {
        matmul(cpu, d_gates, weights.of_input(shape).transposed(), Accumulate::Overwrite, inputs);
    }
    let (d_input_rows, d_state_rows) = gradients.kernel.split_at_mut(shape.input * width);
    let inputs = Matrix::new(xs, rows, shape.input);
    matmul(cpu, inputs.transposed(), d_gates, Accumulate::Overwrite, d_input_rows);
    let states = Matrix::new(&trace.hidden[..rows * shape.hidden], rows, shape.hidden);
    let states = states.transposed();
    matmul_and_sums(cpu, states, d_gates, Accumulate::Overwrite, d_state_rows, gradients.bias);
}

/// Overwrites the activated gates with the gradient of their inputs, last step first.
fn through_time(
    cpu: &Cpu,
    shape: Shape,
    weights: Weights,
    d_outputs: &[f32],
    gates: &mut [f32],
    cells: &[f32],
) {
    let units = shape.hidden.div_ceil(LANES);
    let packed = units * LANES * shape.gates();
    let packed_gates = 2 * shape.batch * shape.gates();
    cpu.with_buffer(packed + packed_gates + shape.state(), |buffer| {
        let (packed_weights, rest) = buffer.split_at_mut(packed);
        let (packed_gates, rest) = rest.split_at_mut(packed_gates);
        let d_cells = &mut rest[..shape.state()];
        d_cells.fill(0.0);
        let recurrence = Recurrence {
            shape,
            rows: Panels::new(shape.batch, cpu.isa().max_rows()),
            weights: DisjointSlice::new(packed_weights),
            packed_gates: DisjointSlice::new(packed_gates),
            gates: DisjointSlice::new(gates),
            d_cells: DisjointSlice::new(d_cells),
            cells,
            d_outputs,
        };
        cpu.parallel(shape.operations(), |worker| {
            recurrence.run(cpu, weights.of_state(shape).transposed(), worker)
        });
    });
}

/// The part of the pass that goes from step to step.
#[derive(Clone, Copy)]
struct Recurrence<'a> {
    shape: Shape,
    rows: Panels,
    /// For every sixteen units: the transposed weights, a panel (4 · hidden, 16).
    weights: DisjointSlice<'a>,
    /// The packed gradient of a step's gates, read and written in turn.
    packed_gates: DisjointSlice<'a>,
    gates: DisjointSlice<'a>,
    /// The gradient that goes from cell state to cell state (batch, hidden).
    d_cells: DisjointSlice<'a>,
    cells: &'a [f32],
    d_outputs: &'a [f32],
}

impl Recurrence<'_> {
    fn run(self, cpu: &Cpu, weights: Matrix, worker: &Worker) {
        let shape = self.shape;
        let units = worker.chunk(shape.hidden.div_ceil(LANES));
        for unit in units.clone() {
            let columns = unit * LANES..shape.hidden.min((unit + 1) * LANES);
            // SAFETY: every worker packs its own units.
            let to = unsafe { self.weights.range_mut(self.weight_panel(unit)) };
            cpu.isa().run(PackColumns {
                from: weights,
                depth: 0..shape.gates(),
                columns,
                to,
                sums: None,
            });
        }
        for step in (0..shape.steps).rev() {
            cpu.isa().run(Step { recurrence: self, step, units: units.clone() });
            worker.wait();
        }
    }

    fn weight_panel(&self, unit: usize) -> Range<usize> {
        let len = LANES * self.shape.gates();
        unit * len..(unit + 1) * len
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
        let shape = layer.shape;
        let is_last = self.step + 1 == shape.steps;
        let mut products = [const { Tile::zeros() }; 2];
        // Two at a time: the second of an odd number is the first again.
        for first in self.units.clone().step_by(2) {
            let units = [first, (first + 1).min(self.units.end - 1)];
            // SAFETY: nobody writes the packed weights any more.
            let weights =
                units.map(|unit| unsafe { layer.weights.range(layer.weight_panel(unit)) });
            let next = if first + 2 < self.units.end { first + 2 } else { self.units.start };
            // SAFETY: as above.
            let next = unsafe { layer.weights.range(layer.weight_panel(next)) };
            for panel in 0..layer.rows.count {
                let rows = layer.rows.range(panel);
                let share = [2 * panel, 2 * layer.rows.count];
                let ahead = Ahead::share(next.as_ptr(), 2 * next.len(), share, shape.gates());
                let [of_first, of_second] = &mut products;
                if !is_last {
                    let at = self.packed(self.step + 1, &rows);
                    let len = rows.len() * shape.gates();
                    // SAFETY: nobody writes the gradient of the step after this one.
                    let d_gates = unsafe { layer.packed_gates.range(at..at + len) };
                    tile_products::<S>(rows.len(), d_gates, weights, ahead, [of_first, of_second]);
                }
                self.cell_backward::<S>(units[0], rows.clone(), &products[0]);
                if units[1] != units[0] {
                    self.cell_backward::<S>(units[1], rows, &products[1]);
                }
            }
        }
    }
}

impl Step<'_> {
    /// Where a panel of rows of a step's packed gates begins.
    #[inline(always)]
    fn packed(&self, step: usize, rows: &Range<usize>) -> usize {
        let shape = self.recurrence.shape;
        (step % 2 * shape.batch + rows.start) * shape.gates()
    }

    /// From the gradient of the hidden state to that of the gates and of the cell state
    /// one step before.
    #[inline(always)]
    fn cell_backward<S: Simd>(&self, unit: usize, rows: Range<usize>, from_later: &Tile) {
        let layer = self.recurrence;
        let (shape, hidden) = (layer.shape, layer.shape.hidden);
        let (first, last) = (unit * LANES, hidden.min((unit + 1) * LANES));
        let packed = self.packed(self.step, &rows);
        let one = S::splat(1.0);
        let mut tiles = [const { Tile::zeros() }; GATES];
        for (i, b) in rows.clone().enumerate() {
            let row = self.step * shape.batch + b;
            let state = |row: usize| row * hidden + first..row * hidden + last;
            // SAFETY: only this worker touches the gates of its units.
            let gate = |gate: usize| unsafe {
                let at = row * shape.gates() + column(shape, gate, 0);
                layer.gates.range_mut(at + first..at + last)
            };
            let (input, candidate) = (S::load_slice(gate(0), 0.0), S::load_slice(gate(1), 0.0));
            let (forget, output) = (S::load_slice(gate(2), 0.0), S::load_slice(gate(3), 0.0));
            let old_cell = S::load_slice(&layer.cells[state(row)], 0.0);
            let tanh_cell = tanh(S::load_slice(&layer.cells[state(row + shape.batch)], 0.0));
            // SAFETY: only this worker touches the cell gradient of its units.
            let d_cell_slot = unsafe { layer.d_cells.range_mut(state(b)) };

            let d_hidden = S::load_slice(&layer.d_outputs[state(row)], 0.0).add(from_later.row(i));
            let tanh_slope = one.sub(tanh_cell.mul(tanh_cell));
            let d_cell = d_hidden.mul(output).mul_add(tanh_slope, S::load_slice(d_cell_slot, 0.0));
            d_cell.mul(forget).store_slice(d_cell_slot);
            let d_gates = [
                d_cell.mul(candidate).mul(sigmoid_slope(input)),
                d_cell.mul(input).mul(one.sub(candidate.mul(candidate))),
                d_cell.mul(old_cell).mul(sigmoid_slope(forget)),
                d_hidden.mul(tanh_cell).mul(sigmoid_slope(output)),
            ];
            for (g, d_gate) in d_gates.into_iter().enumerate() {
                d_gate.store_slice(gate(g));
                tiles[g].set_row(i, d_gate);
            }
        }
        for (g, tile) in tiles.iter().enumerate() {
            let at = |unit: usize| packed + column(shape, g, unit) * rows.len();
            // SAFETY: only this worker packs the gates of its units.
            let to = unsafe { layer.packed_gates.range_mut(at(first)..at(last)) };
            pack_tile::<S>(tile, rows.len(), to);
        }
    }
}

/// The derivative of σ where its value is `y`.
#[inline(always)]
pub(super) fn sigmoid_slope<S: Simd>(y: S) -> S {
    y.mul(S::splat(1.0).sub(y))
}
