//! The layer with the states of all its steps as the output, so that gradients come back through
//! them: a decoder continues from the last state of its encoder, and looks at cells as well.
//!
//! ```text
//! [i j f o] = [x_t h_(t-1)] · kernel + bias
//! c_t = σ(f + forget bias) ∘ c_(t-1) + σ(i) ∘ tanh(j)        h_t = σ(o) ∘ tanh(c_t)
//! ```
//!
//! A state is a row (cell, hidden). The products with the inputs of all steps are one product; the
//! recurrence goes step by step.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

pub use backward::{Gradients, backward, product};
pub use forward::forward;

use super::{GATES, Shape, Weights};
use crate::blocks::Part;

/// Rows of the elementwise passes that a thread takes at a time.
const BLOCK: usize = 8;

/// What a window leaves behind for its backward pass. The memory is the caller's.
#[derive(Debug)]
pub struct Window<'a> {
    /// Activated gates (steps · batch, 4 · hidden); after the backward pass their gradient.
    gates: &'a mut [f32],
    /// The hidden state before each step (steps · batch, hidden).
    before: &'a mut [f32],
    /// States (steps + 1, batch, 2 · hidden), the initial one first: cell, hidden.
    states: &'a mut [f32],
}

impl<'a> Window<'a> {
    /// The parts of `saved` ([`saved_len`]) and the states `states` (steps + 1, batch, 2 · hidden).
    ///
    /// # Panics
    /// When a slice has another size.
    pub fn new(shape: Shape, saved: &'a mut [f32], states: &'a mut [f32]) -> Self {
        assert_eq!(saved.len(), saved_len(shape), "the saved activations have the wrong size");
        assert_eq!(states.len(), 2 * shape.states_len(), "the states have the wrong size");
        let (gates, before) = saved.split_at_mut(shape.gates_len());
        Self { gates, before, states }
    }
}

/// Values that [`forward`] leaves for [`backward`].
pub fn saved_len(shape: Shape) -> usize {
    shape.gates_len() + shape.rows() * shape.hidden
}

/// Where cells and hidden values are in rows of states.
fn parts(shape: Shape) -> [Part; 2] {
    let len = shape.hidden;
    [0, len].map(|offset| Part { whole: 2 * len, offset, len })
}
