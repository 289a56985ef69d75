use super::Activation::{Elu, Gelu, Sigmoid, Silu, Tanh};
use super::*;
use crate::tests::{assert_near, assert_slopes, at_every_level, dot, single, wave};

const ALL: [Activation; 5] = [Sigmoid, Tanh, Gelu, Silu, Elu];

fn plain(activation: Activation, x: &[f64], dy: &[f64]) -> [Vec<f64>; 2] {
    let slope = |(x, dy): (&f64, &f64)| activation_reference_slope(activation, *x) * dy;
    let y = x.iter().map(|x| activation_reference(activation, *x)).collect();
    [y, x.iter().zip(dy).map(slope).collect()]
}

fn fused(cpu: &Cpu, activation: Activation, x: &[f32], dy: &[f32]) -> [Vec<f32>; 2] {
    let [mut y, mut dx] = [vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]];
    forward(cpu, activation, x, &mut y);
    backward(cpu, activation, x, dy, &mut dx);
    [y, dx]
}

#[test]
fn the_reference_gradients_equal_finite_differences() {
    // None is zero, where the slope of ELU has a corner.
    let x: Vec<f64> = (-40..=40).map(|i| (f64::from(i) + 0.5) * 0.17).collect();
    let dy = wave(x.len(), 1.1);
    for activation in ALL {
        let [_, dx] = plain(activation, &x, &dy);
        assert_slopes(&x, &dx, |x| dot(&plain(activation, x, &dy)[0], &dy));
    }
}

#[test]
fn every_level_equals_the_reference_with_the_same_bits_for_any_number_of_threads() {
    for (len, reach) in [(1, 1.0), (17, 1e-3), (5_003, 0.5), (5_003, 3.0), (50_003, 12.0)] {
        let at = |i: usize| -reach + 2.0 * reach * i as f64 / len as f64;
        let x: Vec<f64> = (0..len).map(|i| f64::from(at(i) as f32)).collect();
        let dy = vec![1.0; len];
        for activation in ALL {
            let want = plain(activation, &x, &dy);
            let run = |cpu: &Cpu| fused(cpu, activation, &single(&x), &single(&dy));
            at_every_level(run, |isa, got| {
                for (got, want) in got.iter().zip(&want) {
                    assert_near(got, want, 1e-6, &format!("{isa:?} {activation:?} {reach}"));
                }
            });
        }
    }
}

#[test]
fn far_from_zero_they_are_lines_and_what_is_not_a_number_shows() {
    let x = [-3e38, -100.0, 100.0, 3e38, f32::NAN, 1.0];
    let dy = [1.0, 1.0, 1.0, 1.0, 1.0, f32::NAN];
    for activation in ALL {
        let (low, line) = match activation {
            Sigmoid => (0.0, false),
            Tanh => (-1.0, false),
            Elu => (-1.0, true),
            Gelu | Silu => (0.0, true),
        };
        at_every_level(
            |cpu| fused(cpu, activation, &x, &dy),
            |isa, [y, dx]| {
                let what = format!("{isa:?} {activation:?} {y:?} {dx:?}");
                assert!(y[..2].iter().all(|y| (y - low).abs() < 1e-30), "{what}");
                assert_eq!(y[2..4], if line { [100.0, 3e38] } else { [1.0; 2] }, "{what}");
                assert!(dx[..2].iter().all(|dx| dx.abs() < 1e-30), "{what}");
                assert_eq!(dx[2..4], [f32::from(u8::from(line)); 2], "{what}");
                assert!(y[4].is_nan() && dx[4].is_nan() && dx[5].is_nan(), "{what}");
            },
        );
    }
}

/// Numbers of an independent engine:
/// ```python
/// import torch, torch.nn.functional as f
/// for g in (torch.sigmoid, torch.tanh, f.gelu, f.silu, f.elu):
///     x = (torch.arange(9.) - 4).requires_grad_(); y = g(x)
///     (y * torch.sin(torch.arange(9) * 1.1)).sum().backward()
///     for v in (y.detach(), x.grad): print(v.tolist())
/// ```
#[test]
fn equals_pytorch() {
    let wants = [TORCH_SIGMOID, TORCH_TANH, TORCH_GELU, TORCH_SILU, TORCH_ELU];
    let x: Vec<f64> = (-4..=4).map(f64::from).collect();
    for (activation, want) in ALL.into_iter().zip(wants) {
        let run = |cpu: &Cpu| fused(cpu, activation, &single(&x), &single(&wave(9, 1.1)));
        at_every_level(run, |isa, got| {
            for (got, want) in got.iter().zip(&want) {
                assert_near(got, want, 5e-7, &format!("{isa:?} {activation:?}"));
            }
        });
    }
}

const TORCH_ELU: [[f64; 9]; 2] = [
    [-0.9816844, -0.9502130, -0.8646647, -0.6321205, 0.0, 1.0, 2.0, 3.0, 4.0],
    [
        0.0000000, 0.0443706, 0.1094181, -0.0580315, -0.9516021, -0.7055403, 0.3115417, 0.9881683,
        0.5849170,
    ],
];
const TORCH_SIGMOID: [[f64; 9]; 2] = [
    [
        0.0179862, 0.0474259, 0.1192029, 0.2689414, 0.5000000, 0.7310586, 0.8807970, 0.9525741,
        0.9820138,
    ],
    [
        0.0000000, 0.0402618, 0.0848869, -0.0310147, -0.2379005, -0.1387176, 0.0327099, 0.0446421,
        0.0103312,
    ],
];
const TORCH_TANH: [[f64; 9]; 2] = [
    [
        -0.9993293, -0.9950548, -0.9640276, -0.7615942, 0.0000000, 0.7615942, 0.9640276, 0.9950548,
        0.9993293,
    ],
    [
        0.0000000, 0.0087926, 0.0571209, -0.0662492, -0.9516021, -0.2963088, 0.0220107, 0.0097493,
        0.0007843,
    ],
];
const TORCH_GELU: [[f64; 9]; 2] = [
    [
        -0.0001265, -0.0040502, -0.0455003, -0.1586553, 0.0000000, 0.8413447, 1.9544997, 2.9959497,
        3.9998736,
    ],
    [
        -0.0000000, -0.0106460, -0.0689097, 0.0131427, -0.4758011, -0.7643226, 0.3380950,
        0.9999726, 0.5852117,
    ],
];
const TORCH_SILU: [[f64; 9]; 2] = [
    [
        -0.0719448, -0.1422776, -0.2384058, -0.2689414, 0.0000000, 0.7310586, 1.7615941, 2.8577225,
        3.9280550,
    ],
    [
        -0.0000000, -0.0785190, -0.0733987, -0.0114097, -0.4758011, -0.6545089, 0.3398248,
        1.0752300, 0.6157215,
    ],
];
