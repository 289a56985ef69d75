//! The backward pass of a window: backpropagation through time.

use super::super::backward::sigmoid_slope;
use super::{BLOCK, GATES, Shape, Weights, Window, parts};
use crate::blocks::copy_into;
use crate::matmul::{Accumulate, Matrix, Right, matmul};
use crate::simd::{Kernel, LANES, Simd, tanh};
use crate::{Cpu, rows_mut};

/// Where the gradients of what a layer reads go; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// (steps · batch, input), where it is wanted
    pub inputs: Option<&'a mut [f32]>,
    /// (batch, 2 · hidden), where it is wanted
    pub start: Option<&'a mut [f32]>,
}

/// The gradients of a layer over a window, from the gradient of its states `d_states`
/// (steps · batch, 2 · hidden). `window` is that of [`super::forward`] on the same inputs; it is
/// used up, and [`product`] then says what the gradient of the weights is. `pack` may give packed
/// copies of weights.
///
/// # Panics
/// When a size does not fit `shape`.
pub fn backward<'a>(
    cpu: &Cpu,
    shape: Shape,
    weights: Weights<'a>,
    d_states: &[f32],
    window: &mut Window,
    gradients: Gradients,
    pack: &mut dyn FnMut(Matrix<'a>) -> Right<'a>,
) {
    weights.check(shape);
    assert_eq!(d_states.len(), 2 * shape.rows() * shape.hidden, "d_states has the wrong size");
    let of_state = pack(weights.of_state(shape).transposed());
    through_time(cpu, shape, &of_state, d_states, window, gradients.start);

    if let Some(d_inputs) = gradients.inputs {
        let d_gates = Matrix::new(window.gates, shape.rows(), shape.gates());
        let weights = pack(weights.of_input(shape).transposed());
        matmul(cpu, d_gates, weights, Accumulate::Overwrite, d_inputs);
    }
}

/// What the gradient of the weights is the product of: the inputs (rows, input) and (rows, hidden),
/// side by side, and the gradient of the outputs. The window is that of [`backward`].
pub fn product<'a>(
    shape: Shape,
    xs: &'a [f32],
    window: &'a Window,
) -> ([Matrix<'a>; 2], &'a [f32]) {
    let rows = shape.rows();
    let before = Matrix::new(window.before, rows, shape.hidden);
    ([Matrix::new(xs, rows, shape.input), before], window.gates)
}

/// Overwrites the gates with the gradients of their inputs, the last step first.
fn through_time(
    cpu: &Cpu,
    shape: Shape,
    of_state: &Right,
    d_states: &[f32],
    window: &mut Window,
    d_start: Option<&mut [f32]>,
) {
    let state = shape.state();
    cpu.with_buffer(2 * state, |buffer| {
        let (d_cell, d_hidden) = buffer[..2 * state].split_at_mut(state);
        d_cell.fill(0.0);
        d_hidden.fill(0.0);
        for step in (0..shape.steps).rev() {
            let one = 2 * step * state..2 * (step + 1) * state;
            let (old, next) = window.states[one.start..].split_at(2 * state);
            let gates = &mut window.gates[2 * one.start..2 * one.end];
            let pass = StepPass { cpu, shape, old, next, d_states: &d_states[one] };
            pass.of_gates(gates, d_cell, d_hidden);
            if step > 0 || d_start.is_some() {
                let d_gates = Matrix::new(gates, shape.batch, shape.gates());
                matmul(cpu, d_gates, of_state.clone(), Accumulate::Overwrite, d_hidden);
            }
        }
        if let Some(d_start) = d_start {
            for (part, d) in parts(shape).into_iter().zip([d_cell, d_hidden]) {
                copy_into(cpu, part, d, d_start);
            }
        }
    });
}

/// The elementwise pass of one step.
struct StepPass<'a> {
    cpu: &'a Cpu,
    shape: Shape,
    /// The state before the step, and that after it.
    old: &'a [f32],
    next: &'a [f32],
    d_states: &'a [f32],
}

impl StepPass<'_> {
    /// From the gradient of the state after the step, `d_states` + (`d_cell`, `d_hidden`): that of
    /// the gates' inputs, and that of the cell before in `d_cell`.
    fn of_gates(&self, gates: &mut [f32], d_cell: &mut [f32], d_hidden: &[f32]) {
        let width = self.shape.hidden;
        let rows = (rows_mut(gates, GATES * width), rows_mut(d_cell, width));
        self.cpu.for_rows(self.shape.batch, BLOCK, rows, |block, (gates, d_cell)| {
            let rows = gates.chunks_exact_mut(GATES * width).zip(d_cell.chunks_exact_mut(width));
            for (row, (gates, d_cell)) in block.zip(rows) {
                let cell = 2 * row * width..(2 * row + 1) * width;
                let (d_cells, d_hiddens) =
                    self.d_states[2 * row * width..2 * (row + 1) * width].split_at(width);
                self.cpu.isa().run(GateGradient {
                    old: &self.old[cell.clone()],
                    next: &self.next[cell],
                    d_states: [d_cells, d_hiddens],
                    d_hidden: &d_hidden[row * width..(row + 1) * width],
                    gates,
                    d_cell,
                });
            }
        });
    }
}

/// A row of a step.
struct GateGradient<'a> {
    /// The cells before and after the step.
    old: &'a [f32],
    next: &'a [f32],
    /// The gradients of cells and hidden values as outputs.
    d_states: [&'a [f32]; 2],
    /// The gradients that come from the step after.
    d_hidden: &'a [f32],
    d_cell: &'a mut [f32],
    gates: &'a mut [f32],
}

impl Kernel for GateGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (one, width) = (S::splat(1.0), self.old.len());
        let (of_input, of_cell) = self.gates.split_at_mut(2 * width);
        let (i, j) = of_input.split_at_mut(width);
        let (f, o) = of_cell.split_at_mut(width);
        let of_input = i.chunks_mut(LANES).zip(j.chunks_mut(LANES));
        let gates = of_input.zip(f.chunks_mut(LANES).zip(o.chunks_mut(LANES)));
        let cells = self.old.chunks(LANES).zip(self.next.chunks(LANES));
        let [d_cells, d_hiddens] = self.d_states;
        let d = d_cells.chunks(LANES).zip(d_hiddens.chunks(LANES));
        let later = self.d_cell.chunks_mut(LANES).zip(self.d_hidden.chunks(LANES));
        for ((((i, j), (f, o)), (old, next)), ((d_c, d_h), (d_cell, d_hidden))) in
            gates.zip(cells).zip(d.zip(later))
        {
            let (input, candidate) = (S::load_slice(i, 0.0), S::load_slice(j, 0.0));
            let (forget, output) = (S::load_slice(f, 0.0), S::load_slice(o, 0.0));
            let tanh_cell = tanh(S::load_slice(next, 0.0));
            let d_h = S::load_slice(d_h, 0.0).add(S::load_slice(d_hidden, 0.0));
            let d_c = S::load_slice(d_c, 0.0).add(S::load_slice(d_cell, 0.0));
            let slope = one.sub(tanh_cell.mul(tanh_cell));
            let d_c = d_h.mul(output).mul_add(slope, d_c);
            d_c.mul(forget).store_slice(d_cell);
            d_c.mul(candidate).mul(sigmoid_slope(input)).store_slice(i);
            d_c.mul(input).mul(one.sub(candidate.mul(candidate))).store_slice(j);
            d_c.mul(S::load_slice(old, 0.0)).mul(sigmoid_slope(forget)).store_slice(f);
            d_h.mul(tanh_cell).mul(sigmoid_slope(output)).store_slice(o);
        }
    }
}
