//! Checkpoints in another engine: candle-nn's own layers give the logits of a run.

use std::collections::HashMap;

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::rnn::{LSTMConfig, LSTMState, RNN};
use candle_nn::{Conv2dConfig, VarBuilder, conv2d, embedding, linear, lstm};
use tfm::checkpoint::Checkpoint;
use tfm::data::mnist::{CLASSES, SHAPE};
use tfm::models::classify::Classifier;
use tfm::models::mnist;
use tfm::models::ptb::model::{Architecture, LanguageModel};
use tfm::ops::{Cpu, Isa};

use crate::dir::Dir;
use crate::ptb::{self, Run};

/// The newest checkpoint of the run `run`, as tfm reads it and as candle-nn does.
fn read(dir: &Dir) -> (Checkpoint, VarBuilder<'static>) {
    let run = Run::of(dir, "run");
    let (name, bytes) = run.newest();
    let checkpoint = Checkpoint::open(&run.path("checkpoints").join(name)).unwrap();
    let tensors = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu);
    (checkpoint, tensors.unwrap())
}

/// Tensors under candle-nn's names and in its layouts.
#[derive(Default)]
struct Converted(HashMap<String, Tensor>);

impl Converted {
    fn put(&mut self, name: String, tensor: Tensor) -> Result<()> {
        self.0.insert(name, tensor.contiguous()?);
        Ok(())
    }

    /// A convolution: (height, width, in, out) becomes (out, in, height, width).
    fn conv2d(&mut self, ours: &VarBuilder, name: &str, size: [usize; 3]) -> Result<()> {
        let [side, input, output] = size;
        let weights = ours.get((side, side, input, output), &format!("{name}/weights"))?;
        self.put(format!("{name}.weight"), weights.permute((3, 2, 0, 1))?)?;
        self.put(format!("{name}.bias"), ours.get(output, &format!("{name}/biases"))?)
    }

    /// A dense layer, from the names of its two tensors: (in, out) becomes (out, in).
    fn linear(
        &mut self,
        ours: &VarBuilder,
        name: &str,
        from: [&str; 2],
        size: [usize; 2],
    ) -> Result<()> {
        self.put(format!("{name}.weight"), ours.get((size[0], size[1]), from[0])?.t()?)?;
        self.put(format!("{name}.bias"), ours.get(size[1], from[1])?)
    }

    /// An LSTM layer: (input and hidden, gates) becomes (gates, input) and (gates, hidden), and
    /// the gates i, j, f, o come in the order i, f, j, o.
    fn lstm(&mut self, ours: &VarBuilder, name: &str, size: [usize; 2]) -> Result<()> {
        let [input, hidden] = size;
        let reordered = |tensor: Tensor| {
            let gates = tensor.chunk(4, 0)?;
            Tensor::cat(&[0, 2, 1, 3].map(|gate: usize| &gates[gate]), 0)
        };
        let kernel = ours.get((input + hidden, 4 * hidden), &format!("{name}/kernel"))?;
        let weights = reordered(kernel.t()?)?;
        self.put(format!("{name}.weight_ih_l0"), weights.narrow(1, 0, input)?)?;
        self.put(format!("{name}.weight_hh_l0"), weights.narrow(1, input, hidden)?)?;
        let bias = ours.get(4 * hidden, &format!("{name}/bias"))?;
        self.put(format!("{name}.bias_ih_l0"), reordered(bias)?)
    }

    fn var_builder(self) -> VarBuilder<'static> {
        VarBuilder::from_tensors(self.0, DType::F32, &Device::Cpu)
    }
}

/// Fails unless the logits are the same to 1e-5 of the largest, and not all alike.
#[track_caller]
fn are_equal(isa: Isa, got: &[f32], want: &Tensor) {
    let want = want.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    assert!(want.iter().any(|value| (value - want[0]).abs() > 0.1 * largest), "{want:?}");
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        let error = (got - want).abs() / largest;
        assert!(error < 1e-5, "{isa:?}, logit {i}: {got} and candle-nn's {want}");
    }
}

/// Images as an oscillation that becomes faster and faster.
fn images(count: usize) -> Vec<f32> {
    let value = |j: usize| ((j as f64).powf(1.1) * 0.61).sin() / 2.0;
    (0..count * 28 * 28).map(|j| value(j) as f32).collect()
}

/// The network of MNIST from candle-nn's layers: the logits (batch, 10) of images
/// (batch, 1, 28, 28).
fn digits(ours: &VarBuilder, images: &Tensor) -> Result<Tensor> {
    let mut converted = Converted::default();
    converted.conv2d(ours, "conv1", [5, 1, 32])?;
    converted.conv2d(ours, "conv2", [5, 32, 64])?;
    converted.linear(ours, "fc1", ["fc1/weights", "fc1/biases"], [7 * 7 * 64, 512])?;
    converted.linear(ours, "fc2", ["fc2/weights", "fc2/biases"], [512, 10])?;
    let vb = converted.var_builder();

    let same = Conv2dConfig { padding: 2, ..Default::default() };
    let x = conv2d(1, 32, 5, same, vb.pp("conv1"))?.forward(images)?.relu()?.max_pool2d(2)?;
    let x = conv2d(32, 64, 5, same, vb.pp("conv2"))?.forward(&x)?.relu()?.max_pool2d(2)?;
    // The dense layer reads height, width, channels.
    let x = x.permute((0, 2, 3, 1))?.flatten_from(1)?;
    let x = linear(7 * 7 * 64, 512, vb.pp("fc1"))?.forward(&x)?.relu()?;
    linear(512, 10, vb.pp("fc2"))?.forward(&x)
}

#[test]
fn candle_nn_gives_the_logits_of_a_run_of_mnist() {
    const BATCH: usize = 5;
    let dir = Dir::new();
    dir.one_thread("train mnist --config mnist-self-test --run-dir run -q").ok();
    let (checkpoint, ours) = read(&dir);
    let images = images(BATCH);
    // With one channel, both layouts of an image are the same.
    let theirs = Tensor::from_slice(&images, (BATCH, 1, 28, 28), &Device::Cpu).unwrap();
    let want = digits(&ours, &theirs).unwrap();
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        let mut classifier =
            Classifier::new(SHAPE, 0, |images| mnist::logits(images, CLASSES)).unwrap();
        classifier.load("mnist", "", &checkpoint).unwrap();
        are_equal(isa, classifier.logits(&cpu, &images).unwrap(), &want);
    }
}

/// The batch of the run, whose states are in the checkpoint.
const SEQUENCES: usize = 20;
const STEPS: usize = 7;

/// The cell and the hidden state of a layer at the time of the checkpoint.
fn state(ours: &VarBuilder, layer: usize, hidden: usize) -> Result<[Tensor; 2]> {
    let part = |part| ours.get((SEQUENCES, hidden), &format!("state/lstm_{layer}/{part}"));
    Ok([part("cell")?, part("hidden")?])
}

/// The language model from candle-nn's layers: the logits (steps, batch, words) that follow
/// `words` (batch, steps).
fn language_model(ours: &VarBuilder, of: Architecture, words: &Tensor) -> Result<Tensor> {
    let Architecture { vocab_size, hidden_size: hidden, num_layers, .. } = of;
    let mut converted = Converted::default();
    converted.put("embedding.weight".into(), ours.get((vocab_size, hidden), "embedding")?)?;
    for layer in 0..num_layers {
        converted.lstm(ours, &format!("lstm_{layer}"), [hidden, hidden])?;
    }
    converted.linear(ours, "softmax", ["softmax_w", "softmax_b"], [hidden, vocab_size])?;
    let vb = converted.var_builder();

    let mut x = embedding(vocab_size, hidden, vb.pp("embedding"))?.forward(words)?;
    // One bias stands for the two.
    let config = LSTMConfig { b_hh_init: None, ..Default::default() };
    for layer in 0..num_layers {
        let [cell, before] = state(ours, layer, hidden)?;
        let lstm = lstm(hidden, hidden, config, vb.pp(format!("lstm_{layer}")))?;
        let states = lstm.seq_init(&x, &LSTMState::new(before, cell))?;
        x = lstm.states_to_tensor(&states)?;
    }
    let x = x.transpose(0, 1)?.contiguous()?;
    linear(hidden, vocab_size, vb.pp("softmax"))?.forward(&x)
}

#[test]
fn candle_nn_gives_the_logits_of_a_run_of_ptb() {
    let dir = Dir::new();
    dir.tfm(&ptb::train("--set train.max_steps=12 --run-dir run -q")).ok();
    let (checkpoint, ours) = read(&dir);
    let architecture = Architecture {
        vocab_size: checkpoint.tensor("softmax_b").unwrap().shape()[0],
        hidden_size: 16,
        num_layers: 2,
        init_scale: 0.1,
        keep_prob: 1.0,
        seed: 0,
    };
    // Time-major for tfm, a sequence a row for candle-nn.
    let word = |i: usize| ((i * i * 7 + i * 3) % architecture.vocab_size) as u32;
    let words: Vec<u32> = (0..STEPS * SEQUENCES).map(word).collect();
    let theirs = Tensor::from_slice(&words, (STEPS, SEQUENCES), &Device::Cpu).unwrap();
    let want = language_model(&ours, architecture, &theirs.t().unwrap()).unwrap();
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        let mut model = LanguageModel::new(architecture).unwrap();
        model.load(&checkpoint).unwrap();
        let tensors = (0..2).flat_map(|layer| state(&ours, layer, 16).unwrap());
        let mut states: Vec<Vec<f32>> =
            tensors.map(|state| state.flatten_all().unwrap().to_vec1().unwrap()).collect();
        assert!(states.iter().flatten().any(|value| value.abs() > 1e-3));
        are_equal(isa, model.logits(&cpu, SEQUENCES, &words, &mut states).unwrap(), &want);
    }
}
