//! The layer against TensorFlow. The test of all nodes (`nn/operators/tests.rs`) holds it to finite
//! differences at every level, with the same bits for any number of threads.

use super::*;
use crate::Cpu;
use crate::matmul::{Right, gradient_of_weights};
use crate::tests::{assert_near, at_every_level, single, wave};

/// Numbers of TensorFlow 2.15:
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf
/// tf.disable_v2_behavior()
/// w = lambda a, *s: np.sin(np.arange(np.prod(s)) * a).reshape(s).astype("f")
/// x, start = tf.constant(w(.7, 3, 2, 2)), tf.constant(w(.3, 2, 6))
/// cell, state, ys = tf.nn.rnn_cell.BasicLSTMCell(3, state_is_tuple=False), start, []
/// for t in range(3):
///     _, state = cell(x[t], state); ys.append(state)
/// loss = tf.reduce_sum(tf.stack(ys) * w(1.1, 3, 2, 6))
/// vs = cell.trainable_variables  # kernel, bias; the forget bias is 1
/// with tf.Session() as s:
///     for v, a in zip(vs, (.5, .9)): s.run(v.initializer); v.load(w(a, *v.shape.as_list()), s)
///     for v in [tf.stack(ys)] + tf.gradients(loss, vs + [x, start]): print(np.round(s.run(v).ravel(), 6).tolist())
/// ```
#[test]
fn the_layer_equals_tensorflow() {
    let shape = Shape { batch: 2, steps: 3, input: 2, hidden: 3 };
    let of = |len: usize, a: f64| single(&wave(len, a));
    let (xs, start, d_states) = (of(12, 0.7), of(12, 0.3), of(36, 1.1));
    let (kernel, bias) = (of(60, 0.5), of(12, 0.9));
    let weights = Weights { kernel: &kernel, bias: &bias };
    let run = |cpu: &Cpu| {
        let (mut saved, mut states) = (vec![f32::NAN; saved_len(shape)], vec![f32::NAN; 48]);
        states[..12].copy_from_slice(&start);
        let mut window = Window::new(shape, &mut saved, &mut states);
        forward(cpu, shape, 1.0, weights, &xs, &mut window, &mut Right::from);
        let outputs = window.states[12..].to_vec();
        let (mut inputs, mut start) = (vec![f32::NAN; 12], vec![f32::NAN; 12]);
        let gradients = Gradients { inputs: Some(&mut inputs), start: Some(&mut start) };
        backward(cpu, shape, weights, &d_states, &mut window, gradients, &mut Right::from);
        let (parts, d) = product(shape, &xs, &window);
        let (mut kernel, mut bias) = (vec![f32::NAN; 60], vec![f32::NAN; 12]);
        gradient_of_weights(cpu, &parts, d, &mut kernel, &mut bias);
        [outputs, kernel, bias, inputs, start]
    };
    at_every_level(run, |isa, got| {
        let want: [&[f64]; 5] = [&STATES, &KERNEL, &BIAS, &INPUTS, &START];
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert_near(got, want, 2e-6, &format!("{isa:?} {i}"));
        }
    });
}

const STATES: [f64; 36] = [
    0.098303, 0.752428, 1.288170, 0.029719, 0.051232, 0.021653, 1.094482, 1.329985, 0.960880,
    0.200854, 0.121028, 0.066762, 0.286270, 0.285338, 0.544517, 0.198143, 0.163347, 0.188895,
    0.141689, 0.605554, 0.508308, 0.129764, 0.470020, 0.306613, 0.239710, -0.037828, 0.070736,
    0.185213, -0.023946, 0.025657, 0.385811, 1.155592, 1.073955, 0.103926, 0.103702, 0.051207,
];
const KERNEL: [f64; 60] = [
    0.317093, 0.377814, -0.142476, -0.066247, 0.199996, 0.014285, -0.004459, 0.243552, 0.010819,
    -0.034688, -0.040189, 0.029678, 0.357234, 0.652036, -0.062273, -0.128231, -0.048736, -0.100593,
    -0.023736, 0.159981, 0.019071, -0.054047, -0.002435, 0.048733, 0.085218, 0.350412, 0.115470,
    0.042220, 0.124210, 0.026384, 0.076148, 0.183432, 0.058390, -0.015395, -0.050912, 0.001502,
    0.112892, 0.384603, 0.107669, 0.036535, 0.099972, -0.049575, 0.040894, 0.118399, 0.045635,
    -0.033881, -0.040718, 0.014067, 0.056700, 0.341680, 0.115542, 0.027136, 0.043892, -0.040055,
    -0.000099, 0.020365, 0.055447, -0.017389, -0.014116, 0.009637,
];
const BIAS: [f64; 12] = [
    0.270062, 0.417515, 0.196235, 0.341900, 0.857756, -0.093133, 0.274725, 0.613454, 0.034520,
    -0.150864, -0.208987, 0.022042,
];
const INPUTS: [f64; 12] = [
    0.240385, 0.150360, 0.245203, 0.290748, 0.615873, 0.708619, 0.210121, 0.310056, 0.221550,
    0.222614, 0.027205, -0.073412,
];
const START: [f64; 12] = [
    0.373825, 1.348419, 0.768322, 0.048357, -0.057497, -0.158772, 0.391939, 0.944293, 0.074906,
    0.313133, 0.310574, 0.283274,
];
