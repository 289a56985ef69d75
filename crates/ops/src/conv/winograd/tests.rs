use super::*;
use crate::conv::{conv_reference, conv_reference_input, conv_reference_weight};
use crate::relu::Rectifier;
use crate::rng::Stream;
use crate::window::Padding;
use crate::{Cpu, Isa};

/// Normal random numbers (Box and Muller).
fn normal(len: usize, name: &str) -> Vec<f64> {
    let mut numbers = Stream::new(5, name).at(0);
    let mut number = || {
        let radius = (-2.0 * (1.0 - numbers.uniform()).ln()).sqrt();
        // In single precision, so that both paths see the same numbers.
        f64::from((radius * (std::f64::consts::TAU * numbers.uniform()).cos()) as f32)
    };
    (0..len).map(|_| number()).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Inputs of a convolution, and a gradient of its outputs.
struct Case {
    shape: Shape,
    x: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
    dy: Vec<f64>,
}

fn shape(images: [usize; 3], channels: [usize; 2], kernel: usize, padding: Padding) -> Shape {
    let ([batch, height, width], [in_channels, out_channels]) = (images, channels);
    let (kernel, stride) = ([kernel; 2], [1; 2]);
    Shape { batch, height, width, in_channels, out_channels, kernel, stride, padding }
}

impl Case {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            x: normal(shape.inputs(), "x"),
            weight: normal(shape.weights(), "weight"),
            bias: normal(shape.out_channels, "bias"),
            dy: normal(shape.outputs(), "dy"),
        }
    }

    /// The direct sums: outputs without and with ReLU, gradients of input and filters.
    fn direct(&self) -> [Vec<f64>; 4] {
        let Self { shape, x, weight, bias, dy } = self;
        let y = conv_reference(*shape, x, weight, bias);
        let cut = y.iter().map(|y| y.max(0.0)).collect();
        let dx = conv_reference_input(*shape, weight, dy);
        [y, cut, dx, conv_reference_weight(*shape, x, dy)]
    }

    /// The same.
    fn winograd(&self, cpu: &Cpu) -> [Vec<f32>; 4] {
        let s = &self.shape;
        let [x, weight, bias, dy] =
            [&self.x, &self.weight, &self.bias, &self.dy].map(|v| single(v));
        let mut y = [vec![f32::NAN; dy.len()], vec![f32::NAN; dy.len()]];
        for (relu, y) in [false, true].into_iter().zip(&mut y) {
            forward(cpu, s, &x, Filters::Plain(&weight), &bias, relu.into(), y);
        }
        let mut dx = vec![f32::NAN; x.len()];
        backward_input(cpu, s, &weight, &dy, &mut dx);
        let mut dw = vec![f32::NAN; weight.len()];
        backward_weight(cpu, s, &x, &dy, &mut dw);
        let [y, cut] = y;
        [y, cut, dx, dw]
    }
}

/// The largest error, relative to the largest value.
fn error(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let errors = got.iter().zip(want).map(|(got, want)| (f64::from(*got) - want).abs());
    // What is not a number must show.
    errors.fold(0.0, |a: f64, b| if b <= a { a } else { b }) / largest.max(f64::MIN_POSITIVE)
}

/// One channel and many, odd ones, images smaller than a tile and than a filter, batches
/// that fill a grid and that don't.
fn shapes() -> Vec<Shape> {
    use Padding::{Same, Valid};
    let mut shapes = Vec::new();
    for kernel in [3, 5] {
        shapes.extend([
            shape([1, 1, 1], [1, 1], kernel, Same),
            shape([1, 2, 3], [3, 2], kernel, Same),
            shape([1, 5, 5], [1, 1], kernel, Valid),
            shape([2, 7, 12], [17, 5], kernel, Valid),
            shape([3, 13, 13], [16, 33], kernel, Same),
            shape([5, 6, 3], [5, 70], kernel, Same),
            shape([11, 13, 9], [20, 16], kernel, Same),
            shape([11, 9, 14], [8, 20], kernel, Valid),
        ]);
    }
    shapes
}

#[test]
fn every_level_equals_the_direct_sums() {
    for shape in shapes() {
        let case = Case::new(shape);
        let want = case.direct();
        for isa in Isa::available() {
            let got = case.winograd(&Cpu::new(isa, 2).unwrap());
            for (part, (got, want)) in got.iter().zip(&want).enumerate() {
                let error = error(got, want);
                assert!(error < 2e-5, "{isa:?} {shape:?} part {part}: {error}");
            }
        }
    }
}

#[test]
fn the_error_is_small_with_many_channels() {
    for kernel in [3, 5] {
        let case = Case::new(shape([2, 13, 13], [192, 192], kernel, Padding::Same));
        let want = case.direct();
        for isa in Isa::available() {
            let got = case.winograd(&Cpu::new(isa, 2).unwrap());
            let errors: Vec<f64> = got.iter().zip(&want).map(|(a, b)| error(a, b)).collect();
            println!("{kernel} × {kernel} {isa:?}: {errors:?}");
            assert!(errors.iter().all(|&error| error < 2e-5), "{isa:?} {kernel}: {errors:?}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    let large = [3, 5].map(|kernel| shape([9, 13, 13], [40, 50], kernel, Padding::Same));
    for shape in shapes().into_iter().chain(large) {
        let case = Case::new(shape);
        for isa in Isa::available() {
            let bits = |threads| {
                case.winograd(&Cpu::new(isa, threads).unwrap())
                    .map(|part| part.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            let one = bits(1);
            assert!([2, 3, 5].into_iter().all(|threads| bits(threads) == one), "{isa:?} {shape:?}");
        }
    }
}

#[test]
fn every_pixel_belongs_to_one_tile() {
    for s in shapes() {
        for direction in [tile_grid::Axis::forward, tile_grid::Axis::backward] {
            let tiles = forward::tile_grid(&s, direction);
            let mut found = Vec::new();
            for tile in 0..tiles.tiles {
                let pixels = match s.kernel[0] {
                    3 => tiles.pixels::<6>(tile, tile_grid::Side::Outputs, 1).concat(),
                    _ => tiles.pixels::<4>(tile, tile_grid::Side::Outputs, 1).concat(),
                };
                found.extend(pixels.into_iter().flatten());
            }
            found.sort_unstable();
            let pixels = found.len();
            assert_eq!(found, (0..pixels).collect::<Vec<_>>(), "{s:?}");
            let [ins, outs] = [s.inputs() / s.in_channels, s.outputs() / s.out_channels];
            assert!(pixels == ins || pixels == outs, "{s:?}: {pixels} pixels");
        }
    }
}

#[test]
fn neighbours_share_the_zeros_between_them() {
    let tiles = |batch, size, kernel| {
        let shape = shape([batch, size, size], [1, 1], kernel, Padding::Same);
        forward::tile_grid(&shape, tile_grid::Axis::forward).tiles
    };
    assert_eq!((tiles(1, 13, 3), tiles(9, 13, 3), tiles(1, 27, 5)), (9, 49, 49));
    // Where images are whole tiles, none is saved.
    assert_eq!(tiles(4, 12, 5), 36);
}

#[test]
fn what_is_not_a_number_shows() {
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        let s = shape([1, 4, 4], [1, 1], 3, Padding::Same);
        let (mut x, mut y) = (vec![1.0; 16], vec![0.0; 16]);
        x[5] = f32::NAN;
        forward(&cpu, &s, &x, Filters::Plain(&[1.0; 9]), &[0.0], Rectifier::Relu, &mut y);
        assert!(y[5].is_nan(), "{isa:?}");
    }
}

#[test]
fn only_small_square_filters_of_stride_one_fit() {
    let good = shape([1, 6, 6], [1, 1], 5, Padding::Valid);
    assert!(supports(&good) && supports(&Shape { kernel: [3, 3], ..good }));
    let kernels = [[1, 1], [3, 5], [7, 7]];
    assert!(kernels.into_iter().all(|kernel| !supports(&Shape { kernel, ..good })));
    assert!(!supports(&Shape { stride: [1, 2], ..good }) && !supports(&Shape { batch: 0, ..good }));
    let [few, many] = [1, 128].map(|batch| shape([batch, 13, 13], [384, 256], 3, Padding::Same));
    assert!(!is_profitable(&few) && is_profitable(&many) && !is_profitable(&good));
    // No window is inside.
    assert!(!supports(&Shape { height: 4, ..good }));
}

/// The last numbers of outputs and gradients of an independent engine:
/// ```python
/// import numpy as np, tensorflow as tf
/// def wave(shape, a): return (np.sin(np.arange(np.prod(shape)) * a) * 0.5).reshape(shape).astype("f")
/// for k, p in [(3, "SAME"), (3, "VALID"), (5, "SAME"), (5, "VALID")]:
///     x, w = tf.constant(wave((2, 7, 6, 2), 0.9)), tf.constant(wave((k, k, 2, 3), 0.7))
///     with tf.GradientTape() as tape:
///         tape.watch([x, w])
///         y = tf.nn.conv2d(x, w, 1, p)
///         loss = tf.reduce_sum(y * wave(y.shape, 1.1))
///     for v in (y, *tape.gradient(loss, [x, w])): print(v.numpy().ravel()[-6:].tolist())
/// ```
#[test]
fn equals_tensorflow() {
    let wave = |len: usize, a: f64| (0..len).map(|i| (i as f64 * a).sin() * 0.5).collect();
    let cases = [
        (
            3,
            Padding::Same,
            [
                [-0.0160573, 0.0353437, 0.0701220, -0.1290576, -0.0222439, 0.0950314],
                [0.8907323, -1.0760280, -1.0311736, 1.0852987, 0.5706648, -1.1788990],
                [0.2609295, 0.1359136, -0.1376298, 0.3075095, 0.2290492, -0.0997179],
            ],
        ),
        (
            3,
            Padding::Valid,
            [
                [0.0392340, 0.0771123, 0.0787235, -0.0395290, -0.0515877, -0.0393838],
                [-0.4661097, 0.6083208, 0.1982072, -0.6126180, 0.0607817, 0.3001251],
                [-0.0125656, 0.0089269, 0.0206640, 0.0033042, 0.0204519, 0.0152495],
            ],
        ),
        (
            5,
            Padding::Same,
            [
                [0.0799163, -0.0027323, -0.0840959, -0.1671200, -0.1382158, -0.0443065],
                [-0.2553675, 0.1464176, 0.5712166, -0.4195548, -0.5937214, 0.6940344],
                [0.6780857, 0.2318886, -0.4677183, 0.3947732, -0.3358690, -0.6994710],
            ],
        ),
        (
            5,
            Padding::Valid,
            [
                [0.0047016, -0.2096966, -0.3254713, -0.3588047, -0.2486339, -0.0215267],
                [0.4996046, -0.2214991, -0.2759586, 0.5001324, 0.0524274, -0.2826439],
                [-0.1094730, -0.4241953, -0.2753537, -0.3965383, -0.3455002, 0.0831032],
            ],
        ),
    ];
    for (kernel, padding, [y, dx, dw]) in cases {
        let shape = shape([2, 7, 6], [2, 3], kernel, padding);
        let case = Case {
            shape,
            x: wave(shape.inputs(), 0.9),
            weight: wave(shape.weights(), 0.7),
            bias: vec![0.0; 3],
            dy: wave(shape.outputs(), 1.1),
        };
        let cut: [f64; 6] = y.map(|y: f64| y.max(0.0));
        for isa in Isa::available() {
            let got = case.winograd(&Cpu::new(isa, 1).unwrap());
            for (got, want) in got.iter().zip([y, cut, dx, dw]) {
                for (got, want) in got[got.len() - 6..].iter().zip(want) {
                    let close = (f64::from(*got) - want).abs() < 1e-5;
                    assert!(close, "{isa:?} {shape:?}: {got} and {want}");
                }
            }
        }
    }
}

/// One row of `taps`, or one column.
fn lines_of(images: [usize; 3], channels: [usize; 2], kernel: [usize; 2]) -> Shape {
    Shape { kernel, ..shape(images, channels, 1, Padding::Same) }
}

fn along_lines(
    cpu: &Cpu,
    shape: &Shape,
    [x, weight, bias]: [&[f64]; 3],
    rectifier: Rectifier,
) -> Vec<f32> {
    let [x, weight, bias] = [x, weight, bias].map(single);
    let filters = lines::transformed(cpu, shape, &weight);
    let mut y = vec![f32::NAN; shape.outputs()];
    let finish = Epilogue { bias: Some(&bias), rectifier };
    lines::forward(cpu, shape, &x, &filters, finish, &mut y);
    y
}

/// Lines of a pixel and of many, odd numbers of channels, images lower than a filter.
#[test]
fn along_lines_every_level_equals_the_direct_sums_with_any_threads() {
    let images = [[1, 1, 1], [2, 5, 8], [1, 17, 17], [3, 9, 7]];
    let channels = [[1, 1], [3, 17], [192, 160], [20, 33]];
    for (images, channels) in images.into_iter().zip(channels) {
        for kernel in [[1, 7], [7, 1], [1, 5], [5, 1], [1, 3], [3, 1]] {
            let same = lines_of(images, channels, kernel);
            let valid = Shape { padding: Padding::Valid, ..same };
            for shape in [same, valid].into_iter().filter(lines::supports) {
                let case = Case::new(shape);
                let want = conv_reference(shape, &case.x, &case.weight, &case.bias);
                for isa in Isa::available() {
                    let run = |threads| {
                        let cpu = Cpu::new(isa, threads).unwrap();
                        along_lines(
                            &cpu,
                            &shape,
                            [&case.x, &case.weight, &case.bias],
                            Rectifier::None,
                        )
                    };
                    let one = run(1);
                    let error = error(&one, &want);
                    println!("{images:?} {channels:?} {kernel:?} {isa:?}: {error:.1e}");
                    assert!(error < 2e-5, "{isa:?} {shape:?}: {error}");
                    assert!([2, 3, 5].into_iter().all(|n| run(n) == one), "{isa:?} {shape:?}");
                }
            }
        }
    }
}

#[test]
fn along_lines_an_image_has_the_same_bits_anywhere_in_a_batch() {
    for kernel in [[1, 7], [7, 1]] {
        let one = lines_of([1, 9, 11], [20, 33], kernel);
        let Case { x, weight, bias, .. } = Case::new(one);
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let run = |batch| {
                let shape = Shape { batch, ..one };
                along_lines(&cpu, &shape, [&x.repeat(batch), &weight, &bias], Rectifier::None)
            };
            assert_eq!(run(3), run(1).repeat(3), "{isa:?} {kernel:?}");
        }
    }
}

#[test]
fn lines_of_stride_one_fit_and_pay_with_enough_tiles() {
    let good = lines_of([1, 17, 17], [192, 192], [1, 7]);
    assert!(lines::supports(&good) && lines::is_profitable(&good));
    for kernel in [[1, 1], [1, 2], [3, 3], [9, 1], [7, 3]] {
        assert!(!lines::supports(&Shape { kernel, ..good }), "{kernel:?}");
    }
    assert!(!lines::supports(&Shape { stride: [1, 2], ..good }));
    // The filters of a small image serve for few tiles, and one channel saves nothing.
    assert!(!lines::is_profitable(&lines_of([1, 8, 8], [384, 384], [1, 3])));
    assert!(!lines::is_profitable(&Shape { in_channels: 1, ..good }));
}

/// The last numbers of the outputs of an independent engine:
/// ```python
/// import numpy as np, tensorflow as tf
/// def wave(shape, a): return (np.sin(np.arange(np.prod(shape)) * a) * 0.5).reshape(shape).astype("f")
/// for k, p in [((1, 7), "SAME"), ((7, 1), "VALID"), ((1, 5), "VALID"), ((3, 1), "SAME")]:
///     x, w = tf.constant(wave((2, 9, 8, 2), 0.9)), tf.constant(wave((*k, 2, 3), 0.7))
///     print(tf.nn.relu6(tf.nn.conv2d(x, w, 1, p)).numpy().ravel()[-6:].tolist())
/// ```
#[test]
fn along_lines_equals_tensorflow() {
    let wave =
        |len: usize, a: f64| -> Vec<f64> { (0..len).map(|i| (i as f64 * a).sin() * 0.5).collect() };
    for (kernel, padding, want) in [
        ([1, 7], Padding::Same, [0.0, 0.0, 0.0, 0.2161592, 0.1545047, 0.0201842]),
        ([7, 1], Padding::Valid, [0.0, 0.0, 0.0, 0.2578355, 0.2495016, 0.1238232]),
        ([1, 5], Padding::Valid, [0.0616535, 0.0347508, 0.0, 0.0, 0.0, 0.0]),
        ([3, 1], Padding::Same, [0.1510762, 0.1627371, 0.0978603, 0.0, 0.0, 0.0507008]),
    ] {
        let shape = Shape { padding, ..lines_of([2, 9, 8], [2, 3], kernel) };
        let (x, weight) = (wave(shape.inputs(), 0.9), wave(shape.weights(), 0.7));
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let y = along_lines(&cpu, &shape, [&x, &weight, &[0.0; 3]], Rectifier::Relu6);
            for (got, want) in y[y.len() - 6..].iter().zip(want) {
                assert!((got - want).abs() < 1e-6, "{isa:?} {kernel:?}: {got} and {want}");
            }
        }
    }
}
