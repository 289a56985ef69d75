//! Parallel text: pairs of lines that say the same in two languages.
//!
//! [`ParallelText`] reads the pairs of two files or of one with tabs.

mod lines;
#[cfg(test)]
mod tests;
mod text;

pub use text::{Invalid, Pair, ParallelText, Progress, Reading};
