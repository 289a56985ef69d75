//! A depthwise convolution followed by a pointwise convolution ("depthwise separable": Howard et
//! al., "MobileNets", arXiv 1704.04861), some rows at a time: the second reads the output of the
//! first before it leaves the core's cache. The bits are those of the two, one after the other.

use std::sync::Arc;

use super::prepared::{MEDIUM_FILTERS, MIN_PIXELS_OF_MEDIUM};
use super::{Layer, Shape, depthwise};
use crate::matmul::{Accumulate, Matrix, PackedMatrix, Right, multiply_alone};
use crate::{Cpu, rows_mut};

/// Pixels that a thread takes at a time.
const BLOCK_PIXELS: usize = 200;

/// Whether a depthwise convolution of that shape, with one filter a channel, and filters of single
/// pixels that give `channels` are likely to be faster together.
pub fn is_profitable(shape: &Shape, channels: usize) -> bool {
    let pixels = shape.rows().output() * shape.columns().output();
    shape.in_channels == shape.out_channels
        && shape.out_channels * channels <= MEDIUM_FILTERS
        && pixels >= MIN_PIXELS_OF_MEDIUM
}

/// `y = rectifier₂(rectifier₁(x ∗ filters₁ + biases₁) · filters₂ + biases₂)`. `shape` is that of the
/// depthwise convolution; `y` has as many channels as the second layer has biases.
///
/// # Panics
/// When the sizes do not fit each other.
pub fn forward(
    cpu: &Cpu,
    shape: Shape,
    x: &[f32],
    first: Layer<&[f32]>,
    second: Layer<&Arc<PackedMatrix>>,
    y: &mut [f32],
) {
    let (rows, columns) = (shape.rows().output(), shape.columns().output());
    let (inner, outer) = (columns * shape.out_channels, columns * second.biases.len());
    let right = Right::Packed(Arc::clone(second.filters));
    let all = shape.batch * rows;
    cpu.for_rows(all, block(cpu, all, columns), rows_mut(y, outer), |block, y| {
        cpu.with_buffer(block.len() * inner, |between| {
            for (row, between) in block.clone().zip(between.chunks_exact_mut(inner)) {
                depthwise::forward_row(cpu, shape, row, x, first, between);
            }
            let pixels = block.len() * columns;
            let left = Matrix::new(between, pixels, shape.out_channels);
            let bias = Accumulate::Bias(second.biases);
            multiply_alone(cpu, left, &right, bias, second.rectifier, y);
        });
    });
}

/// Rows at a time: as many blocks for each thread.
fn block(cpu: &Cpu, rows: usize, columns: usize) -> usize {
    let wanted = (BLOCK_PIXELS / columns.max(1)).max(1);
    let blocks = cpu.threads() * rows.div_ceil(cpu.threads() * wanted).max(1);
    rows.div_ceil(blocks).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, PreparedFilters};
    use super::*;
    use crate::Isa;
    use crate::relu::Rectifier;
    use crate::rng::Stream;
    use crate::window::Padding;

    #[test]
    fn both_together_give_the_bits_of_one_after_the_other() {
        let random = |len: usize, name: &str| -> Vec<f32> {
            let mut numbers = Stream::new(3, name).at(0);
            (0..len).map(|_| numbers.uniform_between(-1.0, 1.0)).collect()
        };
        for (sides, stride, [channels, outputs]) in
            [([5, 70], 1, [33, 20]), ([14, 14], 1, [1024, 40]), ([17, 30], 2, [16, 70])]
        {
            let shape = Shape {
                batch: 2,
                height: sides[0],
                width: sides[1],
                in_channels: channels,
                out_channels: channels,
                kernel: [3; 2],
                stride: [stride; 2],
                padding: Padding::Same,
            };
            let pixels = Shape {
                height: shape.rows().output(),
                width: shape.columns().output(),
                out_channels: outputs,
                kernel: [1; 2],
                stride: [1; 2],
                ..shape
            };
            let x = random(shape.inputs(), "x");
            for isa in Isa::available() {
                let run = |threads: usize| {
                    let cpu = Cpu::new(isa, threads).unwrap();
                    let prepared = |algorithm, shape: Shape, weights: usize, name: &str| {
                        let biases = random(shape.out_channels, "biases");
                        let weights = random(weights, name);
                        PreparedFilters::new(&cpu, algorithm, shape, &weights, biases)
                    };
                    let first =
                        || prepared(Algorithm::Depthwise, shape, depthwise::weights(&shape), "a");
                    let second = || prepared(Algorithm::Product, pixels, pixels.weights(), "b");
                    let mut between = vec![f32::NAN; shape.outputs()];
                    let (mut apart, mut y) =
                        (vec![f32::NAN; pixels.outputs()], vec![f32::NAN; pixels.outputs()]);
                    first().forward(&cpu, shape, &x, Rectifier::Relu6, &mut between);
                    second().forward(&cpu, pixels, &between, Rectifier::Relu, &mut apart);
                    let both = PreparedFilters::separable(first(), Rectifier::Relu6, second());
                    both.forward(&cpu, shape, &x, Rectifier::Relu, &mut y);
                    assert!(y == apart, "{isa:?} {threads} {sides:?}");
                    y
                };
                assert!([2, 3, 40].into_iter().all(|threads| run(threads) == run(1)), "{isa:?}");
            }
        }
    }
}
