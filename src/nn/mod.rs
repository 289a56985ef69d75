//! Parts with parameters: layers that keep what their gradient needs, the optimizer, and
//! clipping.
//!
//! A layer has an explicit `forward` and `backward` instead of a graph: its buffers stay
//! from step to step, and its gradient is written, not allocated and added to.

mod convolution;
mod dense;
mod embedding;
mod initial;
mod lstm;
mod optimizer;
mod output;
mod parameter;

pub use convolution::Convolution;
pub use dense::Dense;
pub use embedding::Embedding;
pub use initial::Initial;
pub use lstm::{Lstm, LstmState};
pub use optimizer::{GlobalNorm, GradientDescent};
pub use output::SoftmaxOutput;
pub use parameter::Parameter;
