//! Pooling of images (batch, height, width, channels) over sliding windows.
//!
//! Every output, and in the gradients every input, is found by one thread from all windows
//! that concern it, so that windows may overlap and nothing is added up by turns.

mod average;
mod max;
pub mod reference;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

pub use average::{avg_pool2d, avg_pool2d_gradient};
pub use max::{Floor, NO_WINNER, max_pool2d, max_pool2d_gradient};
pub(super) use max::{max_pool_rows, max_pool_rows_gradient};
pub use shape::Shape;
