//! The forward pass of a window.

use std::ops::Range;

use super::super::matmul::{
    Accumulate, Matrix, PackColumns, Panels, Tile, matmul, pack_panels, pack_tile, tile_product,
};
use super::super::simd::{Kernel, LANES, Simd, sigmoid, tanh};
use super::super::{Cpu, Isa, MatrixMut, columns_mut, rows_mut};
use super::exchange::{Layout, Side, for_units};
use super::{Activations, GATES, Shape, Weights};

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

    let rows = Panels::new(shape.batch, cpu.isa().max_rows());
    let layout = Layout { rows, gates: 1, hidden: shape.hidden };
    let group = GATES * LANES * shape.hidden;
    let packed = shape.hidden.div_ceil(LANES) * group;
    cpu.with_buffer(packed + 2 * layout.len(), |buffer| {
        let (packed, states) = buffer.split_at_mut(packed);
        let states = &mut states[..2 * layout.len()];
        let (operations, depth) = (shape.operations(), 0..shape.hidden);
        let initial = &trace.hidden[..shape.state()];
        let initial = Matrix::new(initial, shape.batch, shape.hidden);
        let first = &mut states[..layout.len()];
        pack_panels(cpu, operations, initial, rows, std::slice::from_ref(&depth), first);
        let over_time = [gates, &mut *trace.cells, &mut *trace.hidden];
        let over_time = over_time.map(|values| columns_mut(values, shape.hidden, LANES));
        let parts = (rows_mut(packed, group), over_time);
        for_units(cpu, operations, layout, states, parts, |_, (packed, over_time), mut states| {
            pack_weights(cpu.isa(), shape, weights.of_state(shape), states.units(), packed);
            let mut units = Units { shape, rows, weights: packed, over_time };
            for step in 0..shape.steps {
                cpu.isa().run(Step { of: &mut units, states: &mut states, step });
                states.swap();
            }
        });
    });
}

/// Packs what the state meets for each sixteen of the hidden units `units`: the four gates' panels,
/// each (hidden, 16).
fn pack_weights(isa: Isa, shape: Shape, weights: Matrix, units: Range<usize>, to: &mut [f32]) {
    for (i, to) in to.chunks_exact_mut(LANES * shape.hidden).enumerate() {
        let first = i % GATES * shape.hidden + units.start + i / GATES * LANES;
        let columns = first..(first + LANES).min(i % GATES * shape.hidden + units.end);
        isa.run(PackColumns { from: weights, depth: 0..shape.hidden, columns, to, sums: None });
    }
}

/// Some of the hidden units.
struct Units<'a> {
    shape: Shape,
    rows: Panels,
    /// As [`pack_weights`] packs them.
    weights: &'a [f32],
    /// Their columns of the gates (steps · batch · 4, units), the cell states and the hidden states
    /// (steps + 1 · batch, units).
    over_time: [MatrixMut<'a>; 3],
}

/// One time step of some of the hidden units.
struct Step<'a, 'u, 's> {
    of: &'a mut Units<'u>,
    states: &'a mut Side<'s>,
    step: usize,
}

impl Kernel for Step<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (weights, panel_len) = (self.of.weights, LANES * self.of.shape.hidden);
        let mut products = [const { Tile::zeros() }; GATES];
        for (group, weights) in weights.chunks_exact(GATES * panel_len).enumerate() {
            for panel in 0..self.of.rows.count {
                let (rows, from) = (self.of.rows.range(panel).len(), self.states.read(panel));
                for (product, weights) in products.iter_mut().zip(weights.chunks_exact(panel_len)) {
                    tile_product::<S>(rows, from, weights, product);
                }
                self.activate::<S>(group, panel, &products);
            }
        }
    }
}

impl Step<'_, '_, '_> {
    /// Adds the state's share to the gates, and makes the new state from them.
    #[inline(always)]
    fn activate<S: Simd>(&mut self, group: usize, panel: usize, products: &[Tile; GATES]) {
        let Units { shape, rows, over_time: [gates, cells, hidden], .. } = &mut *self.of;
        let rows = rows.range(panel);
        let columns = group * LANES..gates.columns().min((group + 1) * LANES);
        let mut new_state = Tile::zeros();
        for (i, b) in rows.clone().enumerate() {
            let row = self.step * shape.batch + b;
            let mut sums = [S::splat(0.0); GATES];
            for (g, sum) in sums.iter_mut().enumerate() {
                let of_input = S::load_slice(gates.part(row * GATES + g, columns.clone()), 0.0);
                *sum = of_input.add(products[g].row(i));
            }
            let (input, candidate) = (sigmoid(sums[0]), tanh(sums[1]));
            let (forget, output) = (sigmoid(sums[2]), sigmoid(sums[3]));
            let kept = S::load_slice(cells.part(row, columns.clone()), 0.0).mul(forget);
            let cell = input.mul_add(candidate, kept);
            let h = output.mul(tanh(cell));
            for (g, value) in [input, candidate, forget, output].into_iter().enumerate() {
                value.store_slice(gates.part(row * GATES + g, columns.clone()));
            }
            cell.store_slice(cells.part(row + shape.batch, columns.clone()));
            h.store_slice(hidden.part(row + shape.batch, columns.clone()));
            new_state.set_row(i, h);
        }
        let first = self.states.units().start;
        let units = first + columns.start..first + columns.end;
        pack_tile::<S>(&new_state, rows.len(), self.states.write(panel, 0, units));
    }
}
