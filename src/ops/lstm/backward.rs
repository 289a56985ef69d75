//! The backward pass of a window: truncated backpropagation through time.

use super::super::matmul::{
    Accumulate, Matrix, PackColumns, Panels, Tile, matmul, matmul_and_sums, pack_tile, tile_product,
};
use super::super::simd::{Kernel, LANES, Simd, tanh};
use super::super::{Cpu, MatrixMut, columns_mut, rows_mut};
use super::exchange::{Layout, Side, for_units};
use super::{Activations, GATES, Shape, Weights};

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
    assert_eq!(d_outputs.len(), shape.rows() * shape.hidden, "d_outputs has another size");
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
    let rows = Panels::new(shape.batch, cpu.isa().max_rows());
    let layout = Layout { rows, gates: GATES, hidden: shape.hidden };
    let group = LANES * shape.gates();
    let packed = shape.hidden.div_ceil(LANES) * group;
    cpu.with_buffer(packed + 2 * layout.len() + shape.state(), |buffer| {
        let (packed, rest) = buffer.split_at_mut(packed);
        let (d_gates, d_cells) = rest.split_at_mut(2 * layout.len());
        let d_cells = &mut d_cells[..shape.state()];
        d_cells.fill(0.0);
        let changed = [gates, d_cells].map(|values| columns_mut(values, shape.hidden, LANES));
        let (operations, parts) = (shape.operations(), (rows_mut(packed, group), changed));
        for_units(cpu, operations, layout, d_gates, parts, |_, (packed, changed), mut d_gates| {
            let (from, columns) = (weights.of_state(shape).transposed(), d_gates.units());
            let to = &mut *packed;
            cpu.isa().run(PackColumns { from, depth: 0..shape.gates(), columns, to, sums: None });
            let mut units = Units { shape, rows, weights: packed, changed, cells, d_outputs };
            for step in (0..shape.steps).rev() {
                cpu.isa().run(Step { of: &mut units, d_gates: &mut d_gates, step });
                d_gates.swap();
            }
        });
    });
}

/// Some of the hidden units.
struct Units<'a> {
    shape: Shape,
    rows: Panels,
    /// For every sixteen units: the transposed weights, a panel (4 · hidden, 16).
    weights: &'a [f32],
    /// Their columns of the gates (steps · batch · 4, units), and of the gradient that goes from
    /// cell state to cell state (batch, units).
    changed: [MatrixMut<'a>; 2],
    /// Of all units.
    cells: &'a [f32],
    d_outputs: &'a [f32],
}

/// One time step of some of the hidden units.
struct Step<'a, 'u, 's> {
    of: &'a mut Units<'u>,
    /// The gradient of the gates.
    d_gates: &'a mut Side<'s>,
    step: usize,
}

impl Kernel for Step<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (shape, weights) = (self.of.shape, self.of.weights);
        let is_last = self.step + 1 == shape.steps;
        let mut product = Tile::zeros();
        for (group, weights) in weights.chunks_exact(LANES * shape.gates()).enumerate() {
            for panel in 0..self.of.rows.count {
                if !is_last {
                    let rows = self.of.rows.range(panel).len();
                    tile_product::<S>(rows, self.d_gates.read(panel), weights, &mut product);
                }
                self.cell_backward::<S>(group, panel, &product);
            }
        }
    }
}

impl Step<'_, '_, '_> {
    /// From the gradient of the hidden state to that of the gates and of the cell state
    /// one step before.
    #[inline(always)]
    fn cell_backward<S: Simd>(&mut self, group: usize, panel: usize, from_later: &Tile) {
        let Units { shape, rows, changed: [gates, d_cells], cells, d_outputs, .. } = &mut *self.of;
        let (rows, hidden) = (rows.range(panel), shape.hidden);
        let columns = group * LANES..gates.columns().min((group + 1) * LANES);
        let first = self.d_gates.units().start;
        let units = first + columns.start..first + columns.end;
        let one = S::splat(1.0);
        let mut tiles = [const { Tile::zeros() }; GATES];
        for (i, b) in rows.clone().enumerate() {
            let row = self.step * shape.batch + b;
            let state = |row: usize| row * hidden + units.start..row * hidden + units.end;
            let mut activated = [S::splat(0.0); GATES];
            for (g, gate) in activated.iter_mut().enumerate() {
                *gate = S::load_slice(gates.part(row * GATES + g, columns.clone()), 0.0);
            }
            let [input, candidate, forget, output] = activated;
            let old_cell = S::load_slice(&cells[state(row)], 0.0);
            let tanh_cell = tanh(S::load_slice(&cells[state(row + shape.batch)], 0.0));
            let d_cell_slot = d_cells.part(b, columns.clone());

            let d_hidden = S::load_slice(&d_outputs[state(row)], 0.0).add(from_later.row(i));
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
                d_gate.store_slice(gates.part(row * GATES + g, columns.clone()));
                tiles[g].set_row(i, d_gate);
            }
        }
        for (g, tile) in tiles.iter().enumerate() {
            pack_tile::<S>(tile, rows.len(), self.d_gates.write(panel, g, units.clone()));
        }
    }
}

/// The derivative of σ where its value is `y`.
#[inline(always)]
fn sigmoid_slope<S: Simd>(y: S) -> S {
    y.mul(S::splat(1.0).sub(y))
}
