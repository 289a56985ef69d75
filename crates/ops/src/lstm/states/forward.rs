//! The forward pass of a window.

use super::{BLOCK, GATES, Shape, Weights, Window, parts};
use crate::blocks::copy_from;
use crate::matmul::{Accumulate, Matrix, Right, matmul};
use crate::simd::{Kernel, LANES, Simd, sigmoid, tanh};
use crate::{Cpu, rows_mut};

/// Runs a layer over a window of inputs `xs` (steps · batch, input) from the state at the start of
/// `window.states`. The outputs are the states after it. `pack` may give packed copies of weights.
///
/// # Panics
/// When a size does not fit `shape`.
pub fn forward<'a>(
    cpu: &Cpu,
    shape: Shape,
    forget_bias: f32,
    weights: Weights<'a>,
    xs: &[f32],
    window: &mut Window,
    pack: &mut dyn FnMut(Matrix<'a>) -> Right<'a>,
) {
    weights.check(shape);
    let Window { gates, before, states } = window;
    let inputs = Matrix::new(xs, shape.rows(), shape.input);
    let [of_input, of_state] = [weights.of_input(shape), weights.of_state(shape)].map(pack);
    matmul(cpu, inputs, of_input, Accumulate::Bias(weights.bias), gates);

    let [_, hidden] = parts(shape);
    let steps =
        before.chunks_exact_mut(shape.state()).zip(gates.chunks_exact_mut(GATES * shape.state()));
    for (step, (h, gates)) in steps.enumerate() {
        let (old, next) = states[2 * step * shape.state()..].split_at_mut(2 * shape.state());
        copy_from(cpu, hidden, old, h);
        let h = Matrix::new(h, shape.batch, shape.hidden);
        matmul(cpu, h, of_state.clone(), Accumulate::Add, gates);
        update(cpu, shape, forget_bias, old, gates, &mut next[..2 * shape.state()]);
    }
}

/// The gates of a step from their inputs, and the state after it.
fn update(
    cpu: &Cpu,
    shape: Shape,
    forget_bias: f32,
    old: &[f32],
    gates: &mut [f32],
    next: &mut [f32],
) {
    let width = shape.hidden;
    let rows = (rows_mut(gates, GATES * width), rows_mut(next, 2 * width));
    cpu.for_rows(shape.batch, BLOCK, rows, |block, (gates, next)| {
        let old = &old[2 * block.start * width..2 * block.end * width];
        cpu.isa().run(Update { width, forget_bias, old, gates, next });
    });
}

struct Update<'a> {
    width: usize,
    forget_bias: f32,
    old: &'a [f32],
    gates: &'a mut [f32],
    next: &'a mut [f32],
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (width, forget_bias) = (self.width, S::splat(self.forget_bias));
        let rows = self.gates.chunks_exact_mut(GATES * width).zip(self.old.chunks_exact(2 * width));
        for ((gates, old), next) in rows.zip(self.next.chunks_exact_mut(2 * width)) {
            let (cells, hidden) = next.split_at_mut(width);
            let states = cells.chunks_mut(LANES).zip(hidden.chunks_mut(LANES));
            let states = old[..width].chunks(LANES).zip(states);
            let (of_input, of_cell) = gates.split_at_mut(2 * width);
            let (i, j) = of_input.split_at_mut(width);
            let (f, o) = of_cell.split_at_mut(width);
            let of_input = i.chunks_mut(LANES).zip(j.chunks_mut(LANES));
            let of_cell = f.chunks_mut(LANES).zip(o.chunks_mut(LANES));
            for (((i, j), (f, o)), (old, (cell, hidden))) in of_input.zip(of_cell).zip(states) {
                let input = sigmoid(S::load_slice(i, 0.0));
                let candidate = tanh(S::load_slice(j, 0.0));
                let forget = sigmoid(S::load_slice(f, 0.0).add(forget_bias));
                let output = sigmoid(S::load_slice(o, 0.0));
                let c = S::load_slice(old, 0.0).mul_add(forget, input.mul(candidate));
                input.store_slice(i);
                candidate.store_slice(j);
                forget.store_slice(f);
                output.store_slice(o);
                c.store_slice(cell);
                output.mul(tanh(c)).store_slice(hidden);
            }
        }
    }
}
