//! The direct convolution: matrix products whose left side is read from the image in place
//! (an implicit GEMM; Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning",
//! arXiv 1410.0759, section 3, here for caches and registers).

mod backward_input;
mod backward_weight;
mod correlation;
mod filters;
mod forward;
mod kernel;
mod planes;

pub use backward_input::backward_input;
pub use backward_weight::backward_weight;
pub use forward::forward;
pub(super) use forward::packed;

#[cfg(test)]
mod tests;
