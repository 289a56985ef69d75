//! The backward pass of a window: backpropagation through time.

use super::super::matmul::{Accumulate, Matrix, Right, matmul};
use super::super::simd::{Kernel, LANES, Simd};
use super::super::{Cpu, rows_mut};
use super::{Activations, BLOCK, Shape, Weights, is_within};

/// Where the gradients of what a layer reads go; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// (steps · batch, input), where it is wanted
    pub inputs: Option<&'a mut [f32]>,
    /// (batch, hidden), where it is wanted
    pub start: Option<&'a mut [f32]>,
}

/// The gradients of a layer over a window, from the gradient of its outputs `d_outputs`
/// (steps · batch, hidden). `window` is that of [`super::forward`] on the same inputs and lengths;
/// it is used up, and [`products`] then says what the gradients of the weights are. `pack` may give
/// packed copies of weights.
///
/// # Panics
/// When a size does not fit `shape`.
#[allow(clippy::too_many_arguments, reason = "the forward pass's arguments, and two more")]
pub fn backward<'a>(
    cpu: &Cpu,
    shape: Shape,
    weights: Weights<'a>,
    lengths: Option<&[u32]>,
    d_outputs: &[f32],
    window: &mut Activations,
    gradients: Gradients,
    pack: &mut dyn FnMut(Matrix<'a>) -> Right<'a>,
) {
    weights.check(shape);
    assert_eq!(d_outputs.len(), shape.rows() * shape.hidden, "d_outputs has the wrong size");
    let mut transposed = |weights: Matrix<'a>| pack(weights.transposed());
    let (gates, candidate) = (weights.of_gates(shape), weights.of_candidate(shape));
    let of_state = [transposed(gates[1]), transposed(candidate[1])];
    through_time(cpu, shape, of_state, lengths, d_outputs, window, gradients.start);

    let rows = shape.rows();
    let d_gates = Matrix::new(window.gates, rows, 2 * shape.hidden);
    let d_candidates = Matrix::new(window.candidates, rows, shape.hidden);
    if let Some(d_inputs) = gradients.inputs {
        matmul(cpu, d_gates, transposed(gates[0]), Accumulate::Overwrite, d_inputs);
        matmul(cpu, d_candidates, transposed(candidate[0]), Accumulate::Add, d_inputs);
    }
}

/// What the gradients of the weights of gates and candidate are products of: the inputs (rows, input)
/// and (rows, hidden), side by side, and the gradients of the outputs. The window is that of
/// [`backward`].
pub fn products<'a>(
    shape: Shape,
    xs: &'a [f32],
    window: &'a Activations,
) -> [([Matrix<'a>; 2], &'a [f32]); 2] {
    let rows = shape.rows();
    let of = |values: &'a [f32]| Matrix::new(values, rows, shape.hidden);
    let (inputs, states) =
        (Matrix::new(xs, rows, shape.input), &window.hidden[..rows * shape.hidden]);
    [([inputs, of(states)], &*window.gates), ([inputs, of(window.reset)], &*window.candidates)]
}

/// Overwrites gates and candidates with the gradients of their inputs, the last step first.
fn through_time(
    cpu: &Cpu,
    shape: Shape,
    [gates_h, candidate_h]: [Right; 2],
    lengths: Option<&[u32]>,
    d_outputs: &[f32],
    window: &mut Activations,
    d_start: Option<&mut [f32]>,
) {
    let state = shape.state();
    cpu.with_buffer(2 * state, |buffer| {
        let (d_h, d_reset) = buffer[..2 * state].split_at_mut(state);
        d_h.fill(0.0);
        for step in (0..shape.steps).rev() {
            let one = step * state..(step + 1) * state;
            let h = &window.hidden[one.clone()];
            let gates = &mut window.gates[2 * one.start..2 * one.end];
            let candidates = &mut window.candidates[one.clone()];
            let pass = StepPass { cpu, shape, lengths, step, h };
            pass.of_candidates(&d_outputs[one], gates, candidates, d_h);
            let d = Matrix::new(candidates, shape.batch, shape.hidden);
            matmul(cpu, d, candidate_h.clone(), Accumulate::Overwrite, d_reset);
            pass.of_reset(d_reset, gates, d_h);
            let d = Matrix::new(gates, shape.batch, 2 * shape.hidden);
            matmul(cpu, d, gates_h.clone(), Accumulate::Add, d_h);
        }
        if let Some(d_start) = d_start {
            d_start.copy_from_slice(d_h);
        }
    });
}

/// The elementwise passes of one step.
struct StepPass<'a> {
    cpu: &'a Cpu,
    shape: Shape,
    lengths: Option<&'a [u32]>,
    step: usize,
    /// The state before the step.
    h: &'a [f32],
}

impl StepPass<'_> {
    /// From the gradient of the state after the step, `d_outputs` + `d_h`: that of the candidates'
    /// inputs and of the update gate's, and what of the state before goes around them, in `d_h`.
    fn of_candidates(
        &self,
        d_outputs: &[f32],
        gates: &mut [f32],
        candidates: &mut [f32],
        d_h: &mut [f32],
    ) {
        let width = self.shape.hidden;
        let rows = (rows_mut(gates, 2 * width), rows_mut(candidates, width), rows_mut(d_h, width));
        self.cpu.for_rows(self.shape.batch, BLOCK, rows, |block, (gates, candidates, d_h)| {
            let rows = gates.chunks_exact_mut(2 * width).zip(candidates.chunks_exact_mut(width));
            for ((row, (gates, candidates)), d_h) in
                block.zip(rows).zip(d_h.chunks_exact_mut(width))
            {
                let at = row * width..(row + 1) * width;
                let (h, d_outputs) = (&self.h[at.clone()], &d_outputs[at]);
                let is_within = is_within(self.lengths, row, self.step);
                let gates = &mut gates[width..];
                let pass = CandidateGradient { h, d_outputs, gates, candidates, d_h, is_within };
                self.cpu.isa().run(pass);
            }
        });
    }

    /// From the gradient of r ∘ h: that of the reset gate's inputs, and its share in `d_h`.
    fn of_reset(&self, d_reset: &[f32], gates: &mut [f32], d_h: &mut [f32]) {
        let width = self.shape.hidden;
        let rows = (rows_mut(gates, 2 * width), rows_mut(d_h, width));
        self.cpu.for_rows(self.shape.batch, BLOCK, rows, |block, (gates, d_h)| {
            let rows = gates.chunks_exact_mut(2 * width).zip(d_h.chunks_exact_mut(width));
            for (row, (gates, d_h)) in block.zip(rows) {
                let at = row * width..(row + 1) * width;
                let (h, d_reset) = (&self.h[at.clone()], &d_reset[at]);
                let is_within = is_within(self.lengths, row, self.step);
                let gates = &mut gates[..width];
                self.cpu.isa().run(ResetGradient { h, d_reset, gates, d_h, is_within });
            }
        });
    }
}

struct CandidateGradient<'a> {
    h: &'a [f32],
    d_outputs: &'a [f32],
    /// The update gates.
    gates: &'a mut [f32],
    candidates: &'a mut [f32],
    d_h: &'a mut [f32],
    is_within: bool,
}

impl Kernel for CandidateGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let one = S::splat(1.0);
        let inputs = self.h.chunks(LANES).zip(self.d_outputs.chunks(LANES));
        let results = self.gates.chunks_mut(LANES).zip(self.candidates.chunks_mut(LANES));
        for ((h, d_output), ((u, c), d_h)) in inputs.zip(results.zip(self.d_h.chunks_mut(LANES))) {
            let d = S::load_slice(d_output, 0.0).add(S::load_slice(d_h, 0.0));
            if !self.is_within {
                S::splat(0.0).store_slice(u);
                S::splat(0.0).store_slice(c);
                d.store_slice(d_h);
                continue;
            }
            let (h, gate) = (S::load_slice(h, 0.0), S::load_slice(u, 0.0));
            let candidate = S::load_slice(c, 0.0);
            let closed = one.sub(gate);
            let slope = one.sub(candidate.mul(candidate));
            d.mul(closed).mul(slope).store_slice(c);
            d.mul(h.sub(candidate)).mul(gate.mul(closed)).store_slice(u);
            d.mul(gate).store_slice(d_h);
        }
    }
}

struct ResetGradient<'a> {
    h: &'a [f32],
    d_reset: &'a [f32],
    /// The reset gates.
    gates: &'a mut [f32],
    d_h: &'a mut [f32],
    is_within: bool,
}

impl Kernel for ResetGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        if !self.is_within {
            return self.gates.fill(0.0);
        }
        let one = S::splat(1.0);
        let inputs = self.h.chunks(LANES).zip(self.d_reset.chunks(LANES));
        let results = self.gates.chunks_mut(LANES).zip(self.d_h.chunks_mut(LANES));
        for ((h, d_reset), (r, d_h)) in inputs.zip(results) {
            let (gate, d) = (S::load_slice(r, 0.0), S::load_slice(d_reset, 0.0));
            d.mul_add(gate, S::load_slice(d_h, 0.0)).store_slice(d_h);
            d.mul(S::load_slice(h, 0.0)).mul(gate.mul(one.sub(gate))).store_slice(r);
        }
    }
}
