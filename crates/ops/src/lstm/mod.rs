//! One LSTM layer over a window of time steps, fused (Zaremba et al., arXiv 1409.2329,
//! equations 4–9; gates in TensorFlow's order i, j, f, o).
//!
//! ```text
//! [i j f o] = [x_t h_(t-1)] · kernel + bias
//! c_t = σ(f) ∘ c_(t-1) + σ(i) ∘ tanh(j)        h_t = σ(o) ∘ tanh(c_t)
//! ```
//!
//! The input's share of the gates is one product for the whole window. Only the state's
//! share goes step by step: every thread keeps the weights of its own hidden units packed
//! and meets the others once a step. The gradient of the weights is again one product
//! for the window.
//!
//! Arrays over time are time-major: row `t * batch + b`.

mod backward;
mod forward;
mod reference;
pub mod states;

pub use backward::{Gradients, backward};
pub use forward::forward;
#[cfg(test)]
use reference::lstm_reference_backward;
pub use reference::{Reference, lstm_reference};

use super::matmul::Matrix;

/// Input gate, candidate, forget gate, output gate.
const GATES: usize = 4;

/// The sizes of one layer over one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences side by side.
    pub batch: usize,
    /// Time steps of the window.
    pub steps: usize,
    /// Width of the input.
    pub input: usize,
    /// Hidden units.
    pub hidden: usize,
}

impl Shape {
    /// Rows of a time-major array of the window.
    pub fn rows(&self) -> usize {
        self.steps * self.batch
    }

    /// Width of the four gates together.
    pub fn gates(&self) -> usize {
        GATES * self.hidden
    }

    /// FLOPs of the recurrent product of one time step (a multiply-add counts as two).
    pub fn operations(&self) -> usize {
        2 * self.state() * self.gates()
    }

    /// Values of the gates of a window (steps · batch, 4 · hidden).
    pub fn gates_len(&self) -> usize {
        self.rows() * self.gates()
    }

    /// Values of the states of a window (steps + 1, batch, hidden).
    pub fn states_len(&self) -> usize {
        (self.steps + 1) * self.state()
    }

    /// Values of a state (batch, hidden).
    pub fn state(&self) -> usize {
        self.batch * self.hidden
    }
}

/// The parameters of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// (input + hidden, 4 · hidden): the rows of the input first, columns i, j, f, o.
    pub kernel: &'a [f32],
    /// (4 · hidden)
    pub bias: &'a [f32],
}

impl<'a> Weights<'a> {
    fn check(&self, shape: Shape) {
        let values = (shape.input + shape.hidden) * shape.gates();
        assert_eq!(self.kernel.len(), values, "the kernel has the wrong size");
        assert_eq!(self.bias.len(), shape.gates(), "the bias has the wrong size");
    }

    /// The rows that the input meets (input, 4 · hidden).
    fn of_input(&self, shape: Shape) -> Matrix<'a> {
        let values = shape.input * shape.gates();
        Matrix::new(&self.kernel[..values], shape.input, shape.gates())
    }

    /// The rows that the state meets (hidden, 4 · hidden).
    fn of_state(&self, shape: Shape) -> Matrix<'a> {
        let values = shape.input * shape.gates();
        Matrix::new(&self.kernel[values..], shape.hidden, shape.gates())
    }
}

/// What a window leaves behind: the state at every step, and what the gradient needs. The memory
/// is the caller's.
#[derive(Debug)]
pub struct Activations<'a> {
    /// Activated gates (steps · batch, 4 · hidden); after the backward pass their gradient.
    pub gates: &'a mut [f32],
    /// Cell states (steps + 1, batch, hidden), the initial one first.
    pub cells: &'a mut [f32],
    /// Hidden states (steps + 1, batch, hidden), the initial one first.
    pub hidden: &'a mut [f32],
}

impl Activations<'_> {
    /// Sets the state before the first step: `cell` and `hidden` (batch, hidden).
    ///
    /// # Panics
    /// When a state has another size.
    pub fn start(&mut self, shape: Shape, cell: &[f32], hidden: &[f32]) {
        self.cells[..shape.state()].copy_from_slice(cell);
        self.hidden[..shape.state()].copy_from_slice(hidden);
    }

    /// The outputs of all steps (steps · batch, hidden).
    pub fn outputs(&self, shape: Shape) -> &[f32] {
        &self.hidden[shape.state()..]
    }

    /// The cell state after the last step (batch, hidden).
    pub fn last_cell(&self, shape: Shape) -> &[f32] {
        &self.cells[shape.rows() * shape.hidden..]
    }

    /// The hidden state after the last step (batch, hidden).
    pub fn last_hidden(&self, shape: Shape) -> &[f32] {
        &self.hidden[shape.rows() * shape.hidden..]
    }

    fn check(&self, shape: Shape) {
        assert_eq!(self.gates.len(), shape.gates_len(), "the gates have the wrong size");
        let states = shape.states_len();
        assert_eq!(self.cells.len(), states, "the cells have the wrong size");
        assert_eq!(self.hidden.len(), states, "the hidden states have the wrong size");
    }
}

/// The first column of `gate` for hidden unit `unit`.
#[inline(always)]
fn column(shape: Shape, gate: usize, unit: usize) -> usize {
    gate * shape.hidden + unit
}

#[cfg(test)]
mod tests;
