//! Fused operators on plain slices: stateless, deterministic, vectorised at run time.
//!
//! Every operator takes a [`Cpu`], which holds the instruction level and the threads. Work
//! is split so that each output is summed in one fixed order: the bits are the same for
//! any number of threads.

mod buffer;
mod cpu;
pub mod dropout;
pub mod embedding;
pub mod huge_pages;
mod isa;
pub mod lstm;
pub mod matmul;
pub mod norm;
pub mod peak;
pub mod sgd;
pub mod simd;
pub mod softmax;
mod team;

pub use buffer::Buffer;
pub use cpu::{Cpu, Member, Shared};
pub use isa::{ISA_VARIABLE, Isa};
