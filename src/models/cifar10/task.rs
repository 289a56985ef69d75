//! Training, as the loop of [`crate::train`] sees it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use serde_json::{Map, Value, json};

use super::ENTRY;
use super::averages::Averages;
use super::config::Cifar10Config;
use super::network::Network;
use super::pictures::Pictures;
use super::summaries;
use super::towers::Towers;
use crate::checkpoint::Checkpoint;
use crate::data::augment::{CROP_VALUES, distorted_inputs};
use crate::data::prefetch::Prefetch;
use crate::data::shuffle::Shuffle;
use crate::metrics::Summary;
use crate::models::classify::{Score, evaluate};
use crate::models::weights;
use crate::ops::{Buffer, Cpu};
use crate::rng::Stream;
use crate::train::{EpochEnd, Interrupt, Measured, Progress, Task};

/// Images that are classified at a time.
pub const EVAL_BATCH: usize = 250;
/// Batches that are prepared ahead of the step.
const BATCHES_AHEAD: usize = 3;

/// A batch of distorted images.
#[derive(Default)]
struct Batch {
    /// (batch, 24, 24, 3)
    images: Buffer,
    labels: Vec<u32>,
}

/// A network on its way through pictures.
pub struct Cifar10Task<'a> {
    cpu: &'a Cpu,
    config: &'a Cifar10Config,
    pictures: &'a Pictures,
    towers: Towers<'a>,
    averages: Averages,
    batches: Option<Prefetch<Batch>>,
    losses: Losses,
    /// The step after which the test pictures were classified last.
    evaluated: u64,
}

/// The losses of the last step, and their averages as TensorBoard shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Losses {
    cross_entropy: f64,
    total: f64,
    /// Moving averages of both, which begin at zero.
    averages: [f64; 2],
    /// The weight that the averages hold so far.
    weight: f64,
}

impl Losses {
    /// The reference's decay.
    const DECAY: f64 = 0.9;

    fn take(&mut self, cross_entropy: f64, total: f64) {
        (self.cross_entropy, self.total) = (cross_entropy, total);
        for (average, value) in self.averages.iter_mut().zip([cross_entropy, total]) {
            *average = Self::DECAY * *average + (1.0 - Self::DECAY) * value;
        }
        self.weight = Self::DECAY * self.weight + 1.0 - Self::DECAY;
    }

    fn average(&self, i: usize) -> f64 {
        self.averages[i] / self.weight.max(f64::MIN_POSITIVE)
    }
}

impl<'a> Cifar10Task<'a> {
    /// A task from the first step.
    ///
    /// # Errors
    /// When the threads of the towers cannot be started.
    pub fn new(
        cpu: &'a Cpu,
        config: &'a Cifar10Config,
        pictures: &'a Pictures,
        network: Network,
    ) -> Result<Self> {
        let averages = Averages::of(&network)?;
        let towers = Towers::new(cpu, config.train.towers, network)?;
        Ok(Self {
            cpu,
            config,
            pictures,
            towers,
            averages,
            batches: None,
            losses: Losses::default(),
            evaluated: 0,
        })
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.config.train.learning_rate_of(step, self.pictures.train.len())
    }

    /// The batches from `step` on, prepared beside the steps.
    fn batches_from(&self, step: u64) -> Result<Prefetch<Batch>> {
        let batch = self.config.train.batch_size;
        let pictures = Arc::clone(&self.pictures.train);
        let order = Shuffle::new(self.config.seed, "order", pictures.len())?;
        let stream = Stream::new(self.config.seed, "distortion");
        let allocate =
            move || Batch { images: Buffer::zeros(batch * CROP_VALUES), labels: vec![0; batch] };
        let prepare = move |step: u64, to: &mut Batch| {
            let first = step * batch as u64;
            distorted_inputs(&pictures, &order, &stream, first, &mut to.images, &mut to.labels);
            Ok(())
        };
        Prefetch::new(self.config.train.workers, BATCHES_AHEAD, step, allocate, prepare)
    }

    fn score(&mut self, interrupt: &Interrupt) -> Result<Option<Score>> {
        let Pictures { test, classes, .. } = self.pictures;
        evaluate(self.cpu, self.averages.network(), &**test, classes, EVAL_BATCH, interrupt)
    }

    fn measured(score: &Score, line: String) -> Measured {
        let metrics = vec![("precision", score.precision()), ("loss", score.mean_loss())];
        Measured { phase: "test", metrics, line }
    }
}

impl Task for Cifar10Task<'_> {
    fn model(&self) -> &'static str {
        ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        (self.pictures.train.len() / self.config.train.batch_size).max(1) as u64
    }

    fn total_steps(&self) -> u64 {
        self.config.train.max_steps
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("images", self.config.train.batch_size as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        let rate = self.learning_rate(epoch * self.steps_per_epoch());
        format!("Epoch: {} Learning rate: {rate:.4}", epoch + 1)
    }

    fn step(&mut self, step: u64) -> Result<()> {
        if self.batches.as_ref().is_none_or(|batches| batches.step() != step) {
            self.batches = Some(self.batches_from(step)?);
        }
        let rate = self.learning_rate(step);
        let batch = self.batches.as_mut().context("the batches have not begun")?.next_batch()?;
        let cross_entropy = self.towers.gradients(&batch.images, &batch.labels);
        let network = self.towers.network();
        let decay = self.config.train.weight_decay;
        let total = cross_entropy + f64::from(decay) * network.l2_loss(self.cpu);
        ensure!(total.is_finite(), "the loss is not finite");
        self.towers.check_gradients()?;
        self.losses.take(cross_entropy, total);
        self.averages.descend(self.cpu, &self.config.train, network, rate as f32, step)
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("loss", self.losses.average(1))]
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        vec![
            ("loss", self.losses.average(1)),
            ("loss_raw", self.losses.total),
            ("cross_entropy", self.losses.average(0)),
            ("cross_entropy_raw", self.losses.cross_entropy),
            ("learning_rate", self.learning_rate(step)),
        ]
    }

    fn is_reported(&self, step: u64) -> bool {
        step.is_multiple_of(10)
    }

    fn report(&mut self, Progress { step, rate, .. }: Progress) -> Result<String> {
        Ok(format!(
            "step {step}, loss = {:.2} ({rate:.1} examples/sec; {:.3} sec/batch)",
            self.losses.total,
            self.config.train.batch_size as f64 / rate
        ))
    }

    fn summaries(&mut self, step: u64) -> Result<Vec<Summary>> {
        let every = self.config.eval.summary_steps;
        if every == 0 || !step.is_multiple_of(every) {
            return Ok(Vec::new());
        }
        let stream = Stream::new(self.config.seed, "distortion");
        let order = Shuffle::new(self.config.seed, "order", self.pictures.train.len())?;
        let batch = self.config.train.batch_size;
        let mut images = vec![0.0; batch * CROP_VALUES];
        let first = step * batch as u64;
        distorted_inputs(
            &self.pictures.train,
            &order,
            &stream,
            first,
            &mut images,
            &mut vec![0; batch],
        );
        summaries::of(self.cpu, self.towers.network_mut(), &images)
    }

    fn end_epoch(&mut self, epoch: u64, interrupt: &Interrupt) -> Result<Option<EpochEnd>> {
        let every = self.config.eval.every_epochs;
        if every == 0 || !(epoch + 1).is_multiple_of(every) {
            return Ok(Some(EpochEnd { measured: Vec::new(), score: None }));
        }
        let Some(score) = self.score(interrupt)? else { return Ok(None) };
        let line = format!("Epoch: {} precision @ 1 = {:.3}", epoch + 1, score.precision());
        let measured = vec![Self::measured(&score, line)];
        self.evaluated = (epoch + 1) * self.steps_per_epoch();
        Ok(Some(EpochEnd { measured, score: Some(1.0 - score.precision()) }))
    }

    fn finish(&mut self, interrupt: &Interrupt) -> Result<Option<Vec<Measured>>> {
        if self.evaluated == self.total_steps() {
            // The last epoch has ended with the same network.
            return Ok(Some(Vec::new()));
        }
        let Some(score) = self.score(interrupt)? else { return Ok(None) };
        let line =
            format!("precision @ 1 = {:.4} over {} images", score.precision(), score.total());
        Ok(Some(vec![Self::measured(&score, line)]))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let own = self.towers.network().parameters();
        let all = [own, self.averages.parameters()].concat();
        weights::of(&all)
    }

    fn state(&self) -> Map<String, Value> {
        // The streams are functions of seed and step; the cursor is the step too.
        Map::from_iter([
            ("seed".to_string(), self.config.seed.into()),
            ("classes".to_string(), json!(self.pictures.classes)),
            ("losses".to_string(), json!(self.losses)),
            ("evaluated".to_string(), self.evaluated.into()),
        ])
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        let losses = state.get("losses").context("the checkpoint holds no losses")?;
        self.losses = serde_json::from_value(losses.clone())?;
        self.evaluated = state.get("evaluated").and_then(Value::as_u64).unwrap_or(0);
        weights::load(self.model(), &self.towers.network().parameters(), checkpoint)?;
        weights::load(self.model(), &self.averages.parameters(), checkpoint)
    }
}
