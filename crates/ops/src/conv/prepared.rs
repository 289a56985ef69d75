//! Filters that are prepared once for many forward passes without training in between.

use std::sync::Arc;

use super::winograd::{Epilogue, lines};
use super::{Filters, Layer, Shape, depthwise, direct, separable, winograd};
use crate::matmul::{Accumulate, Matrix, PackedMatrix, Right, matmul_by_rows, matmul_rectified};
use crate::relu::Rectifier;
use crate::{Buffer, Cpu, Isa};

/// The values that a product gives at a time: a share of the second-level cache.
const BLOCK_VALUES: usize = 160 * 1024;
/// Filters that stay in the second-level cache beside what they are applied to.
const SMALL_FILTERS: usize = 64 * 1024;
/// The fewest pixels of a product: filters come from memory for each.
const MIN_PIXELS: usize = 512;
/// Pixels that a thread takes at a time with small filters.
const BLOCK_PIXELS: usize = 56;
/// Filters that a thread can read once from the last-level cache while it computes.
pub(super) const MEDIUM_FILTERS: usize = 288 * 1024;
/// The fewest pixels for which it does, and the most that it takes at a time.
pub(super) const MIN_PIXELS_OF_MEDIUM: usize = 128;
const MAX_PIXELS_OF_MEDIUM: usize = 256;

/// How a forward pass goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// By direct sums.
    Direct,
    /// By Winograd's transform.
    Winograd,
    /// By Winograd's transform along one axis.
    WinogradLines,
    /// As one product of all pixels.
    Product,
    /// By direct sums, each channel by itself.
    Depthwise,
    /// A depthwise convolution, and a product of its pixels while they are in the cache.
    Separable,
}

impl Algorithm {
    /// The one of a convolution of all channels that is likely to be the fastest with prepared
    /// filters.
    pub fn of(shape: &Shape) -> Self {
        let is_winograds =
            winograd::supports(shape) && winograd::is_profitable_when_prepared(shape);
        let has_lines = lines::supports(shape) && lines::is_profitable(shape);
        match (shape.kernel, shape.stride) {
            _ if is_winograds => Self::Winograd,
            _ if has_lines => Self::WinogradLines,
            ([1, 1], [1, 1]) => Self::Product,
            _ => Self::Direct,
        }
    }
}

/// Filters and biases in the order in which the forward passes of one algorithm read them.
#[derive(Debug)]
pub struct PreparedFilters {
    values: Values,
    biases: Vec<f32>,
    /// The level whose passes read them.
    isa: Isa,
}

/// Filters as an algorithm reads them.
#[derive(Debug)]
enum Values {
    Direct(Buffer),
    Winograd(Buffer),
    WinogradLines(Vec<Right<'static>>),
    Product(Arc<PackedMatrix>),
    Depthwise(Vec<f32>),
    Separable(Depthwise, Arc<PackedMatrix>),
}

/// The first half of a separable convolution.
#[derive(Debug)]
struct Depthwise {
    filters: Vec<f32>,
    biases: Vec<f32>,
    rectifier: Rectifier,
}

impl PreparedFilters {
    /// Prepares `weight` (kernel height, kernel width, in channels, out channels) and `biases` (out
    /// channels) for an algorithm on images of a shape, at the instruction level of `cpu`; they serve
    /// for other sizes of batch too. Those of a [`depthwise`] convolution are (kernel height, kernel
    /// width, channels, multiplier).
    ///
    /// # Panics
    /// When the sizes do not fit each other, and for [`Algorithm::Separable`].
    pub fn new(
        cpu: &Cpu,
        algorithm: Algorithm,
        shape: Shape,
        weight: &[f32],
        biases: Vec<f32>,
    ) -> Self {
        let values = match algorithm {
            Algorithm::Winograd => Values::Winograd(winograd::transformed(cpu, &shape, weight)),
            Algorithm::WinogradLines => {
                Values::WinogradLines(lines::transformed(cpu, &shape, weight))
            }
            Algorithm::Direct => Values::Direct(direct::packed(cpu, shape, weight)),
            Algorithm::Product => {
                let mut packed = PackedMatrix::default();
                packed.pack(cpu, Matrix::new(weight, shape.in_channels, shape.out_channels));
                Values::Product(Arc::new(packed))
            }
            Algorithm::Depthwise => Values::Depthwise(weight.to_vec()),
            Algorithm::Separable => {
                panic!("these were prepared from the filters of two convolutions")
            }
        };
        Self { values, biases, isa: cpu.isa() }
    }

    /// The filters of a depthwise convolution, its activation `rectifier`, and the filters of the
    /// pointwise convolution that follows. The shape of a pass is that of the depthwise
    /// convolution.
    ///
    /// # Panics
    /// When they are prepared for other algorithms.
    pub fn separable(depthwise: Self, rectifier: Rectifier, pixels: Self) -> Self {
        match (depthwise.values, pixels.values) {
            (Values::Depthwise(filters), Values::Product(of_pixels)) => {
                let first = Depthwise { filters, biases: depthwise.biases, rectifier };
                let values = Values::Separable(first, of_pixels);
                Self { values, biases: pixels.biases, isa: pixels.isa }
            }
            _ => panic!("the filters are those of other convolutions"),
        }
    }

    /// The algorithm that they are prepared for.
    pub fn algorithm(&self) -> Algorithm {
        match self.values {
            Values::Direct(_) => Algorithm::Direct,
            Values::Winograd(_) => Algorithm::Winograd,
            Values::WinogradLines(_) => Algorithm::WinogradLines,
            Values::Product(_) => Algorithm::Product,
            Values::Depthwise(_) => Algorithm::Depthwise,
            Values::Separable(..) => Algorithm::Separable,
        }
    }

    /// As [`super::forward`].
    ///
    /// # Panics
    /// When the sizes do not fit each other, or the filters are prepared for another instruction level.
    pub fn forward(&self, cpu: &Cpu, shape: Shape, x: &[f32], rectifier: Rectifier, y: &mut [f32]) {
        assert!(self.isa == cpu.isa(), "the filters are prepared for another instruction level");
        let biases = &self.biases;
        match &self.values {
            Values::Winograd(filters) => {
                let filters = Filters::Prepared(filters);
                winograd::forward(cpu, &shape, x, filters, biases, rectifier, y);
            }
            Values::WinogradLines(filters) => {
                let finish = Epilogue { bias: Some(biases), rectifier };
                lines::forward(cpu, &shape, x, filters, finish, y);
            }
            Values::Direct(filters) => {
                let filters = Filters::Prepared(filters);
                direct::forward(cpu, shape, x, filters, biases, rectifier, y);
            }
            Values::Depthwise(filters) => {
                depthwise::forward(cpu, shape, x, filters, biases, rectifier, y);
            }
            Values::Separable(
                Depthwise { filters: weights, biases: of_first, rectifier: first },
                filters,
            ) => {
                let first = Layer { filters: &weights[..], biases: of_first, rectifier: *first };
                let second = Layer { filters, biases, rectifier };
                separable::forward(cpu, shape, x, first, second, y);
            }
            Values::Product(filters) => {
                let (inputs, outputs) = (shape.in_channels, shape.out_channels);
                let all = Matrix::new(x, x.len() / inputs.max(1), inputs);
                if let Some(block) = pixels_of_a_thread(cpu, all.rows(), filters.len()) {
                    return matmul_by_rows(cpu, (all, block), filters, biases, rectifier, y);
                }
                let filters = Right::Packed(Arc::clone(filters));
                // So many pixels at a time that what they give stays in the cache.
                let pixels = (BLOCK_VALUES / outputs.max(1)).max(MIN_PIXELS);
                for (x, y) in x.chunks(pixels * inputs).zip(y.chunks_mut(pixels * outputs)) {
                    let x = Matrix::new(x, x.len() / inputs, inputs);
                    let bias = Accumulate::Bias(biases);
                    matmul_rectified(cpu, x, filters.clone(), bias, rectifier, y);
                }
            }
        }
    }
}

/// How many pixels a thread takes at a time for a product with all filters, where it does.
fn pixels_of_a_thread(cpu: &Cpu, pixels: usize, filters: usize) -> Option<usize> {
    if filters <= SMALL_FILTERS && pixels >= MIN_PIXELS {
        return Some(BLOCK_PIXELS);
    }
    let most = cpu.threads() * MAX_PIXELS_OF_MEDIUM;
    let blocks = cpu.threads() * pixels.div_ceil(most);
    (filters <= MEDIUM_FILTERS && pixels >= MIN_PIXELS_OF_MEDIUM).then(|| pixels.div_ceil(blocks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::conv_reference;
    use crate::rng::Stream;
    use crate::window::Padding;

    fn random(len: usize, name: &str) -> Vec<f32> {
        let mut numbers = Stream::new(5, name).at(0);
        (0..len).map(|_| numbers.uniform_between(-1.0, 1.0)).collect()
    }

    /// Sizes where rows, channels or neither are split, and Winograd's.
    #[test]
    fn prepared_filters_give_the_plain_formula_and_the_same_bits_for_any_threads() {
        let shape = |[batch, height, width]: [usize; 3],
                     [in_channels, out_channels]: [usize; 2],
                     kernel| Shape {
            batch,
            height,
            width,
            in_channels,
            out_channels,
            kernel,
            stride: [1; 2],
            padding: Padding::Same,
        };
        for shape in [
            shape([1, 5, 6], [3, 17], [3, 2]),
            shape([2, 3, 3], [900, 170], [1, 1]),
            shape([1, 27, 41], [5, 400], [1, 1]),
            shape([1, 24, 23], [256, 100], [1, 1]),
            shape([1, 24, 23], [300, 300], [1, 1]),
            shape([1, 4, 5], [64, 300], [1, 7]),
            shape([3, 13, 12], [48, 50], [3, 3]),
        ] {
            let x = random(shape.inputs(), "x");
            let (weight, biases) = (random(shape.weights(), "w"), random(shape.out_channels, "b"));
            let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let want = conv_reference(shape, &wide(&x), &wide(&weight), &wide(&biases));
            let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            for isa in Isa::available() {
                let run = |threads| {
                    let cpu = Cpu::new(isa, threads).unwrap();
                    let filters = PreparedFilters::new(
                        &cpu,
                        Algorithm::of(&shape),
                        shape,
                        &weight,
                        biases.clone(),
                    );
                    let mut y = vec![f32::NAN; shape.outputs()];
                    filters.forward(&cpu, shape, &x, Rectifier::Relu6, &mut y);
                    y
                };
                let one = run(1);
                for (got, want) in one.iter().zip(&want) {
                    let error = (f64::from(*got) - want.clamp(0.0, 6.0)).abs();
                    assert!(error <= 3e-5 * largest, "{shape:?} {isa:?}: {got} {want}");
                }
                assert!([2, 3].into_iter().all(|threads| run(threads) == one), "{shape:?} {isa:?}");
            }
        }
    }
}
