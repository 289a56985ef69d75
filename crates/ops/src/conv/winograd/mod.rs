//! Winograd's convolution: 3 × 3 and 5 × 5 filters, and [lines] of 3, 5 or 7 taps, stride 1, with a
//! fraction of the multiplications (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
//! arXiv 1509.09308).
//!
//! A tile of outputs is Y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ d B)]A, so that over all channels and tiles there is
//! one matrix product for each point of the transformed tile. Tiles are of eight by eight points:
//! F(6 × 6, 3 × 3) takes 1.8 multiplications per output where the direct sum takes 9, F(4 × 4, 5 ×
//! 5) takes 4 of 25. Both share their points: 0, ±1, ±2, ±½ and ∞. None of the other point sets of
//! Barabasz et al. (arXiv 1803.10986) was measurably more accurate.
//!
//! **Error.** For normal random data and 192 channels, the largest error against `f64`, relative to
//! the largest output, is 1.4e-5 forward, 1.3e-5 for the input's gradient and 4e-6 for the filters'
//! with 3 × 3; 1.3e-5, 1.0e-5 and 7e-6 with 5 × 5. Without fused multiply-adds it is a fifth more.
//! Where an output falls in its tile decides its rounding: the same image may differ in the last
//! places from one place of a batch to another. An input that is not finite makes its tiles
//! non-finite, which may hold pixels of the next image too.
//!
//! **Order.** The forward pass takes a block of tiles at a time, all of it on one thread:
//! transform, then for each few out channels the 64 products and the transform back, while
//! the block is in the cache. The filters' gradient is dU = Σ Vᵀ dM over all tiles, block
//! by block; there the threads share the points.
//!
//! **Memory.** The transformed filters are 64 / 9 or 64 / 25 times the filters, and so are the sums
//! of their gradient. Blocks add 8 MiB per thread or less, 16 MiB for the gradient; a single panel
//! of very many channels may take more.

mod backward;
mod filters;
mod forward;
pub mod lines;
mod points;
mod product;
#[cfg(test)]
mod tests;
mod tile_grid;
mod tiles;
mod transform_2d;

pub use backward::backward_weight;
pub(super) use forward::transformed;
pub use forward::{backward_input, forward};

use super::super::simd::LANES;
use super::{Filters, Shape};
use tiles::AREA;
pub use tiles::Epilogue;

/// What the transform of sixteen channels of a tile costs, in multiply-adds of a vector, as
/// measured.
const DATA_COST: usize = 600;
/// The same for the transform back.
const OUTPUT_COST: usize = 450;
/// The transform of a filter costs as much as its products with this many tiles: it has to
/// go to memory and back.
const FILTER_COST: usize = 32;
/// The same of filters that are transformed already: they come from memory.
const PREPARED_COST: usize = 4;

/// Whether this algorithm can do the convolution: 3 × 3 or 5 × 5 filters, stride 1, and at
/// least one input, filter and output.
pub fn supports(shape: &Shape) -> bool {
    let size = matches!(shape.kernel, [3, 3] | [5, 5]) && shape.stride == [1, 1];
    size && shape.inputs() > 0 && shape.outputs() > 0
}

/// Whether this algorithm is likely to be faster than the direct sums, for a shape that it
/// [`supports`]: the filters must serve for enough tiles, and a tile have enough channels, to be
/// worth their transforms.
pub fn is_profitable(shape: &Shape) -> bool {
    is_cheaper(shape, FILTER_COST)
}

/// The same with filters that were transformed before.
pub fn is_profitable_when_prepared(shape: &Shape) -> bool {
    is_cheaper(shape, PREPARED_COST)
}

fn is_cheaper(shape: &Shape, filter_cost: usize) -> bool {
    let [ins, outs] = [shape.in_channels, shape.out_channels].map(|c| c.div_ceil(LANES));
    let tiles = forward::tile_grid(shape, tile_grid::Axis::forward).tiles;
    let products = AREA * shape.in_channels * outs;
    let transforms = DATA_COST * ins + OUTPUT_COST * outs;
    let winograd = tiles * (products + transforms) + filter_cost * products;
    let pixels = shape.batch * shape.rows().output() * shape.columns().output();
    let direct = pixels * shape.kernel[0] * shape.kernel[1] * shape.in_channels * outs;
    // Demand a 20 % margin: the cost model is no better than that.
    5 * winograd < 4 * direct
}

/// Checks what all passes rely on.
fn check(shape: &Shape, inputs: usize, weights: usize, outputs: usize) {
    assert!(supports(shape), "filters must be 3 × 3 or 5 × 5 with stride 1: {shape:?}");
    assert_eq!(inputs, shape.inputs(), "the input has the wrong size");
    assert_eq!(weights, shape.weights(), "the filters have the wrong size");
    assert_eq!(outputs, shape.outputs(), "the output has the wrong size");
}

/// Outputs of a tile along an axis, for filters of `kernel` taps.
const fn tile(kernel: usize) -> usize {
    points::POINTS + 1 - kernel
}
