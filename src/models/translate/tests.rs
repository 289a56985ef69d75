//! The network against TensorFlow.

use super::architecture::Losses;
use super::network::Architecture;
use crate::nn::graph::Initial;
use crate::nn::optimizer::{Optimizer, OptimizerConfig, Settings};
use crate::nn::{Feed, Gradient, Mode, Network};
use crate::ops::{Cpu, Isa};

const BATCH: usize = 3;
/// Positions of source and target.
const BUCKET: [usize; 2] = [4, 5];

fn architecture(num_samples: usize) -> Architecture {
    Architecture {
        vocabularies: [20, 18],
        hidden_size: 6,
        num_layers: 2,
        num_samples,
        initial: Initial::GlorotUniform,
    }
}

/// Value `j` of wave `i`, which TensorFlow gets too.
fn wave(i: usize, j: usize) -> f32 {
    ((j as f64 * (0.37 + 0.11 * i as f64)).sin() * 0.4) as f32
}

/// Σ values · wave `i`: one number that any wrong value changes.
fn against_wave(i: usize, values: &[f32]) -> f64 {
    values.iter().enumerate().map(|(j, x)| f64::from(*x) * f64::from(wave(i, j))).sum()
}

/// A batch of made-up words.
struct Batch {
    source: Vec<u32>,
    words: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    context: Vec<f32>,
}

impl Batch {
    fn new() -> Self {
        let [positions, steps] = BUCKET;
        let ids = |len: usize, a: usize, b: usize, below: usize| -> Vec<u32> {
            (0..len).map(|i| ((a + b * i) % below) as u32).collect()
        };
        let words = ids(steps * BATCH, 1, 5, 18);
        let mut targets = words.clone();
        targets.rotate_left(BATCH);
        // Sentences of 4, 3 and 2 words, each of which weighs the same.
        let weight = |i: usize| {
            let (t, b) = (i / BATCH, i % BATCH);
            let words = steps - 1 - b;
            if t < words { 1.0 / (words * BATCH) as f32 } else { 0.0 }
        };
        Self {
            source: ids(positions * BATCH, 3, 7, 20),
            words,
            targets,
            weights: (0..steps * BATCH).map(weight).collect(),
            context: vec![0.0; BATCH * 6],
        }
    }

    fn feed(&self) -> Feed<'_> {
        Feed {
            batch: BATCH,
            inputs: vec![&self.context, &self.weights],
            ids: vec![&self.source, &self.words, &self.targets],
            states: &mut [],
        }
    }
}

/// A network whose parameter `i` is wave `i`.
fn fixed(num_samples: usize) -> (Network, Losses) {
    let (graph, losses) = architecture(num_samples).unrolled(BUCKET[1]).unwrap();
    let network = Network::new(graph, 1).unwrap();
    for (i, parameter) in network.parameters().iter().enumerate() {
        let values: Vec<f32> = (0..parameter.len()).map(|j| wave(i, j)).collect();
        parameter.set(&values).unwrap();
    }
    (network, losses)
}

/// The gradient as TensorFlow's `convert_to_tensor` gives it: rows of a word are added up.
fn dense(gradient: &Gradient, len: usize) -> Vec<f32> {
    let Gradient::Rows { ids, width, .. } = gradient else { return gradient.values().to_vec() };
    let mut table = vec![0.0; len];
    for (&id, row) in ids.iter().zip(gradient.values().chunks(*width)) {
        let to = &mut table[id as usize * width..][..*width];
        to.iter_mut().zip(row).for_each(|(to, x)| *to += x);
    }
    table
}

fn near(what: &str, got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-4 * want.abs() + 2e-6, "{what}: {got} and {want}");
}

/// What TensorFlow computes.
struct Expected {
    /// The attention's weights of the last step (batch, positions).
    weights: &'static [f64],
    /// Of each gradient of the first step its product with a wave.
    gradients: &'static [f64],
    /// Of five steps: the loss that is trained, that of all words, the global norm.
    losses: &'static [[f64; 3]],
    /// Of each parameter after these its product with a wave.
    parameters: &'static [f64],
}

fn check(num_samples: usize, want: &Expected) {
    for isa in Isa::available() {
        let (cpu, batch) = (Cpu::new(isa, 2).unwrap(), Batch::new());
        let (mut network, losses) = fixed(num_samples);
        let settings = Settings { max_norm: Some(0.5), ..Default::default() };
        let sgd = OptimizerConfig::default();
        let mut optimizer = Optimizer::new(&sgd, settings, network.parameters()).unwrap();
        for (step, [trained, exact, norm]) in (0..).zip(want.losses) {
            let sum = |losses: &[f32]| losses.iter().copied().map(f64::from).sum::<f64>();
            let got = network.run(&cpu, Mode::Inference, losses.exact, batch.feed()).unwrap();
            near("the loss of all words", sum(got), *exact);
            let mode = Mode::Gradients { step, scale: 1.0 };
            let got = network.run(&cpu, mode, losses.trained, batch.feed()).unwrap();
            near("the loss", sum(got), *trained);
            let gradients = network.gradients().iter();
            let squares: f64 = gradients.clone().map(|g| g.sum_of_squares(&cpu)).sum();
            near("the global norm", squares.sqrt(), *norm);
            if step == 0 {
                let all = gradients.zip(network.parameters()).zip(want.gradients).enumerate();
                for (i, ((gradient, parameter), want)) in all {
                    let got = against_wave(40 + i, &dense(gradient, parameter.len()));
                    near(&format!("the gradient of {}", parameter.name()), got, *want);
                }
            }
            let (parameters, gradients) = (network.parameters(), network.gradients());
            optimizer.step(&cpu, parameters, gradients, 0.5, step).unwrap();
        }
        assert_eq!(network.parameters().len(), want.parameters.len());
        for (i, (parameter, want)) in network.parameters().iter().zip(want.parameters).enumerate() {
            near(parameter.name(), against_wave(70 + i, &parameter.values()), *want);
        }
    }
}

/// Numbers of TensorFlow 2.15, of the script in this folder:
/// `TF_CPP_MIN_LOG_LEVEL=3 python network_tf.py 1` and `0`.
#[test]
fn losses_gradients_and_five_steps_equal_tensorflow() {
    check(4, &SAMPLED);
    check(0, &FULL);
}

/// One step of the decoder after another gives the attention that the unrolled network has.
#[test]
fn a_decoder_that_goes_step_by_step_equals_the_unrolled_one() {
    let (batch, [_, steps]) = (Batch::new(), BUCKET);
    for (num_samples, want) in [(4, &SAMPLED), (0, &FULL)] {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let (mut network, losses) = fixed(num_samples);
        let of = architecture(num_samples);
        let (graph, encoded) = of.encoding().unwrap();
        let mut encoder = network.sharing(graph).unwrap();
        let (graph, decoded) = of.decoding().unwrap();
        let mut decoder = network.sharing(graph).unwrap();

        let feed = Feed { batch: BATCH, inputs: vec![], ids: vec![&batch.source], states: &mut [] };
        let encoded = encoder.run_for(&cpu, Mode::Inference, &encoded, feed).unwrap();
        let (memory, states) = encoded.split_at(2);
        let mut from: Vec<Vec<f32>> =
            states.iter().cloned().chain([batch.context.clone()]).collect();
        let (mut total, mut weights) = (0.0, Vec::new());
        for t in 0..steps {
            let inputs = memory.iter().chain(&from).map(|value| &value[..]).collect();
            let word = &batch.words[t * BATCH..(t + 1) * BATCH];
            let feed = Feed { batch: BATCH, inputs, ids: vec![word], states: &mut [] };
            let mut step = decoder.run_for(&cpu, Mode::Inference, &decoded, feed).unwrap();
            from = step.split_off(2);
            weights = step.pop().unwrap();
            let logits: Vec<f64> = step[0].iter().copied().map(f64::from).collect();
            let rows = t * BATCH..(t + 1) * BATCH;
            let (loss, _) = crate::ops::softmax::cross_entropy_reference(
                &logits,
                &batch.targets[rows.clone()],
                0.0,
            );
            total +=
                loss.iter().zip(&batch.weights[rows]).map(|(l, w)| l * f64::from(*w)).sum::<f64>();
        }
        let whole = network.run(&cpu, Mode::Inference, losses.exact, batch.feed()).unwrap();
        near("the loss", total, whole.iter().copied().map(f64::from).sum());
        for (got, want) in weights.iter().zip(want.weights) {
            near("a weight", f64::from(*got), *want);
        }
    }
}

/// With 4 samples a step: `net_tf.py 1`.
const SAMPLED: Expected = Expected {
    weights: &[
        2.519523e-01,
        2.498219e-01,
        2.491672e-01,
        2.490586e-01,
        2.519902e-01,
        2.499349e-01,
        2.491185e-01,
        2.489563e-01,
        2.519279e-01,
        2.498501e-01,
        2.491340e-01,
        2.490880e-01,
    ],
    gradients: &[
        -3.393785e-03,
        -1.520895e-04,
        -1.992916e-03,
        1.304108e-03,
        -7.561192e-04,
        9.528726e-04,
        7.465206e-03,
        1.142605e-02,
        1.240065e-01,
        -3.915438e-05,
        6.185552e-05,
        3.629292e-03,
        5.067810e-03,
        2.200022e-03,
        -4.998716e-04,
        6.579953e-04,
        -3.404962e-03,
        -1.335555e-03,
        1.709182e-03,
        -2.391224e-02,
        -7.356691e-02,
        9.001148e-05,
        7.531576e-05,
        -1.643343e-03,
        -2.029548e-03,
        -1.776528e-02,
        1.759783e-02,
        1.181072e-01,
    ],
    losses: &[
        [1.521463e+00, 3.140543e+00, 6.351854e-01],
        [1.430862e+00, 2.977296e+00, 5.207270e-01],
        [1.612205e+00, 2.879420e+00, 5.976366e-01],
        [1.296012e+00, 2.904999e+00, 5.792053e-01],
        [1.574215e+00, 2.822034e+00, 4.111065e-01],
    ],
    parameters: &[
        1.465678e-04,
        4.559189e-03,
        6.795725e-03,
        -7.904846e-03,
        8.600723e-02,
        2.108028e-02,
        -6.863998e-02,
        2.907993e-02,
        3.527273e-02,
        -3.007393e-02,
        7.346859e-02,
        1.339562e-02,
        5.839653e-03,
        8.005101e-02,
        7.645182e-03,
        -4.233122e-03,
        7.935791e-02,
        2.353351e-01,
        -4.915466e-01,
        1.001214e+00,
        -2.501924e-01,
        1.529058e-01,
        1.419352e-01,
        1.427857e-01,
        -6.269950e-03,
        2.313860e-03,
        5.675538e-02,
        1.263258e-01,
    ],
};

/// With the softmax of all words: `net_tf.py 0`.
const FULL: Expected = Expected {
    weights: &[
        2.519523e-01,
        2.498219e-01,
        2.491672e-01,
        2.490586e-01,
        2.519902e-01,
        2.499349e-01,
        2.491185e-01,
        2.489563e-01,
        2.519279e-01,
        2.498501e-01,
        2.491340e-01,
        2.490880e-01,
    ],
    gradients: &[
        8.852377e-03,
        -1.667379e-04,
        3.114502e-03,
        -9.516247e-03,
        -3.096273e-02,
        6.657295e-03,
        3.908652e-03,
        -2.756085e-03,
        -3.126213e-02,
        8.613668e-06,
        2.483187e-05,
        5.742584e-03,
        -1.006782e-03,
        -8.475547e-04,
        2.247238e-04,
        -6.635422e-04,
        1.913236e-03,
        5.583390e-04,
        -6.699400e-04,
        2.494314e-04,
        1.270570e-03,
        -2.092471e-05,
        -2.181523e-05,
        3.882634e-04,
        3.139824e-02,
        -1.704030e-03,
        -5.185936e-02,
        5.257085e-02,
    ],
    losses: &[
        [2.958963e+00, 2.958963e+00, 7.175548e-01],
        [2.815893e+00, 2.815893e+00, 4.973993e-01],
        [2.698573e+00, 2.698573e+00, 4.778127e-01],
        [2.584502e+00, 2.584502e+00, 4.751970e-01],
        [2.474759e+00, 2.474759e+00, 4.451385e-01],
    ],
    parameters: &[
        -2.552761e-02,
        5.939245e-03,
        8.644774e-03,
        2.659731e-02,
        1.325513e-01,
        2.047751e-02,
        -6.479155e-02,
        1.151741e-02,
        7.757211e-02,
        -3.086319e-02,
        7.433168e-02,
        2.626228e-02,
        2.907036e-03,
        7.337995e-02,
        -7.900894e-04,
        -6.411612e-02,
        7.358037e-02,
        2.297562e-01,
        -4.958318e-01,
        9.157797e-01,
        -2.190526e-01,
        1.528668e-01,
        1.422573e-01,
        1.421723e-01,
        2.243406e-01,
        8.983772e-02,
        1.047893e-01,
        9.362745e-02,
    ],
};
