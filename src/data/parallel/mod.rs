//! Parallel text: pairs of lines that say the same in two languages.
//!
//! [`ParallelText`] reads the pairs of two files or of one with tabs, [`PreparedPairs`] are their
//! token ids in a file that is mapped into memory, and batches are drawn from those: [`Buckets`] as
//! in the reference, [`TokenBatches`] by length.

mod buckets;
mod lines;
mod prepared;
mod reading;
mod split;
#[cfg(test)]
mod tests;
mod text;
mod token_batches;

pub use buckets::{Bucket, BucketBatch, Buckets};
pub use prepared::{Preparation, PreparedPairs};
pub use reading::{Reading, Sentences};
pub use split::split;
pub use text::{Invalid, Pair, ParallelText, Progress};
pub use token_batches::{Longest, TokenBatch, TokenBatches};
