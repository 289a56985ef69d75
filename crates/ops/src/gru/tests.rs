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
/// x, h = tf.constant(w(.7, 3, 2, 2)), tf.constant(w(.3, 2, 3))
/// cell, state, ys = tf.nn.rnn_cell.GRUCell(3), h, []
/// for t in range(3):
///     y, state = cell(x[t], state); ys.append(y)
/// loss = tf.reduce_sum(tf.stack(ys) * w(1.1, 3, 2, 3))
/// vs = cell.trainable_variables  # gates kernel, bias, candidate kernel, bias
/// with tf.Session() as s:
///     for v, a in zip(vs, (.5, .9, 1.3, 1.7)): s.run(v.initializer); v.load(w(a, *v.shape.as_list()), s)
///     for v in [tf.stack(ys)] + tf.gradients(loss, vs + [x, h]): print(np.round(s.run(v).ravel(), 6).tolist())
/// ```
#[test]
fn the_layer_equals_tensorflow() {
    let shape = Shape { batch: 2, steps: 3, input: 2, hidden: 3 };
    let of = |len: usize, a: f64| single(&wave(len, a));
    let (xs, start, d_outputs) = (of(12, 0.7), of(6, 0.3), of(18, 1.1));
    let (gates, gate_biases) = (of(30, 0.5), of(6, 0.9));
    let (candidate, candidate_biases) = (of(15, 1.3), of(3, 1.7));
    let weights = Weights {
        gates: &gates,
        gate_biases: &gate_biases,
        candidate: &candidate,
        candidate_biases: &candidate_biases,
    };
    let run = |cpu: &Cpu| {
        let (mut saved, mut hidden) = (vec![f32::NAN; shape.saved_len()], vec![f32::NAN; 24]);
        hidden[..6].copy_from_slice(&start);
        let mut window = Activations::new(shape, &mut saved, &mut hidden);
        forward(cpu, shape, weights, &xs, None, &mut window, &mut Right::from);
        let outputs = window.hidden[6..].to_vec();
        let (mut inputs, mut start) = (vec![f32::NAN; 12], vec![f32::NAN; 6]);
        let gradients = Gradients { inputs: Some(&mut inputs), start: Some(&mut start) };
        let pack = &mut Right::from;
        backward(cpu, shape, weights, None, &d_outputs, &mut window, gradients, pack);
        let [gates, candidate] = products(shape, &xs, &window).map(|(parts, d)| {
            let outputs = d.len() / shape.rows();
            let (mut weights, mut biases) = (vec![f32::NAN; 5 * outputs], vec![f32::NAN; outputs]);
            gradient_of_weights(cpu, &parts, d, &mut weights, &mut biases);
            [weights, biases]
        });
        let ([gates, gate_biases], [candidate, candidate_biases]) = (gates, candidate);
        [outputs, gates, gate_biases, candidate, candidate_biases, inputs, start]
    };
    at_every_level(run, |isa, got| {
        let want: [&[f64]; 7] =
            [&OUTPUTS, &GATES, &GATE_BIASES, &CANDIDATE, &CANDIDATE_BIASES, &INPUTS, &START];
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert_near(got, want, 2e-6, &format!("{isa:?} {i}"));
        }
    });
}

const OUTPUTS: [f64; 18] = [
    -0.24919, 0.204888, 0.018672, 0.48512, 0.829263, 0.611792, -0.167304, 0.607722, 0.068078,
    0.480768, 0.770138, -0.211097, -0.303378, 0.455689, -0.132959, -0.173953, 0.8188, 0.464666,
];
const GATES: [f64; 30] = [
    0.026813, -0.086322, 0.038378, -0.408602, -0.141244, -0.007133, 0.014491, -0.01862, -0.094633,
    -0.375883, 0.073922, 0.077067, -0.010738, -0.069349, 0.068862, -0.29097, -0.027432, -0.157449,
    -0.040215, -0.037073, 0.028043, -0.376947, -0.116771, -0.194876, 0.001381, -0.04521, -0.002075,
    -0.191301, -0.083282, -0.174838,
];
const GATE_BIASES: [f64; 6] = [-0.061166, 0.010461, -0.088237, -0.437869, -0.258282, -0.177943];
const CANDIDATE: [f64; 15] = [
    -0.209052, -0.61394, -0.395601, -0.097052, 0.503458, -0.094597, -0.241516, -0.303436,
    -0.240951, -0.184757, 0.00382, -0.201124, -0.163765, 0.10559, -0.234618,
];
const CANDIDATE_BIASES: [f64; 3] = [0.075648, 1.154777, 0.205457];
const INPUTS: [f64; 12] = [
    1.316198, -1.048531, -0.872819, 0.684397, -0.043941, 0.040473, -0.421208, 0.485317, 0.850266,
    -0.854163, -0.457242, 0.520209,
];
const START: [f64; 6] = [0.271266, 0.966317, -0.642228, -1.222424, -0.739899, -0.304739];
