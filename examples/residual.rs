//! A small residual network with batch normalisation (He et al., arXiv 1512.03385) learns to classify
//! ten shapes in about a minute on 2 cores: `cargo run --release --example residual`.

use std::path::Path;

use anyhow::{Result, ensure};
use tfm::checkpoint::{self, Meta, Retention, Selector};
use tfm::data::Split;
use tfm::data::synthetic::{CLASSES, Shapes, SyntheticImages};
use tfm::models::weights;
use tfm::nn::optimizer::{Method, Optimizer, OptimizerConfig, Schedule, Settings};
use tfm::nn::{Feed, Filters, Graph, Init, Mode, Network, Output, Parameter, Value};
use tfm::ops::{Cpu, Isa};

/// Batch size.
pub const BATCH: usize = 32;
const RATE: Schedule = Schedule::Cosine { rate: 0.003, warmup: 100, steps: 3000, floor: 0.0 };

/// A normalised convolution. Its weights are initialised as in He et al. (arXiv 1502.01852) and decay.
fn convolution<'g>(x: Value<'g>, name: &str, filters: Filters) -> Value<'g> {
    let inputs = filters.size[0] * filters.size[1] * x.shape()[3];
    let init = Init::truncated_normal((2.0 / inputs as f64).sqrt()).decay_weights();
    x.conv2d_without_biases(name, filters, init).batch_norm(&format!("{name}/norm"))
}

/// Two convolutions and a shortcut, which is a convolution too if the shape changes.
fn block<'g>(x: Value<'g>, name: &str, channels: usize, stride: usize) -> Value<'g> {
    let part = |part| format!("{name}/{part}");
    let residual = convolution(x, &part("conv1"), Filters::new(channels, 3).stride(stride)).relu();
    let residual = convolution(residual, &part("conv2"), Filters::new(channels, 3));
    let filters = Filters::new(channels, 1).stride(stride);
    let shortcut = if stride == 1 { x } else { convolution(x, &part("shortcut"), filters) };
    residual.add(shortcut).relu()
}

/// The logits (batch, classes) of images (batch, 32, 32, 3).
fn forward(images: Value) -> Value {
    let x = convolution(images, "stem", Filters::new(32, 5).stride(2)).relu();
    let x = block(x, "block1", 32, 1);
    let x = block(x, "block2", 64, 2);
    let x = block(x, "block3", 128, 2);
    x.global_avg_pool().linear("logits", CLASSES, Init::truncated_normal(0.05))
}

/// The network in training.
pub struct Training {
    /// The network.
    pub network: Network,
    logits: Output,
    losses: Output,
    optimizer: Optimizer,
    step: u64,
}

impl Training {
    /// The network before its first step.
    pub fn new(seed: u64) -> Result<Self> {
        let (graph, [logits, losses]) = Graph::build(|g| {
            let logits = forward(g.input("images", &[Shapes::SIDE, Shapes::SIDE, 3]));
            [logits.output(), logits.cross_entropy(g.ids("labels")).output()]
        })?;
        let network = Network::new(graph, seed)?;
        let rule = OptimizerConfig { name: Method::AdamW, ..Default::default() };
        let settings = Settings { weight_decay: 0.05, ..Default::default() };
        let optimizer = Optimizer::new(&rule, settings, network.parameters())?;
        Ok(Self { network, logits, losses, optimizer, step: 0 })
    }

    /// Trains for some steps and returns the mean loss.
    pub fn train(&mut self, cpu: &Cpu, steps: u64) -> Result<f32> {
        let mut sum = 0.0;
        for _ in 0..steps {
            let (images, labels) = batch(Split::Train, self.step);
            let feed = Feed::images(BATCH, &images, &labels);
            let mode = Mode::Gradients { step: self.step, scale: 1.0 / BATCH as f32 };
            sum += self.network.run(cpu, mode, self.losses, feed)?.iter().sum::<f32>();
            let (parameters, gradients) = (self.network.parameters(), self.network.gradients());
            self.optimizer.step(cpu, parameters, gradients, RATE.rate(self.step), self.step)?;
            self.step += 1;
        }
        Ok(sum / (steps * BATCH as u64) as f32)
    }

    /// The accuracy on some test batches.
    fn accuracy(&mut self, cpu: &Cpu, batches: u64) -> Result<f64> {
        let mut right = 0;
        for number in 0..batches {
            let (images, labels) = batch(Split::Test, number);
            let feed = Feed::images(BATCH, &images, &[]);
            let logits = self.network.run(cpu, Mode::Inference, self.logits, feed)?;
            let hit = |(row, label): &(&[f32], u32)| row.iter().all(|x| *x <= row[*label as usize]);
            right += logits.chunks(CLASSES).zip(labels).filter(hit).count();
        }
        Ok(right as f64 / (batches * BATCH as u64) as f64)
    }

    /// The state to resume from, except the step.
    pub fn state(&self) -> Vec<&Parameter> {
        self.network.parameters().iter().chain(self.optimizer.state()).collect()
    }

    /// Saves parameters, optimizer state and step as a safetensors file.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let (meta, keep) = (Meta::new("residual", self.step), Retention { last: 2 });
        checkpoint::save(folder, &meta, weights::of(&self.state())?, keep, false).map(drop)
    }

    /// Resumes from such a file.
    pub fn load(&mut self, folder: &Path, which: Selector) -> Result<()> {
        let checkpoint = checkpoint::open(folder, which)?;
        self.step = checkpoint.meta.step;
        weights::load("residual", &self.state(), &checkpoint)
    }
}

/// A batch of an endless split: images in [-1, 1], and their classes.
pub fn batch(split: Split, number: u64) -> (Vec<f32>, Vec<u32>) {
    let (shapes, mut pixels) = (Shapes::new(1, split), [0; Shapes::BYTES]);
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for index in number * BATCH as u64..(number + 1) * BATCH as u64 {
        labels.push(shapes.draw(index, &mut pixels).into());
        images.extend(pixels.iter().map(|&pixel| f32::from(pixel) / 127.5 - 1.0));
    }
    (images, labels)
}

fn main() -> Result<()> {
    run(&std::env::temp_dir().join("tfm-residual"), 3000, 500)
}

/// Trains with a checkpoint every `epoch` steps. A second network resumes from one, bit for bit.
pub fn run(folder: &Path, steps: u64, epoch: u64) -> Result<()> {
    let cpu = Cpu::new(Isa::from_environment()?, std::thread::available_parallelism()?.get())?;
    std::fs::create_dir_all(folder)?;
    let mut training = Training::new(1)?;
    for layer in training.network.graph().layers(BATCH, 1) {
        println!("{:22}{:22}{:?}", layer.name, layer.operator, layer.output);
    }
    for number in 1..=steps / epoch {
        let loss = training.train(&cpu, epoch)?;
        training.save(folder)?;
        println!("epoch {number}: loss {loss:.3}, accuracy {:.4}", training.accuracy(&cpu, 50)?);
    }
    let mut resumed = Training::new(2)?;
    resumed.load(folder, Selector::Step(steps - epoch))?;
    resumed.train(&cpu, epoch)?;
    let same = |(a, b): (&&Parameter, &&Parameter)| *a.values() == *b.values();
    ensure!(training.state().iter().zip(&resumed.state()).all(same), "the bits differ");
    Ok(())
}
