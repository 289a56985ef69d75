//! The windows of skip-gram on a GPU: `kernels/neg_sampling.cu`, with the draws and the formulas of
//! the engine on the CPU.
//!
//! A thread block trains a sentence, one centre after the other. As many blocks as fit run at once
//! and share the tables without locks, as the threads of the CPU do: the result of several
//! sentences is not the same twice. One sentence alone gives what the CPU gives, but for the order
//! in which sums are taken.
//!
//! Without the feature `cuda` there is the same [`WindowTrainer`], which nobody can make.

#[cfg(not(feature = "cuda"))]
mod absent;
#[cfg(feature = "cuda")]
mod launch;
mod sentences;
#[cfg_attr(not(any(test, feature = "cuda")), allow(dead_code))]
mod shape;

#[cfg(all(test, target_os = "linux"))]
mod tests;

#[cfg(not(feature = "cuda"))]
pub use absent::WindowTrainer;
#[cfg(feature = "cuda")]
pub use launch::WindowTrainer;
pub use sentences::{Sentences, Sizes, Trained};
