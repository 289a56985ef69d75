mod tensorflow;

use super::super::{
    Shape, conv_reference, conv_reference_bias, conv_reference_input, conv_reference_weight,
};
use super::*;
use crate::conv::Filters;
use crate::conv::bias_gradient;
use crate::relu::Rectifier;
use crate::rng::Stream;
use crate::window::Padding::{self, Same, Valid};
use crate::{Cpu, Isa};

fn random(len: usize, name: &str) -> Vec<f64> {
    let mut numbers = Stream::new(7, name).at(0);
    (0..len).map(|_| f64::from(numbers.uniform_between(-1.0, 1.0))).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// (batch, height, width, in, out), kernel, stride, padding.
type Sizes = ([usize; 5], [usize; 2], [usize; 2], Padding);

fn shape((sizes, kernel, stride, padding): Sizes) -> Shape {
    let [batch, height, width, in_channels, out_channels] = sizes;
    Shape { batch, height, width, in_channels, out_channels, kernel, stride, padding }
}

/// Odd sizes, strides beyond the kernel, kernels beyond the image, empty paddings.
const SIZES: [Sizes; 20] = [
    ([1, 1, 1, 1, 1], [1, 1], [1, 1], Same),
    ([2, 5, 7, 3, 4], [3, 3], [1, 1], Same),
    ([1, 9, 15, 2, 17], [5, 3], [1, 1], Valid),
    ([3, 8, 8, 1, 32], [5, 5], [1, 1], Same),
    ([2, 12, 13, 17, 33], [3, 3], [1, 1], Same),
    ([1, 20, 21, 3, 16], [11, 11], [4, 4], Same),
    ([2, 23, 22, 3, 5], [11, 11], [4, 4], Valid),
    ([1, 7, 9, 4, 6], [2, 2], [3, 3], Same),
    ([1, 7, 9, 4, 6], [2, 3], [3, 5], Valid),
    ([2, 6, 5, 8, 48], [1, 1], [1, 1], Same),
    ([2, 6, 5, 9, 3], [1, 1], [2, 2], Valid),
    ([1, 3, 3, 2, 2], [5, 5], [1, 1], Same),
    ([1, 3, 3, 2, 2], [7, 5], [2, 2], Same),
    ([1, 4, 40, 5, 20], [3, 4], [2, 1], Same),
    ([1, 31, 3, 16, 16], [3, 3], [1, 2], Same),
    ([2, 1, 37, 1, 1], [1, 9], [1, 3], Same),
    ([1, 2, 2, 3, 2], [3, 3], [1, 1], Valid),
    ([9, 6, 4, 2, 3], [2, 2], [2, 2], Same),
    ([1, 90, 60, 20, 3], [3, 3], [2, 2], Same),
    ([0, 4, 4, 2, 2], [3, 3], [1, 1], Same),
];

/// A convolution with the gradient of its output.
struct Case {
    shape: Shape,
    x: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
    dy: Vec<f64>,
}

impl Case {
    fn new(shape: Shape) -> Self {
        let x = random(shape.inputs(), "x");
        let weight = random(shape.weights(), "weight");
        let bias = random(shape.out_channels, "bias");
        Self { shape, x, weight, bias, dy: random(shape.outputs(), "dy") }
    }

    /// Output, its positive part, and the gradients of input, filters and bias.
    fn reference(&self) -> [Vec<f64>; 5] {
        let (shape, dy) = (self.shape, &self.dy);
        let y = conv_reference(shape, &self.x, &self.weight, &self.bias);
        let relu = y.iter().map(|y| y.max(0.0)).collect();
        let dx = conv_reference_input(shape, &self.weight, dy);
        let dweight = conv_reference_weight(shape, &self.x, dy);
        [y, relu, dx, dweight, conv_reference_bias(shape, dy)]
    }

    /// The same from the fast paths, into memory that holds no numbers.
    fn fast(&self, cpu: &Cpu) -> [Vec<f32>; 5] {
        let shape = self.shape;
        let (x, weight, bias) = (single(&self.x), single(&self.weight), single(&self.bias));
        let dy = single(&self.dy);
        let [mut y, mut relu] = [(); 2].map(|()| vec![f32::NAN; dy.len()]);
        let mut dx = vec![f32::NAN; x.len()];
        let mut dweight = vec![f32::NAN; weight.len()];
        let mut dbias = vec![f32::NAN; bias.len()];
        forward(cpu, shape, &x, Filters::Plain(&weight), &bias, Rectifier::None, &mut y);
        forward(cpu, shape, &x, Filters::Plain(&weight), &bias, Rectifier::Relu, &mut relu);
        backward_input(cpu, shape, &weight, &dy, &mut dx);
        backward_weight(cpu, shape, &x, &dy, &mut dweight);
        bias_gradient(cpu, &dy, shape.out_channels, &mut dbias);
        [y, relu, dx, dweight, dbias]
    }
}

/// The error relative to the largest value.
fn close(got: &[f32], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(*got) - want).abs();
        assert!(error <= 2e-6 * largest, "{what} {i}: {got} and {want}");
    }
}

const NAMES: [&str; 5] = ["y", "relu(y)", "dx", "dweight", "dbias"];

#[test]
fn every_level_equals_the_reference() {
    for sizes in SIZES {
        let case = Case::new(shape(sizes));
        let want = case.reference();
        for isa in Isa::available() {
            let got = case.fast(&Cpu::new(isa, 2).unwrap());
            for ((got, want), name) in got.iter().zip(&want).zip(NAMES) {
                close(got, want, &format!("{isa:?} {sizes:?} {name}"));
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    let large = ([5, 19, 17, 20, 40], [5, 5], [1, 1], Same);
    for sizes in SIZES.into_iter().chain([large]) {
        let case = Case::new(shape(sizes));
        for isa in Isa::available() {
            let bits = |threads| {
                let all = case.fast(&Cpu::new(isa, threads).unwrap());
                all.map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            let one = bits(1);
            assert!([2, 3, 5].into_iter().all(|threads| bits(threads) == one), "{sizes:?}");
        }
    }
}

#[test]
fn what_is_not_finite_shows() {
    let case = Case::new(shape(SIZES[1]));
    let (mut x, weight, bias) = (single(&case.x), single(&case.weight), single(&case.bias));
    x[0] = f32::NAN;
    for isa in Isa::available() {
        let mut y = single(&case.dy);
        forward(
            &Cpu::new(isa, 1).unwrap(),
            case.shape,
            &x,
            Filters::Plain(&weight),
            &bias,
            Rectifier::Relu,
            &mut y,
        );
        assert!(y[0].is_nan());
    }
}
