//! Pooling of images (batch, height, width, channels) over sliding windows.
//!
//! Both passes gather: each output (backward: each input) is computed by one thread, so overlapping
//! windows need no atomics and the bits do not depend on the thread count.

mod average;
mod max;
pub mod reference;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

pub use average::{avg_pool2d, avg_pool2d_gradient};
pub use max::{Floor, NO_ARGMAX, max_pool2d, max_pool2d_gradient};
pub(super) use max::{max_pool_rows, max_pool_rows_gradient};
pub use shape::Shape;
