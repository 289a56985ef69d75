//! Parallel text: pairs of lines that say the same in two languages.
//!
//! [`ParallelText`] reads the pairs of two files or of one with tabs, and [`PreparedPairs`] are their
//! token ids in a file that is mapped into memory.

mod lines;
mod prepared;
#[cfg(test)]
mod tests;
mod text;

pub use prepared::{Preparation, PreparedPairs};
pub use text::{Invalid, Pair, ParallelText, Progress, Reading};
