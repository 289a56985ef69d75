//! The network against TensorFlow.

use std::path::Path;

use serde::Deserialize;

use super::ENTRY;
use super::architecture::{Losses, architecture};
use super::batch::{self, BatchMemory};
use super::config::TranslateConfig;
use super::dataset::Dataset;
use super::model::TranslationModel;
use super::unidirectional::{Cell, Unidirectional};
use crate::data::parallel::{BucketBatch, Invalid};
use crate::data::tokenizer::{Bpe, Tokenizer};
use crate::nn::graph::Initial;
use crate::nn::optimizer::{Optimizer, OptimizerConfig, Settings};
use crate::nn::{Feed, Gradient, Mode, Network};
use crate::ops::{Cpu, Isa};

const BATCH: usize = 3;

/// Numbers of TensorFlow 2.15, of the script in this folder:
/// `TF_CPP_MIN_LOG_LEVEL=3 python unidirectional_tf.py > unidirectional_tf.json`.
#[derive(Deserialize)]
struct TensorFlow {
    networks: Vec<Expected>,
    self_test: Vec<SelfTest>,
}

/// What TensorFlow computes for a network on one bucket.
#[derive(Deserialize)]
struct Expected {
    cell: Cell,
    /// Classes that are drawn for a step; 0: none.
    samples: usize,
    /// Positions of source and target.
    bucket: [usize; 2],
    /// The attention's weights of the last step (batch, positions).
    weights: Vec<f64>,
    /// Of each gradient of the first step its product with a wave.
    gradients: Vec<f64>,
    /// Of five steps: the loss that is trained, that of all words, the global norm.
    losses: Vec<[f64; 3]>,
    /// Of each parameter after these its product with a wave.
    parameters: Vec<f64>,
}

/// What it computes for the preset `translate-test`.
#[derive(Deserialize)]
struct SelfTest {
    cell: Cell,
    /// The losses of five steps, on one bucket and the other in turn.
    losses: Vec<f64>,
    /// The losses of all words after these, of either bucket.
    exact: [f64; 2],
}

fn tensorflow() -> TensorFlow {
    serde_json::from_str(include_str!("unidirectional_tf.json")).unwrap()
}

impl Expected {
    fn architecture(&self) -> Unidirectional {
        Unidirectional {
            vocabularies: [20, 18],
            cell: self.cell,
            hidden_size: 6,
            num_layers: 2,
            num_samples: self.samples,
            initial: Initial::GlorotUniform,
        }
    }

    /// A network whose parameter `i` is wave `i`.
    fn fixed(&self) -> (Network, Losses) {
        let (graph, losses) = self.architecture().unrolled(self.bucket[1]).unwrap();
        let network = Network::new(graph, 1).unwrap();
        set_waves(&network);
        (network, losses)
    }

    /// The beginning of an error.
    fn name(&self) -> String {
        format!("{:?} with {} samples in {:?}", self.cell, self.samples, self.bucket)
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
    fn new([positions, steps]: [usize; 2]) -> Self {
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

/// Makes parameter `i` wave `i`.
fn set_waves(network: &Network) {
    for (i, parameter) in network.parameters().iter().enumerate() {
        let values: Vec<f32> = (0..parameter.len()).map(|j| wave(i, j)).collect();
        parameter.set(&values).unwrap();
    }
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

fn check(want: &Expected) {
    let name = want.name();
    for isa in Isa::available() {
        let (cpu, batch) = (Cpu::new(isa, 2).unwrap(), Batch::new(want.bucket));
        let (mut network, losses) = want.fixed();
        let settings = Settings { max_norm: Some(0.5), ..Default::default() };
        let sgd = OptimizerConfig::default();
        let mut optimizer = Optimizer::new(&sgd, settings, network.parameters()).unwrap();
        for (step, [trained, exact, norm]) in (0..).zip(&want.losses) {
            let sum = |losses: &[f32]| losses.iter().copied().map(f64::from).sum::<f64>();
            let got = network.run(&cpu, Mode::Inference, losses.exact, batch.feed()).unwrap();
            near(&format!("{name}: the loss of all words"), sum(got), *exact);
            let mode = Mode::Training { step };
            let got = network.run(&cpu, mode, losses.trained, batch.feed()).unwrap();
            near(&format!("{name}: the loss that is trained"), sum(got), *trained);
            let mode = Mode::Gradients { step, scale: 1.0 };
            let got = network.run(&cpu, mode, losses.trained, batch.feed()).unwrap();
            near(&format!("{name}: the loss"), sum(got), *trained);
            let gradients = network.gradients().iter();
            let squares: f64 = gradients.clone().map(|g| g.sum_of_squares(&cpu)).sum();
            near(&format!("{name}: the global norm"), squares.sqrt(), *norm);
            if step == 0 {
                assert_eq!(network.parameters().len(), want.gradients.len());
                let all = gradients.zip(network.parameters()).zip(&want.gradients).enumerate();
                for (i, ((gradient, parameter), want)) in all {
                    let got = against_wave(40 + i, &dense(gradient, parameter.len()));
                    near(&format!("{name}: the gradient of {}", parameter.name()), got, *want);
                }
            }
            let (parameters, gradients) = (network.parameters(), network.gradients());
            optimizer.step(&cpu, parameters, gradients, 0.5, step).unwrap();
        }
        assert_eq!(network.parameters().len(), want.parameters.len());
        for (i, (parameter, want)) in network.parameters().iter().zip(&want.parameters).enumerate()
        {
            near(
                &format!("{name}: {}", parameter.name()),
                against_wave(70 + i, &parameter.values()),
                *want,
            );
        }
    }
}

#[test]
fn losses_gradients_and_five_steps_equal_tensorflow() {
    let networks = tensorflow().networks;
    let of = |cell, samples| {
        let of = |want: &&Expected| want.cell == cell && (want.samples > 0) == samples;
        networks.iter().filter(of).count()
    };
    for cell in [Cell::Gru, Cell::Lstm] {
        assert_eq!([true, false].map(|samples| of(cell, samples)), [2, 2], "{cell:?}");
    }
    networks.iter().for_each(check);
}

/// The reference's self-test on fixed weights, a batch of one bucket and of the other in turn.
#[test]
fn five_steps_of_the_self_test_equal_tensorflow() {
    let preset = ENTRY.load::<TranslateConfig>(Some("translate-test"), &[]).unwrap().config;
    let cpu = Cpu::new(Isa::Portable, 2).unwrap();
    for want in tensorflow().self_test {
        let mut config = preset.clone();
        config.network.cell = want.cell;
        let data = Dataset::load(&config, Path::new(""), None).unwrap();
        let batches = [0, 1].map(|bucket| first_batch(&data, bucket, config.train.batch_size));
        let architecture = architecture(&config, data.vocabularies());
        let mut model = TranslationModel::new(architecture, config.seed, 1).unwrap();
        set_waves(model.network());
        let settings =
            Settings { max_norm: Some(config.train.max_grad_norm), ..Default::default() };
        let parameters = model.network().parameters();
        let mut optimizer = Optimizer::new(&config.optimizer, settings, parameters).unwrap();
        for (step, (loss, batch)) in (0..).zip(want.losses.iter().zip(batches.iter().cycle())) {
            let rate = config.train.learning_rate;
            let got = model.step(&cpu, &batch.into(), &mut optimizer, rate, step).unwrap();
            near(&format!("{:?}: the loss of step {step}", want.cell), got, *loss);
        }
        for (batch, loss) in batches.iter().zip(want.exact) {
            let batch = batch::Batch::from(batch);
            let losses = model.losses(&cpu, &batch).unwrap();
            let parts = losses.iter().zip(batch.training_weights());
            let got = parts.map(|(loss, weight)| f64::from(*loss) * f64::from(weight)).sum();
            near(&format!("{:?}: the loss of all words", want.cell), got, loss);
        }
    }
}

/// The pairs of a bucket, again and again until there are `size`.
fn first_batch(data: &Dataset, bucket: usize, size: usize) -> BucketBatch {
    let (group, mut memory) = (&data.train.groups()[bucket], BatchMemory::default());
    let chosen: Vec<u32> = group.members.iter().cycle().take(size).copied().collect();
    data.train.fill(group, &chosen, &mut memory);
    memory.bucket
}

/// One step of the decoder after another gives the attention that the unrolled network has.
#[test]
fn a_decoder_that_goes_step_by_step_equals_the_unrolled_one() {
    for want in tensorflow().networks {
        let (batch, [_, steps]) = (Batch::new(want.bucket), want.bucket);
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let (mut network, losses) = want.fixed();
        let of = want.architecture();
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
        assert_eq!(weights.len(), want.weights.len());
        for (got, want) in weights.iter().zip(want.weights) {
            near("a weight", f64::from(*got), want);
        }
    }
}

/// What TensorFlow's `GRUCell` and variables without an initialiser of their own begin with, for the
/// vectors of the source apart.
#[test]
fn parameters_begin_as_the_reference_s() {
    for initial in [Initial::GlorotUniform, Initial::UnitScaling] {
        let network = Unidirectional {
            vocabularies: [400, 300],
            cell: Cell::Gru,
            hidden_size: 32,
            num_layers: 3,
            num_samples: 50,
            initial,
        };
        let network = Network::new(network.unrolled(2).unwrap().0, 1).unwrap();
        // The biases of the projection are random, unlike the others.
        assert!(network.parameters().iter().any(|parameter| parameter.name() == "proj_b"));
        for parameter in network.parameters() {
            let (name, shape) = (parameter.name(), parameter.shape());
            let values = parameter.values();
            let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            let bound = match name {
                "encoder/embedding" => 3f32.sqrt(),
                _ if name.ends_with("gates/biases") => {
                    assert!(values.iter().all(|value| *value == 1.0), "{name}");
                    continue;
                }
                _ if name.ends_with("biases") => 0.0,
                _ => initial.bound(shape).unwrap(),
            };
            assert!((0.9 * bound..=bound).contains(&largest), "{name}: {largest} of {bound}");
        }
    }
}

#[test]
fn a_text_is_evaluated_without_the_pairs_that_training_would_leave_out() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    // Its normalizer deletes every b.
    let json = r#"{"version":"1.0","normalizer":{"type":"Replace","pattern":{"String":"b"},"content":""},
        "pre_tokenizer":{"type":"Whitespace"},
        "model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"x":2}}}"#;
    let tokenizer = Tokenizer::Bpe(Bpe::read(&write("tokenizer.json", json)).unwrap());
    let files = [write("a", "a\nb\na a\n"), write("b", "x\nx\nx\n")];
    let mut config = TranslateConfig::default();
    config.data.invalid = Invalid::Drop;
    let sentences = Dataset::read_pairs(&config, &files, &tokenizer).unwrap().sentences;
    assert_eq!((sentences.lines, sentences.reading.empty), (vec![1, 3], 1));
    assert_eq!(sentences.pairs[1][0], "a a");
    config.data.invalid = Invalid::Error;
    let error = Dataset::read_pairs(&config, &files, &tokenizer).err().unwrap().to_string();
    assert!(error.ends_with("line 2 has no tokens on one side"), "{error}");
}
