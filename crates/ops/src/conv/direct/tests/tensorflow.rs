//! Outputs and gradients as TensorFlow 2.15 computes them.

use super::super::{backward_input, backward_weight, forward};
use crate::conv::Filters;
use crate::conv::{Shape, bias_gradient};
use crate::relu::Rectifier;
use crate::window::Padding::{Same, Valid};
use crate::{Cpu, Isa};

/// ```python
/// import numpy as np, tensorflow as tf
/// def wave(shape, a): return (np.sin(np.arange(np.prod(shape)) * a) * 0.5).reshape(shape).astype("f")
/// for x, k, s, p in [((2, 5, 4, 2), (3, 2, 2, 3), (2, 1), "SAME"), ((1, 7, 6, 1), (2, 3, 1, 2), (3, 2), "VALID"),
///                    ((1, 3, 4, 2), (5, 5, 2, 1), (1, 1), "SAME")]:
///     x, w, b = tf.constant(wave(x, 0.9)), tf.constant(wave(k, 0.7)), tf.constant(wave(k[3:], 0.3))
///     with tf.GradientTape() as tape:
///         tape.watch([x, w, b])
///         y = tf.nn.bias_add(tf.nn.conv2d(x, w, (1, *s, 1), p), b)
///         loss = tf.reduce_sum(y * wave(y.shape, 1.1))
///     for v in (y, *tape.gradient(loss, [x, w, b])): print(v.numpy().ravel()[:6].tolist())
/// ```
#[test]
fn equals_tensorflow() {
    let shape = |[batch, height, width, ins, outs]: [usize; 5], kernel, stride, padding| Shape {
        batch,
        height,
        width,
        in_channels: ins,
        out_channels: outs,
        kernel,
        stride,
        padding,
    };
    check(
        shape([2, 5, 4, 2, 3], [3, 2], [2, 1], Same),
        [
            &[-0.049009, 0.263917, 0.509014, -0.228194, -0.091119, 0.145106],
            &[-0.002979, -0.343103, 0.304432, 0.366979, -0.243544, -0.438877],
            &[-0.072395, 0.1316, 0.191782, 0.100298, 0.225344, 0.104132],
            &[0.1178, 0.463067, 0.302291],
        ],
    );
    check(
        shape([1, 7, 6, 1, 2], [2, 3], [3, 2], Valid),
        [
            &[0.570624, 0.617343, -0.190081, 0.346592, -0.473615, -0.414328],
            &[0.143533, 0.192325, -0.103561, 0.165141, 0.081543, 0.0],
            &[0.250737, -0.140602, 0.324421, 0.343703, 0.152589, 0.567901],
            &[0.084218, 0.508045],
        ],
    );
    check(
        shape([1, 3, 4, 2, 1], [5, 5], [1, 1], Same),
        [
            &[-2.071151, -0.929443, 2.302011, 0.882641, -2.129459, 0.939332],
            &[0.191643, 0.004694, -0.061225, -0.148515, -0.165956, -0.105346],
            &[-0.109472, -0.243872, -0.193715, -0.086558, 0.086104, 0.30815],
            &[-0.068866],
        ],
    );
}

/// Holds the first values of output and gradients of input, filters and bias to `want`.
fn check(shape: Shape, want: [&[f32]; 4]) {
    let wave = |len: usize, a: f64| -> Vec<f32> {
        (0..len).map(|i| ((i as f64 * a).sin() * 0.5) as f32).collect()
    };
    let (x, weight) = (wave(shape.inputs(), 0.9), wave(shape.weights(), 0.7));
    let (bias, dy) = (wave(shape.out_channels, 0.3), wave(shape.outputs(), 1.1));
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        let mut y = vec![f32::NAN; dy.len()];
        let mut dx = vec![f32::NAN; x.len()];
        let mut dweight = vec![f32::NAN; weight.len()];
        let mut dbias = vec![f32::NAN; bias.len()];
        forward(&cpu, shape, &x, Filters::Plain(&weight), &bias, Rectifier::None, &mut y);
        backward_input(&cpu, shape, &weight, &dy, &mut dx);
        backward_weight(&cpu, shape, &x, &dy, &mut dweight);
        bias_gradient(&cpu, &dy, shape.out_channels, &mut dbias);
        for (got, want) in [y, dx, dweight, dbias].iter().zip(want) {
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 2e-6, "{isa:?} {shape:?}: {got} and {want}");
            }
        }
    }
}
