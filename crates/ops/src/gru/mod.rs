//! A GRU layer over a window of time steps (Cho et al., arXiv 1406.1078), as TensorFlow's `GRUCell`
//! has it:
//!
//! ```text
//! [r, u] = sigmoid([x, h] · W + b)
//! c      = tanh([x, r ∘ h] · V + d)
//! h'     = u ∘ h + (1 - u) ∘ c
//! ```
//!
//! The products with the inputs of all steps are one product each; the recurrence goes step by
//! step. cuDNN and PyTorch multiply by r after the product instead, which is another layer.

mod backward;
mod forward;
mod reference;
#[cfg(test)]
mod tests;

pub use backward::{Gradients, backward, products};
pub use forward::forward;
pub use reference::gru_reference;

use super::matmul::Matrix;

/// The sizes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences side by side.
    pub batch: usize,
    /// Time steps.
    pub steps: usize,
    /// Values of an input.
    pub input: usize,
    /// Hidden units.
    pub hidden: usize,
}

impl Shape {
    /// Rows of a time-major array of the window.
    pub fn rows(&self) -> usize {
        self.steps * self.batch
    }

    /// Values of a state (batch, hidden).
    pub fn state(&self) -> usize {
        self.batch * self.hidden
    }

    /// Values that [`forward`] leaves for [`backward`].
    pub fn saved_len(&self) -> usize {
        4 * self.rows() * self.hidden
    }
}

/// The parameters of a layer. Rows of the input come before those of the state.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// (input + hidden, 2 · hidden): the reset gate's columns, then the update gate's.
    pub gates: &'a [f32],
    /// (2 · hidden)
    pub gate_biases: &'a [f32],
    /// (input + hidden, hidden)
    pub candidate: &'a [f32],
    /// (hidden)
    pub candidate_biases: &'a [f32],
}

impl<'a> Weights<'a> {
    fn check(&self, shape: Shape) {
        let rows = shape.input + shape.hidden;
        assert_eq!(self.gates.len(), rows * 2 * shape.hidden, "the gates have the wrong size");
        assert_eq!(self.candidate.len(), rows * shape.hidden, "the candidate has the wrong size");
        assert_eq!(self.gate_biases.len(), 2 * shape.hidden, "the biases have the wrong size");
        assert_eq!(self.candidate_biases.len(), shape.hidden, "the biases have the wrong size");
    }

    /// The rows of `weights` that the input meets, and those that the state meets.
    fn split(weights: &'a [f32], shape: Shape, columns: usize) -> [Matrix<'a>; 2] {
        let (of_input, of_state) = weights.split_at(shape.input * columns);
        [Matrix::new(of_input, shape.input, columns), Matrix::new(of_state, shape.hidden, columns)]
    }

    fn of_gates(&self, shape: Shape) -> [Matrix<'a>; 2] {
        Self::split(self.gates, shape, 2 * shape.hidden)
    }

    fn of_candidate(&self, shape: Shape) -> [Matrix<'a>; 2] {
        Self::split(self.candidate, shape, shape.hidden)
    }
}

/// What a window leaves behind for its backward pass. The memory is the caller's.
#[derive(Debug)]
pub struct Activations<'a> {
    /// Reset and update gates (steps · batch, 2 · hidden); after the backward pass their gradient.
    gates: &'a mut [f32],
    /// Candidates (steps · batch, hidden); after the backward pass their gradient.
    candidates: &'a mut [f32],
    /// r ∘ h (steps · batch, hidden).
    reset: &'a mut [f32],
    /// Hidden states (steps + 1, batch, hidden), the initial one first.
    hidden: &'a mut [f32],
}

impl<'a> Activations<'a> {
    /// The parts of `saved` ([`Shape::saved_len`]) and the states `hidden`
    /// (steps + 1, batch, hidden).
    ///
    /// # Panics
    /// When a slice has another size.
    pub fn new(shape: Shape, saved: &'a mut [f32], hidden: &'a mut [f32]) -> Self {
        assert_eq!(saved.len(), shape.saved_len(), "the saved activations have the wrong size");
        assert_eq!(
            hidden.len(),
            (shape.steps + 1) * shape.state(),
            "the states have the wrong size"
        );
        let values = shape.rows() * shape.hidden;
        let (gates, rest) = saved.split_at_mut(2 * values);
        let (candidates, reset) = rest.split_at_mut(values);
        Self { gates, candidates, reset, hidden }
    }
}

/// Whether a step is within the sequence of a row: sequences of different lengths are side by side,
/// their padding after them. A step of the padding leaves the state as it is.
fn is_within(lengths: Option<&[u32]>, row: usize, step: usize) -> bool {
    lengths.is_none_or(|lengths| step < lengths[row] as usize)
}

/// Rows of the elementwise passes that a thread takes at a time.
const BLOCK: usize = 8;
