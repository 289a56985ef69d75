use super::*;
use reference::{lrn_reference, lrn_reference_gradient};

fn wave(len: usize, a: f64) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * a).sin()).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

fn parameters(radius: usize, bias: f32, alpha: f32, beta: f32) -> Lrn {
    Lrn { radius, bias, alpha, beta }
}

const CASES: [(Lrn, usize, usize); 7] = [
    (Lrn { radius: 4, bias: 1.0, alpha: 0.001 / 9.0, beta: 0.75 }, 64, 150),
    (Lrn { radius: 4, bias: 1.0, alpha: 0.5, beta: 0.75 }, 64, 70),
    (Lrn { radius: 2, bias: 0.5, alpha: 1.0, beta: 0.5 }, 19, 33),
    (Lrn { radius: 0, bias: 2.0, alpha: 0.7, beta: 0.75 }, 1, 5),
    (Lrn { radius: 5, bias: 1.0, alpha: 0.4, beta: 1.0 }, 3, 7),
    (Lrn { radius: 3, bias: 1.0, alpha: 0.4, beta: 0.0 }, 16, 1),
    (Lrn { radius: 40, bias: 1.0, alpha: 0.2, beta: 0.75 }, 33, 4),
];

/// Inputs of up to ± 5 and a gradient of the outputs.
fn inputs(len: usize) -> (Vec<f64>, Vec<f64>) {
    (wave(len, 0.7).iter().map(|x| x * 5.0).collect(), wave(len, 1.1))
}

/// Outputs, gradient of the input, and gradient of a ReLU's input.
fn fused(
    cpu: &Cpu,
    (parameters, channels, _): (Lrn, usize, usize),
    x: &[f32],
    dy: &[f32],
) -> [Vec<f32>; 3] {
    let mut y = vec![f32::NAN; x.len()];
    lrn(cpu, parameters, channels, x, &mut y);
    let back = |until| {
        let mut gradient = dy.to_vec();
        lrn_gradient(cpu, parameters, until, channels, x, &mut gradient);
        gradient
    };
    [y, back(Until::Input), back(Until::ReluInput)]
}

#[test]
fn the_reference_gradient_equals_finite_differences() {
    for lrn in [parameters(2, 1.0, 0.3, 0.75), parameters(1, 0.5, 0.9, 0.6)] {
        let (mut x, dy) = inputs(14);
        let gradient = lrn_reference_gradient(lrn, 7, &x, &dy);
        let objective = |x: &[f64]| -> f64 {
            lrn_reference(lrn, 7, x).iter().zip(&dy).map(|(y, d)| y * d).sum()
        };
        for i in 0..x.len() {
            let (at, step) = (x[i], 1e-5);
            x[i] = at + step;
            let above = objective(&x);
            x[i] = at - step;
            let slope = (above - objective(&x)) / (2.0 * step);
            x[i] = at;
            assert!((slope - gradient[i]).abs() < 1e-8, "{i}: {slope} and {}", gradient[i]);
        }
    }
}

#[test]
fn every_level_equals_the_reference() {
    for case in CASES {
        let (lrn, channels, pixels) = case;
        let (x, dy) = inputs(channels * pixels);
        let dx = lrn_reference_gradient(lrn, channels, &x, &dy);
        let masked = dx.iter().zip(&x).map(|(&d, &x)| if x > 0.0 { d } else { 0.0 }).collect();
        let want = [lrn_reference(lrn, channels, &x), dx, masked];
        for isa in Isa::available() {
            let got = fused(&Cpu::new(isa, 2).unwrap(), case, &single(&x), &single(&dy));
            for (part, (got, want)) in got.iter().zip(&want).enumerate() {
                let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
                for (got, want) in got.iter().zip(want) {
                    let error = (f64::from(*got) - want).abs();
                    assert!(error <= 1e-6 * largest, "{isa:?} {case:?} {part}: {got}, {want}");
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    let case = (parameters(4, 1.0, 0.01, 0.75), 20, 3000);
    let (x, dy) = inputs(60_000);
    let (x, dy) = (single(&x), single(&dy));
    for isa in Isa::available() {
        let bits = |threads| {
            fused(&Cpu::new(isa, threads).unwrap(), case, &x, &dy)
                .map(|part| part.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        let one = bits(1);
        assert!([2, 3, 5].into_iter().all(|threads| bits(threads) == one), "{isa:?}");
    }
}

/// Numbers of an independent engine:
/// ```python
/// import numpy as np, tensorflow as tf
/// def wave(shape, a): return np.sin(np.arange(np.prod(shape)) * a).reshape(shape).astype("f")
/// for c, args in [(7, (2, 1.0, 0.3, 0.75)), (5, (1, 0.8, 0.5, 0.6))]:
///     x = tf.constant(wave((3, 1, 1, c), 0.7) * 3)
///     with tf.GradientTape() as t:
///         t.watch(x); y = tf.nn.lrn(x, *args); loss = tf.reduce_sum(y * wave(y.shape, 1.1))
///     for v in (y, t.gradient(loss, x)): print(v.numpy().ravel()[:10].tolist())
/// ```
#[test]
fn equals_tensorflow() {
    let cases = [
        (
            (parameters(2, 1.0, 0.3, 0.75), 7, 3),
            [
                0.0,
                0.46127924,
                0.68276763,
                0.5777914,
                0.20514166,
                -0.28533953,
                -0.9828497,
                -0.92588043,
                -0.5035796,
                0.010146433,
            ],
            [
                0.0,
                0.10247902,
                0.049316533,
                -0.19672881,
                -0.19184625,
                -0.23086053,
                0.033333074,
                -0.016240649,
                -0.09997873,
                -0.084236354,
            ],
        ),
        (
            (parameters(1, 0.8, 0.5, 0.6), 5, 3),
            [
                0.0,
                0.599377,
                0.7257212,
                0.6916407,
                0.39923393,
                -0.4120342,
                -0.6943139,
                -0.7250039,
                -0.5923721,
                0.028467963,
            ],
            [
                0.0,
                0.12289562,
                -0.014895415,
                0.015633315,
                -0.32156917,
                -0.25276428,
                0.032527745,
                -0.009555034,
                0.041893736,
                -0.25655773,
            ],
        ),
    ];
    for (case, y, dx) in cases {
        let len = case.1 * case.2;
        let x: Vec<f32> = wave(len, 0.7).iter().map(|&x| x as f32 * 3.0).collect();
        for isa in Isa::available() {
            let got = fused(&Cpu::new(isa, 1).unwrap(), case, &x, &single(&wave(len, 1.1)));
            for (got, want) in got.iter().zip([y, dx]) {
                for (got, want) in got.iter().zip(want) {
                    assert!((f64::from(*got) - want).abs() < 1e-6, "{isa:?}: {got} and {want}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_a_number_shows() {
    for isa in Isa::available() {
        for beta in [0.75, 0.6] {
            let case = (parameters(1, 1.0, 0.1, beta), 20, 1);
            let mut x = vec![0.5; 20];
            x[17] = f32::NAN;
            for part in fused(&Cpu::new(isa, 1).unwrap(), case, &x, &[1.0; 20]) {
                assert!(part.iter().any(|v| v.is_nan()), "{isa:?}");
            }
        }
    }
}
