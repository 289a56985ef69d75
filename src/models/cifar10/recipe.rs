//! Training as the reference does it: shuffled and distorted batches that are prepared beside the
//! steps, moving averages of the losses, evaluation of the parameters' moving averages.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::config::Cifar10Config;
use super::pictures::Pictures;
use super::summaries;
use crate::data::prefetch::Prefetch;
use crate::data::shuffle::Shuffle;
use crate::metrics::Summary;
use crate::models::Entry;
use crate::models::classify::{Batch, Examples, Recipe, Score, Trainer};
use crate::rng::Stream;
use crate::train::{EpochEnd, Interrupt, Measured, Progress};

/// Batches that are prepared ahead of the step.
const BATCHES_AHEAD: usize = 3;

/// What is CIFAR-10's own in training.
pub struct Cifar10Recipe<'a> {
    config: &'a Cifar10Config,
    pictures: &'a Pictures,
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

impl<'a> Cifar10Recipe<'a> {
    /// The recipe of a config.
    pub fn new(config: &'a Cifar10Config, pictures: &'a Pictures) -> Self {
        Self { config, pictures, batches: None, losses: Losses::default(), evaluated: 0 }
    }

    /// What makes the batch of a step, wherever it is called.
    fn batch_maker(&self) -> Result<impl Fn(u64, &mut Batch) + Send + Sync + 'static> {
        let pictures = Arc::clone(&self.pictures.train);
        let order = Shuffle::new(self.config.seed, "order", pictures.len())?;
        let stream = Stream::new(self.config.seed, "distortion");
        Ok(move |step: u64, to: &mut Batch| {
            let first = step * to.labels.len() as u64;
            pictures.distorted_inputs(&order, &stream, first, &mut to.images, &mut to.labels);
        })
    }

    /// The batches from `step` on, prepared beside the steps.
    fn batches_from(&self, step: u64) -> Result<Prefetch<Batch>> {
        let (batch, make) = (self.batch_size(), self.batch_maker()?);
        let values = self.pictures.train.values();
        let allocate = move || Batch::zeros(batch, values);
        let prepare = move |step: u64, to: &mut Batch| {
            make(step, to);
            Ok(())
        };
        Prefetch::new(self.config.train.workers, BATCHES_AHEAD, step, allocate, prepare)
    }

    fn measured(score: &Score, line: String) -> Measured {
        let metrics = vec![("precision", score.precision()), ("loss", score.mean_loss())];
        Measured { phase: "test", metrics, line }
    }
}

impl Recipe for Cifar10Recipe<'_> {
    const ENTRY: &'static Entry = &super::ENTRY;

    fn batch_size(&self) -> usize {
        self.config.train.batch_size
    }

    fn steps_per_epoch(&self) -> u64 {
        (self.pictures.train.len() / self.batch_size()).max(1) as u64
    }

    fn total_steps(&self) -> u64 {
        self.config.train.max_steps
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.config.train.learning_rate_of(step, self.pictures.train.len())
    }

    fn weight_decay(&self) -> f32 {
        self.config.train.weight_decay
    }

    fn batch(&mut self, step: u64) -> Result<&Batch> {
        if self.batches.as_ref().is_none_or(|batches| batches.step() != step) {
            self.batches = Some(self.batches_from(step)?);
        }
        self.batches.as_mut().context("the batches have not begun")?.next_batch()
    }

    fn take(&mut self, cross_entropy: f64, loss: f64) {
        self.losses.take(cross_entropy, loss);
    }

    fn begin_epoch(&self, epoch: u64) -> String {
        let rate = self.learning_rate(epoch * self.steps_per_epoch());
        format!("Epoch: {} Learning rate: {rate:.4}", epoch + 1)
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

    fn report(&mut self, _: &mut Trainer, progress: Progress) -> Result<String> {
        let Progress { step, rate, .. } = progress;
        Ok(format!(
            "step {step}, loss = {:.2} ({rate:.1} examples/sec; {:.3} sec/batch)",
            self.losses.total,
            self.batch_size() as f64 / rate
        ))
    }

    fn summaries(&mut self, on: &mut Trainer, step: u64) -> Result<Vec<Summary>> {
        let every = self.config.eval.summary_steps;
        if every == 0 || !step.is_multiple_of(every) {
            return Ok(Vec::new());
        }
        let mut batch = Batch::zeros(self.batch_size(), self.pictures.train.values());
        (self.batch_maker()?)(step, &mut batch);
        let image = self.pictures.train.shape();
        summaries::of(on.cpu, &mut on.classifier, &batch.images, image)
    }

    fn end_epoch(
        &mut self,
        on: &mut Trainer,
        epoch: u64,
        interrupt: &Interrupt,
    ) -> Result<Option<EpochEnd>> {
        let every = self.config.eval.every_epochs;
        if every == 0 || !(epoch + 1).is_multiple_of(every) {
            return Ok(Some(EpochEnd { measured: Vec::new(), score: None }));
        }
        let Some(score) = on.score(&*self.pictures.test, interrupt)? else { return Ok(None) };
        let line = format!("Epoch: {} precision @ 1 = {:.3}", epoch + 1, score.precision());
        let measured = vec![Self::measured(&score, line)];
        self.evaluated = (epoch + 1) * self.steps_per_epoch();
        Ok(Some(EpochEnd { measured, score: Some(1.0 - score.precision()) }))
    }

    fn finish(&mut self, on: &mut Trainer, interrupt: &Interrupt) -> Result<Option<Vec<Measured>>> {
        if self.evaluated == self.total_steps() {
            // The last epoch has ended with the same network.
            return Ok(Some(Vec::new()));
        }
        let Some(score) = on.score(&*self.pictures.test, interrupt)? else { return Ok(None) };
        let (precision, total) = (score.precision(), score.total());
        let line = format!("precision @ 1 = {precision:.4} over {total} images");
        Ok(Some(vec![Self::measured(&score, line)]))
    }

    fn state(&self) -> Map<String, Value> {
        Map::from_iter([
            ("losses".to_string(), json!(self.losses)),
            ("evaluated".to_string(), self.evaluated.into()),
        ])
    }

    fn restore(&mut self, state: &Map<String, Value>) -> Result<()> {
        let losses = state.get("losses").context("the checkpoint holds no losses")?;
        self.losses = serde_json::from_value(losses.clone())?;
        self.evaluated = state.get("evaluated").and_then(Value::as_u64).unwrap_or(0);
        Ok(())
    }
}
