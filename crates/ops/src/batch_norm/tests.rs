use super::*;
use crate::Isa;

fn wave(len: usize, a: f64) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * a).sin()).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

const EPSILON: f32 = 1e-3;
const SHAPES: [(usize, usize); 5] = [(1, 1), (7, 3), (40, 16), (5_000, 33), (3, 700)];

/// As [`pass_of`], with waves for γ and β.
fn pass(cpu: &Cpu, channels: usize, x: &[f32], dy: &[f32]) -> [Vec<f32>; 6] {
    let (gamma, beta) = (single(&wave(channels, 0.3)), single(&wave(channels, 0.9)));
    pass_of(cpu, [&gamma, &beta], x, dy)
}

/// y, mean, variance, dx, dγ and dβ.
fn pass_of(cpu: &Cpu, [gamma, beta]: [&[f32]; 2], x: &[f32], dy: &[f32]) -> [Vec<f32>; 6] {
    let channels = gamma.len();
    let [mut y, mut dx] = [(); 2].map(|()| vec![f32::NAN; x.len()]);
    let [mut mean, mut variance, mut d_gamma, mut d_beta] =
        [(); 4].map(|()| vec![f32::NAN; channels]);
    statistics(cpu, channels, x, &mut mean, &mut variance);
    let affine = Affine { gamma, beta, mean: &mean, variance: &variance };
    normalise(cpu, affine, EPSILON, x, &mut y);
    let to = Gradients { x: Some(&mut dx), gamma: &mut d_gamma, beta: &mut d_beta };
    backward(cpu, affine, EPSILON, x, dy, to);
    [y, mean, variance, dx, d_gamma, d_beta]
}

/// Σ dy · y in plain `f64`.
fn objective(channels: usize, x: &[f64], dy: &[f64], gamma: &[f64], beta: &[f64]) -> f64 {
    let (mean, variance) = statistics_reference(channels, x);
    let value = |i: usize| {
        let n = i % channels;
        gamma[n] * (x[i] - mean[n]) / (variance[n] + f64::from(EPSILON)).sqrt() + beta[n]
    };
    (0..x.len()).map(|i| dy[i] * value(i)).sum()
}

/// The slope of the plain computation along one value.
fn slope(values: &[f64], i: usize, mut objective: impl FnMut(&[f64]) -> f64) -> f64 {
    let step = 1e-5;
    let mut moved = values.to_vec();
    moved[i] += step;
    let above = objective(&moved);
    moved[i] -= 2.0 * step;
    (above - objective(&moved)) / (2.0 * step)
}

#[test]
fn every_level_equals_the_formulas_and_finite_differences() {
    for (rows, channels) in SHAPES {
        // A mean far from zero takes nothing from the variance.
        let x: Vec<f64> = wave(rows * channels, 0.7).iter().map(|x| 100.0 + x).collect();
        let x: Vec<f64> = single(&x).into_iter().map(f64::from).collect();
        let dy: Vec<f64> = single(&wave(x.len(), 1.1)).into_iter().map(f64::from).collect();
        let (gamma, beta) = (wave(channels, 0.3), wave(channels, 0.9));
        let (mean, variance) = statistics_reference(channels, &x);
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let [y, got_mean, got_variance, dx, d_gamma, d_beta] =
                pass(&cpu, channels, &single(&x), &single(&dy));
            for n in 0..channels {
                assert!(
                    (f64::from(got_mean[n]) - mean[n]).abs() < 2e-5,
                    "{isa:?} {rows} {channels}"
                );
                let error = (f64::from(got_variance[n]) - variance[n]).abs();
                assert!(error < 1e-4 * (variance[n] + 1e-3), "{isa:?}: {error}");
            }
            for i in (0..x.len()).step_by(x.len().div_ceil(7)) {
                let n = i % channels;
                let deviation = (variance[n] + f64::from(EPSILON)).sqrt();
                let want = gamma[n] * (x[i] - mean[n]) / deviation + beta[n];
                assert!((f64::from(y[i]) - want).abs() < 1e-3, "{isa:?}: {} and {want}", y[i]);
                let of_x = slope(&x, i, |x| objective(channels, x, &dy, &gamma, &beta));
                let of_gamma = slope(&gamma, n, |g| objective(channels, &x, &dy, g, &beta));
                let of_beta = slope(&beta, n, |b| objective(channels, &x, &dy, &gamma, b));
                let scale = 1.0 + 1.0 / deviation;
                for (got, want) in [(dx[i], of_x), (d_gamma[n], of_gamma), (d_beta[n], of_beta)] {
                    let error = (f64::from(got) - want).abs();
                    assert!(error < 1e-3 * (scale + want.abs()), "{isa:?}: {got} and {want}");
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for (rows, channels) in SHAPES {
        let (x, dy) = (single(&wave(rows * channels, 0.7)), single(&wave(rows * channels, 1.1)));
        for isa in Isa::available() {
            let of = |threads| pass(&Cpu::new(isa, threads).unwrap(), channels, &x, &dy);
            let one = of(1);
            assert!([2, 3].into_iter().all(|threads| of(threads) == one), "{isa:?}");
        }
    }
}

#[test]
fn what_is_not_a_number_shows() {
    for isa in Isa::available() {
        let mut x = vec![0.5; 60];
        x[31] = f32::NAN;
        let [y, mean, ..] = pass(&Cpu::new(isa, 1).unwrap(), 3, &x, &[1.0; 60]);
        assert!(mean[1].is_nan() && y[1].is_nan() && !mean[0].is_nan(), "{isa:?}");
    }
}

/// Numbers of TensorFlow 2.15:
/// ```python
/// import numpy as np, tensorflow as tf
/// def wave(n, a): return np.sin(np.arange(n) * a)
/// x = tf.constant((wave(30, 0.7) + 2 * np.cos(np.arange(30) % 3)).reshape(10, 1, 1, 3).astype("f"))
/// g, b = tf.constant((1 + 0.5 * wave(3, 0.9)).astype("f")), tf.constant(wave(3, 1.3).astype("f"))
/// with tf.GradientTape() as t:
///     t.watch([x, g, b])
///     y, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, g, b, epsilon=1e-3, is_training=True)
///     loss = tf.reduce_sum(y * wave(30, 1.1).reshape(y.shape).astype("f"))
/// print(mean.numpy().tolist(), (variance * 9 / 10).numpy().tolist()) # TensorFlow's is unbiased.
/// for v in (y, *t.gradient(loss, [x, g, b])): print(v.numpy().ravel()[:9].tolist())
/// ```
#[test]
fn equals_tensorflow() {
    let want: [&[f64]; 6] = [
        &[
            -0.003802, 2.109818, 2.310874, 1.279303, 1.495453, -0.399572, -1.299343, -1.121986,
            -0.968511,
        ],
        &[2.002558, 1.147873, -0.731952],
        &[0.451593, 0.489657, 0.536354],
        &[
            0.079529, 1.938844, 1.256662, 0.102611, -1.830766, -1.448725, 0.282559, 1.561308,
            1.245636,
        ],
        &[-1.350425, -1.235808, 0.989095],
        &[-0.540168, 0.171137, 0.695422],
    ];
    let x: Vec<f64> = wave(30, 0.7)
        .into_iter()
        .enumerate()
        .map(|(i, x)| x + 2.0 * ((i % 3) as f64).cos())
        .collect();
    let (x, dy) = (single(&x), single(&wave(30, 1.1)));
    let gamma: Vec<f64> = wave(3, 0.9).iter().map(|x| 1.0 + 0.5 * x).collect();
    let (gamma, beta) = (single(&gamma), single(&wave(3, 1.3)));
    for isa in Isa::available() {
        let got = pass_of(&Cpu::new(isa, 1).unwrap(), [&gamma, &beta], &x, &dy);
        for (part, (got, want)) in got.iter().zip(want).enumerate() {
            for (got, want) in got.iter().zip(want) {
                let error = (f64::from(*got) - want).abs();
                assert!(error < 4e-6, "{isa:?} {part}: {got} and {want}");
            }
        }
    }
}
