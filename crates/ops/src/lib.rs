//! The operators of tfm: fused, stateless, on plain slices, with the instruction level chosen at
//! run time.
//!
//! Every operator takes a [`Cpu`], which holds the instruction level and the threads. Work is split
//! so that each output is summed in one fixed order. Results are therefore deterministic and
//! bit-identical for any number of threads, except those of [`skipgram`] and [`nce`] with
//! `Updates::Hogwild`.
//!
//! This is a crate of its own so that it is compiled for speed in every build, and so that what is
//! `unsafe` ends at its border.

pub mod activation;
pub mod attention;
pub mod batch_norm;
pub mod blocks;
mod buffer;
pub mod candidates;
pub mod conv;
mod cpu;
mod disjoint;
pub mod dropout;
pub mod elementwise;
pub mod embedding;
mod finite;
pub mod gru;
mod isa;
mod logistic;
pub mod lrn;
pub mod lstm;
pub mod matmul;
pub mod nce;
pub mod norm;
pub mod optimizer;
pub mod pages;
pub mod peak;
pub mod pool;
pub mod pool_lrn;
pub mod precision;
pub mod relu;
pub mod resize;
pub mod rng;
pub mod sampled_softmax;
pub mod simd;
pub mod skipgram;
pub mod softmax;
pub mod statistics;
#[cfg(test)]
mod tests;
mod thread_pool;
pub mod threads;
pub mod top_k;
pub mod window;

pub use buffer::Buffer;
pub use cpu::{Cpu, Worker};
pub use disjoint::{DisjointSlice, Rows, RowsMut, rows_mut};
pub use finite::{NotFinite, ensure_finite};
pub use isa::{ISA_VARIABLE, Isa};
