use super::*;
use crate::rng::Stream;
use crate::{Cpu, Isa};

fn random(len: usize, name: &str) -> Vec<f64> {
    let mut numbers = Stream::new(3, name).at(0);
    (0..len).map(|_| f64::from(numbers.uniform_between(-0.7, 0.7))).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Inputs of a layer, and a gradient of its outputs.
struct Case {
    shape: Shape,
    kernel: Vec<f64>,
    bias: Vec<f64>,
    xs: Vec<f64>,
    cell: Vec<f64>,
    hidden: Vec<f64>,
    d_outputs: Vec<f64>,
}

impl Case {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            kernel: random((shape.input + shape.hidden) * shape.gates(), "kernel"),
            bias: random(shape.gates(), "bias"),
            xs: random(shape.rows() * shape.input, "xs"),
            cell: random(shape.state(), "cell"),
            hidden: random(shape.state(), "hidden"),
            d_outputs: random(shape.rows() * shape.hidden, "d_outputs"),
        }
    }

    fn reference(&self) -> Reference {
        let weights = (&self.kernel[..], &self.bias[..]);
        lstm_reference(self.shape, weights, &self.xs, &self.cell, &self.hidden)
    }

    /// The scalar whose gradient is taken.
    fn objective(&self) -> f64 {
        let outputs = &self.reference().hidden[self.shape.state()..];
        outputs.iter().zip(&self.d_outputs).map(|(h, d)| h * d).sum()
    }

    fn gradients(&self) -> [Vec<f64>; 3] {
        let window = self.reference();
        let (kernel, bias, xs) =
            lstm_reference_backward(self.shape, &self.kernel, &self.xs, &window, &self.d_outputs);
        [kernel, bias, xs]
    }

    /// Outputs and gradients of the fused operator.
    fn fused(&self, cpu: &Cpu) -> [Vec<f32>; 5] {
        let shape = self.shape;
        let (kernel, bias, xs) = (single(&self.kernel), single(&self.bias), single(&self.xs));
        let weights = Weights { kernel: &kernel, bias: &bias };
        let [mut gates, mut cells, mut hidden] =
            [shape.gates_len(), shape.states_len(), shape.states_len()].map(|n| vec![f32::NAN; n]);
        let mut trace = Activations { gates: &mut gates, cells: &mut cells, hidden: &mut hidden };
        trace.start(shape, &single(&self.cell), &single(&self.hidden));
        forward(cpu, shape, weights, &xs, &mut trace);
        let outputs = trace.outputs(shape).to_vec();
        let cell = trace.last_cell(shape).to_vec();
        let mut d_kernel = vec![f32::NAN; kernel.len()];
        let mut d_bias = vec![f32::NAN; bias.len()];
        let mut d_xs = vec![f32::NAN; xs.len()];
        let gradients =
            Gradients { kernel: &mut d_kernel, bias: &mut d_bias, inputs: Some(&mut d_xs) };
        backward(cpu, shape, weights, &xs, &single(&self.d_outputs), &mut trace, gradients);
        [outputs, cell, d_kernel, d_bias, d_xs]
    }
}

const SHAPES: [Shape; 5] = [
    Shape { batch: 1, steps: 1, input: 1, hidden: 1 },
    Shape { batch: 3, steps: 4, input: 2, hidden: 5 },
    Shape { batch: 1, steps: 9, input: 16, hidden: 17 },
    Shape { batch: 27, steps: 3, input: 20, hidden: 40 },
    Shape { batch: 20, steps: 5, input: 33, hidden: 64 },
];

#[test]
fn the_reference_gradients_equal_finite_differences() {
    let shape = Shape { batch: 2, steps: 3, input: 2, hidden: 3 };
    let mut case = Case::new(shape);
    let gradients = case.gradients();
    type Part = fn(&mut Case) -> &mut Vec<f64>;
    let parts: [Part; 3] = [|c| &mut c.kernel, |c| &mut c.bias, |c| &mut c.xs];
    for (part, gradient) in parts.into_iter().zip(gradients) {
        for (i, gradient) in gradient.into_iter().enumerate() {
            let step = 1e-5;
            part(&mut case)[i] += step;
            let above = case.objective();
            part(&mut case)[i] -= 2.0 * step;
            let below = case.objective();
            part(&mut case)[i] += step;
            let slope = (above - below) / (2.0 * step);
            assert!((slope - gradient).abs() < 1e-8, "{i}: {slope} and {gradient}");
        }
    }
}

#[test]
fn every_level_equals_the_reference() {
    for shape in SHAPES {
        let case = Case::new(shape);
        let window = case.reference();
        let state = shape.state();
        let cell = window.cells[window.cells.len() - state..].to_vec();
        let [d_kernel, d_bias, d_xs] = case.gradients();
        let want = [window.hidden[state..].to_vec(), cell, d_kernel, d_bias, d_xs];
        for isa in Isa::available() {
            let got = case.fused(&Cpu::new(isa, 2).unwrap());
            for (part, (got, want)) in got.iter().zip(&want).enumerate() {
                assert_eq!(got.len(), want.len());
                let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
                for (got, want) in got.iter().zip(want) {
                    let error = (f64::from(*got) - want).abs() / largest;
                    assert!(error < 3e-6, "{isa:?} {shape:?} part {part}: {got} and {want}");
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    for isa in Isa::available() {
        for shape in SHAPES {
            let case = Case::new(shape);
            let bits = |threads| {
                case.fused(&Cpu::new(isa, threads).unwrap())
                    .map(|part| part.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            let one = bits(1);
            assert!([2, 3].into_iter().all(|threads| bits(threads) == one), "{isa:?} {shape:?}");
        }
    }
}

/// Numbers of an independent engine:
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
/// def wave(shape, a): return (np.sin(np.arange(np.prod(shape)) * a) * 0.5).reshape(shape).astype("f")
/// cell = tf.nn.rnn_cell.BasicLSTMCell(3, forget_bias=0.0)
/// x = tf.constant(wave((2, 2, 2), 0.9))            # time, batch, input
/// st = tf.nn.rnn_cell.LSTMStateTuple(tf.constant(wave((2, 3), 0.3)), tf.constant(wave((2, 3), 0.4)))
/// outs = []
/// for t in range(2): o, st = cell(x[t], st); outs.append(o)
/// y = tf.stack(outs); loss = tf.reduce_sum(y * wave((2, 2, 3), 1.1)); k, b = cell.trainable_variables
/// with tf.Session() as s:
///     s.run([k.assign(wave((5, 12), 0.7)), b.assign(wave((12,), 0.5))])
///     for v in (y, st.c, *tf.gradients(loss, [k, b, x])): print(s.run(v).ravel()[:6].tolist())
/// ```
#[test]
fn equals_tensorflow() {
    let wave = |len: usize, a: f64| (0..len).map(|i| (i as f64 * a).sin() * 0.5).collect();
    let shape = Shape { batch: 2, steps: 2, input: 2, hidden: 3 };
    let case = Case {
        shape,
        kernel: wave(60, 0.7),
        bias: wave(12, 0.5),
        xs: wave(8, 0.9),
        cell: wave(6, 0.3),
        hidden: wave(6, 0.4),
        d_outputs: wave(12, 1.1),
    };
    let want = [
        [0.063010523, 0.060306203, 0.062731400, 0.176543683, 0.178750336, 0.131690040],
        [0.320536524, 0.364267737, 0.329961956, 0.429322988, 0.425165623, 0.327675998],
        [-0.003480336, -0.011575003, -0.002750628, -0.002410933, -0.048702788, -0.049612843],
        [-0.007278995, -0.010227205, 0.001109477, -0.027485890, 0.016708743, 0.015042968],
        [0.019974260, -0.105822787, -0.028704848, 0.072970018, 0.038460895, -0.034026042],
    ];
    for isa in Isa::available() {
        let got = case.fused(&Cpu::new(isa, 1).unwrap());
        for (got, want) in got.iter().zip(want) {
            for (got, want) in got.iter().zip(want) {
                assert!((f64::from(*got) - want).abs() < 1e-6, "{isa:?}: {got} and {want}");
            }
        }
    }
}
