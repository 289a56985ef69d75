//! The forward pass of a window.

use super::super::matmul::{Accumulate, Matrix, Right, matmul};
use super::super::simd::{Kernel, LANES, Simd, sigmoid, tanh};
use super::super::{Cpu, rows_mut};
use super::{Activations, BLOCK, Shape, Weights, is_within};

/// Runs a layer over a window of inputs `xs` (steps · batch, input) from the state at the start of
/// `window.hidden`. The outputs are the states after it. `lengths` (batch) are the steps of each
/// sequence; without them all have `shape.steps`. `pack` may give packed copies of weights.
///
/// # Panics
/// When a size does not fit `shape`.
pub fn forward<'a>(
    cpu: &Cpu,
    shape: Shape,
    weights: Weights<'a>,
    xs: &[f32],
    lengths: Option<&[u32]>,
    window: &mut Activations,
    pack: &mut dyn FnMut(Matrix<'a>) -> Right<'a>,
) {
    weights.check(shape);
    let Activations { gates, candidates, reset, hidden } = window;
    let inputs = Matrix::new(xs, shape.rows(), shape.input);
    let [gates_x, gates_h] = weights.of_gates(shape).map(&mut *pack);
    let [candidate_x, candidate_h] = weights.of_candidate(shape).map(&mut *pack);
    matmul(cpu, inputs, gates_x, Accumulate::Bias(weights.gate_biases), gates);
    matmul(cpu, inputs, candidate_x, Accumulate::Bias(weights.candidate_biases), candidates);

    let state = shape.state();
    for step in 0..shape.steps {
        let (before, after) = hidden.split_at_mut((step + 1) * state);
        let (h, next) = (&before[step * state..], &mut after[..state]);
        let gates = &mut gates[2 * step * state..2 * (step + 1) * state];
        let candidates = &mut candidates[step * state..(step + 1) * state];
        let reset = &mut reset[step * state..(step + 1) * state];

        let old = Matrix::new(h, shape.batch, shape.hidden);
        matmul(cpu, old, gates_h.clone(), Accumulate::Add, gates);
        open_gates(cpu, shape, h, gates, reset);
        let old = Matrix::new(reset, shape.batch, shape.hidden);
        matmul(cpu, old, candidate_h.clone(), Accumulate::Add, candidates);
        update(cpu, shape, h, gates, candidates, next);
        for row in (0..shape.batch).filter(|&row| !is_within(lengths, row, step)) {
            let row = row * shape.hidden..(row + 1) * shape.hidden;
            next[row.clone()].copy_from_slice(&h[row]);
        }
    }
}

/// The gates of a step from their inputs, and r ∘ h.
fn open_gates(cpu: &Cpu, shape: Shape, h: &[f32], gates: &mut [f32], reset: &mut [f32]) {
    let width = shape.hidden;
    let rows = (rows_mut(gates, 2 * width), rows_mut(reset, width));
    cpu.for_rows(shape.batch, BLOCK, rows, |block, (gates, reset)| {
        let h = &h[block.start * width..block.end * width];
        cpu.isa().run(OpenGates { width, h, gates, reset });
    });
}

struct OpenGates<'a> {
    width: usize,
    h: &'a [f32],
    gates: &'a mut [f32],
    reset: &'a mut [f32],
}

impl Kernel for OpenGates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.width;
        let rows = self.gates.chunks_exact_mut(2 * width).zip(self.h.chunks_exact(width));
        for ((gates, h), reset) in rows.zip(self.reset.chunks_exact_mut(width)) {
            for gate in gates.chunks_mut(LANES) {
                sigmoid(S::load_slice(gate, 0.0)).store_slice(gate);
            }
            let values = gates.chunks(LANES).zip(h.chunks(LANES));
            for (reset, (r, h)) in reset.chunks_mut(LANES).zip(values) {
                S::load_slice(r, 0.0).mul(S::load_slice(h, 0.0)).store_slice(reset);
            }
        }
    }
}

/// The candidates of a step from their inputs, and the state after it.
fn update(
    cpu: &Cpu,
    shape: Shape,
    h: &[f32],
    gates: &[f32],
    candidates: &mut [f32],
    next: &mut [f32],
) {
    let width = shape.hidden;
    let rows = (rows_mut(candidates, width), rows_mut(next, width));
    cpu.for_rows(shape.batch, BLOCK, rows, |block, (candidates, next)| {
        let h = &h[block.start * width..block.end * width];
        let gates = &gates[2 * block.start * width..2 * block.end * width];
        cpu.isa().run(Update { width, h, gates, candidates, next });
    });
}

struct Update<'a> {
    width: usize,
    h: &'a [f32],
    gates: &'a [f32],
    candidates: &'a mut [f32],
    next: &'a mut [f32],
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.width;
        let rows = self.h.chunks_exact(width).zip(self.gates.chunks_exact(2 * width));
        let results = self.candidates.chunks_exact_mut(width);
        let results = results.zip(self.next.chunks_exact_mut(width));
        for ((h, gates), (candidates, next)) in rows.zip(results) {
            let values = h.chunks(LANES).zip(gates[width..].chunks(LANES));
            let results = candidates.chunks_mut(LANES).zip(next.chunks_mut(LANES));
            for ((h, u), (candidate, next)) in values.zip(results) {
                let (h, u) = (S::load_slice(h, 0.0), S::load_slice(u, 0.0));
                let c = tanh(S::load_slice(candidate, 0.0));
                c.store_slice(candidate);
                // u ∘ h + (1 - u) ∘ c
                u.mul_add(h.sub(c), c).store_slice(next);
            }
        }
    }
}
