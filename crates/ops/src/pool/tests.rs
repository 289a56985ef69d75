use super::super::window::Padding::{self, Same, Valid};
use super::reference::*;
use super::*;
use crate::{Cpu, Isa, tests};

/// Sines with one decimal: many values of a window are equal.
fn coarse(len: usize) -> Vec<f64> {
    (0..len).map(|i| ((i as f64 * 0.7).sin() * 10.0).round() / 10.0).collect()
}

fn wave(len: usize) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * 1.1).sin()).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

fn shape(image: [usize; 4], kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> Shape {
    let [batch, height, width, channels] = image;
    Shape { batch, height, width, channels, kernel, stride, padding }
}

fn shapes() -> Vec<Shape> {
    vec![
        shape([3, 24, 24, 64], [3, 3], [2, 2], Same),
        shape([2, 13, 13, 20], [3, 3], [2, 2], Valid),
        shape([2, 7, 9, 33], [2, 2], [2, 2], Same),
        shape([1, 5, 6, 1], [2, 3], [3, 1], Valid),
        shape([2, 9, 8, 5], [1, 2], [4, 3], Same),
        shape([1, 11, 4, 17], [5, 3], [1, 1], Same),
        shape([1, 1, 1, 1], [1, 1], [1, 1], Valid),
        shape([1, 3, 2, 2], [7, 7], [2, 2], Same),
        shape([1, 20, 17, 3], [15, 15], [1, 2], Same),
        shape([2, 2, 5, 4], [3, 3], [2, 2], Valid),
    ]
}

/// Maxima, their gradient, means, their gradient.
fn fused(cpu: &Cpu, shape: Shape, floor: Floor, x: &[f64], dy: &[f64]) -> [Vec<f32>; 4] {
    let (x, dy) = (single(x), single(dy));
    let [mut max, mut mean] = [vec![f32::NAN; dy.len()], vec![f32::NAN; dy.len()]];
    let [mut d_max, mut d_mean] = [vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]];
    let mut argmax = vec![77; dy.len()];
    max_pool2d(cpu, shape, floor, &x, &mut max, &mut argmax);
    max_pool2d_gradient(cpu, shape, &dy, &argmax, &mut d_max);
    avg_pool2d(cpu, shape, &x, &mut mean);
    avg_pool2d_gradient(cpu, shape, &dy, &mut d_mean);
    [max, d_max, mean, d_mean]
}

fn plain(shape: Shape, x: &[f64], dy: &[f64]) -> [Vec<f64>; 4] {
    [
        max_pool2d_reference(shape, x),
        max_pool2d_reference_gradient(shape, x, dy),
        avg_pool2d_reference(shape, x),
        avg_pool2d_reference_gradient(shape, dy),
    ]
}

fn assert_near(got: &[f32], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(*got) - want).abs();
        assert!(error <= 1e-6 * largest, "{what} {i}: {got} and {want}");
    }
}

#[test]
fn the_reference_gradients_equal_finite_differences() {
    for shape in &shapes()[3..7] {
        // No two values of a window are equal here: else the slopes to both sides differ.
        let mut x = wave(shape.inputs());
        let dy = wave(shape.outputs());
        let [_, d_max, _, d_mean] = plain(*shape, &x, &dy);
        let dot = |y: Vec<f64>| y.iter().zip(&dy).map(|(y, d)| y * d).sum::<f64>();
        for (pool, gradient) in [
            (max_pool2d_reference as fn(Shape, &[f64]) -> Vec<f64>, d_max),
            (avg_pool2d_reference, d_mean),
        ] {
            for i in 0..x.len() {
                let (at, step) = (x[i], 1e-6);
                x[i] = at + step;
                let above = dot(pool(*shape, &x));
                x[i] = at - step;
                let slope = (above - dot(pool(*shape, &x))) / (2.0 * step);
                x[i] = at;
                assert!((slope - gradient[i]).abs() < 1e-7, "{i}: {slope}, {}", gradient[i]);
            }
        }
    }
}

#[test]
fn every_level_equals_the_reference() {
    for shape in shapes() {
        let (x, dy) = (coarse(shape.inputs()), wave(shape.outputs()));
        let want = plain(shape, &x, &dy);
        for isa in Isa::available() {
            let got = fused(&Cpu::new(isa, 2).unwrap(), shape, Floor::None, &x, &dy);
            for (part, (got, want)) in got.iter().zip(&want).enumerate() {
                assert_near(got, want, &format!("{isa:?} {shape:?} part {part}"));
            }
        }
    }
}

#[test]
fn a_floor_of_zero_is_a_relu_before_the_pooling() {
    for shape in shapes() {
        let (x, dy) = (coarse(shape.inputs()), wave(shape.outputs()));
        let relu: Vec<f64> = x.iter().map(|x| x.max(0.0)).collect();
        let mut d_relu = max_pool2d_reference_gradient(shape, &relu, &dy);
        d_relu.iter_mut().zip(&x).filter(|(_, x)| **x <= 0.0).for_each(|(d, _)| *d = 0.0);
        for isa in Isa::available() {
            for x in [&x, &relu] {
                let cpu = Cpu::new(isa, 2).unwrap();
                let [y, dx, ..] = fused(&cpu, shape, Floor::Zero, x, &dy);
                assert_near(&y, &max_pool2d_reference(shape, &relu), "y");
                assert_near(&dx, &d_relu, "dx");
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    for shape in shapes() {
        let (x, dy) = (coarse(shape.inputs()), wave(shape.outputs()));
        for isa in Isa::available() {
            let bits = |threads| {
                fused(&Cpu::new(isa, threads).unwrap(), shape, Floor::None, &x, &dy)
                    .map(|part| part.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            let one = bits(1);
            assert!([2, 3, 5].into_iter().all(|threads| bits(threads) == one), "{isa:?}");
        }
    }
}

/// Numbers of an independent engine:
/// ```python
/// import numpy as np, tensorflow as tf
/// def wave(shape, a): return np.sin(np.arange(np.prod(shape)) * a).reshape(shape).astype("f")
/// for (h, w, c, k, s, p) in [(5, 4, 2, (3, 3), (2, 2), "SAME"), (5, 6, 1, (2, 3), (3, 1), "VALID")]:
///     x = tf.constant(np.round(wave((2, h, w, c), 0.7), 1))
///     for f in (tf.nn.max_pool2d, tf.nn.avg_pool2d):
///         with tf.GradientTape() as t:
///             t.watch(x); y = f(x, k, s, p); loss = tf.reduce_sum(y * wave(y.shape, 1.1))
///         for v in (y, t.gradient(loss, x)): print(v.numpy().ravel()[:16].tolist())
/// ```
#[test]
fn equals_tensorflow() {
    let same = [
        [1., 1., 0.9, 0.3, 1., 1., 1., 1., 0.7, 1., 1., 1., 0.8, 0.3, 0.7, 1.],
        [0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.18566704, 0.8084964, -0.15774569, 0., 0.],
        [
            0.3833333,
            0.4,
            -0.025,
            -0.5,
            0.02222221,
            0.25555551,
            0.55,
            0.18333335,
            -0.35,
            -0.11666667,
            0.65,
            0.7,
            -0.3,
            -0.41666666,
            -0.2,
            0.3,
        ],
        [
            0.,
            0.14853455,
            0.,
            0.14853455,
            0.2021241,
            0.10909813,
            0.2021241,
            -0.03943642,
            -0.10573357,
            0.07014118,
            -0.10573357,
            0.07014118,
            0.14831409,
            0.19539946,
            0.25404766,
            0.1252583,
        ],
    ];
    let valid = [
        [1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 0.8, 1., 1., 1., 0.8],
        [0., 0., 1.6997037, 0., 0., 0., 0., 0., 0., 0., 0., -0.15774569, 0., 0., 0., 0.],
        [
            -0.15,
            0.15,
            0.3833333,
            0.41666666,
            -0.13333332,
            0.16666667,
            0.3833333,
            0.41666666,
            0.41666666,
            0.25,
            -0.03333332,
            -0.3,
            0.41666666,
            0.25,
            -0.05,
            -0.31666666,
        ],
        [
            0.,
            0.14853455,
            0.28328395,
            0.256993,
            0.10845845,
            -0.02629095,
            0.,
            0.14853455,
            0.28328395,
            0.256993,
            0.10845845,
            -0.02629095,
            0.,
            0.,
            0.,
            0.,
        ],
    ];
    for (shape, want) in [
        (shape([2, 5, 4, 2], [3, 3], [2, 2], Same), same),
        (shape([2, 5, 6, 1], [2, 3], [3, 1], Valid), valid),
    ] {
        let (x, dy) = (coarse(shape.inputs()), wave(shape.outputs()));
        for isa in Isa::available() {
            let got = fused(&Cpu::new(isa, 1).unwrap(), shape, Floor::None, &x, &dy);
            for (got, want) in got.iter().zip(want) {
                assert_near(&got[..16], &want, &format!("{isa:?} {shape:?}"));
            }
        }
    }
}

#[test]
fn what_is_not_a_number_wins() {
    let shape = shape([1, 3, 3, 17], [3, 3], [1, 1], Valid);
    for isa in Isa::available() {
        for place in 0..9 {
            let mut x = vec![0.5; shape.inputs()];
            x[place * 17 + 16] = f64::NAN;
            for floor in [Floor::None, Floor::Zero] {
                let cpu = Cpu::new(isa, 1).unwrap();
                let [max, d_max, ..] = fused(&cpu, shape, floor, &x, &[1.0; 17]);
                assert!(max[16].is_nan() && max[15] == 0.5, "{isa:?} {place}");
                assert_eq!(d_max[place * 17 + 16], 1.0);
            }
        }
    }
}

/// Global average pooling. Windows of a mean may have any size, those of a maximum 255 values.
/// Numbers of an independent engine:
/// ```python
/// import numpy as np, tensorflow as tf
/// x = tf.constant((1 + np.sin(np.arange(1200) * 0.7)).reshape(1, 20, 20, 3).astype("f"))
/// with tf.GradientTape() as t:
///     t.watch(x); y = tf.reduce_mean(x, (1, 2)); loss = tf.reduce_sum(y * [[1., -2., 3.]])
/// print(y.numpy().tolist(), t.gradient(loss, x).numpy().ravel()[:3].tolist())
/// ```
#[test]
fn a_window_as_large_as_the_image_gives_the_mean_over_the_image() {
    let images = [[1, 20, 20, 3], [3, 1, 1, 5], [2, 7, 7, 70], [5, 8, 4, 1], [2, 64, 33, 17]];
    for image in images {
        let [batch, height, width, channels] = image;
        let shape = shape(image, [height, width], [1, 1], Valid);
        let pixels = height * width;
        let x: Vec<f64> = (0..shape.inputs()).map(|i| 1.0 + (i as f64 * 0.7).sin()).collect();
        let dy = [1.0, -2.0, 3.0].into_iter().cycle().take(batch * channels).collect::<Vec<_>>();
        let mut mean = vec![0.0; batch * channels];
        let mut dx = vec![0.0; shape.inputs()];
        for i in 0..x.len() {
            let output = i / (pixels * channels) * channels + i % channels;
            mean[output] += x[i] / pixels as f64;
            dx[i] = dy[output] / pixels as f64;
        }
        for isa in Isa::available() {
            let results = |threads| {
                let cpu = Cpu::new(isa, threads).unwrap();
                let [mut y, mut d] = [vec![f32::NAN; mean.len()], vec![f32::NAN; x.len()]];
                avg_pool2d(&cpu, shape, &single(&x), &mut y);
                avg_pool2d_gradient(&cpu, shape, &single(&dy), &mut d);
                (y, d)
            };
            let (y, d) = results(1);
            let error = 1e-7 * (1.0 + (pixels as f64).sqrt());
            tests::assert_near(&y, &mean, error, &format!("{isa:?} {image:?} means"));
            assert_near(&d, &dx, &format!("{isa:?} {image:?} gradient"));
            assert!([2, 3].into_iter().all(|threads| results(threads) == (y.clone(), d.clone())));
            if image[1] == 20 {
                assert_near(&y, &[1.0021429, 1.0023106, 1.0013909], "TensorFlow's means");
                assert_near(&d[..3], &[0.0025, -0.005, 0.0075], "TensorFlow's gradient");
            }
        }
    }
}
