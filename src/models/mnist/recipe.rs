//! Training as the reference does it: batches in the order of the data, a report of the current
//! batch and of the validation images every so many steps.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::config::{MnistConfig, Train};
use super::digits::Digits;
use crate::data::mnist::{IMAGE_BYTES, Images};
use crate::models::Entry;
use crate::models::classify::{Batch, Examples, Recipe, Score, Trainer};
use crate::nn::Mode;
use crate::ops::precision::in_top_k;
use crate::ops::softmax::cross_entropy;
use crate::train::{EpochEnd, Interrupt, Measured, Progress};

/// What is MNIST's own in training.
pub struct MnistRecipe<'a> {
    train: &'a Train,
    digits: &'a Digits,
    batch: Batch,
    last: Last,
}

/// What the last step and the last line of progress have measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Last {
    loss: f64,
    minibatch_error: f64,
    validation_error: f64,
}

impl<'a> MnistRecipe<'a> {
    /// The recipe of a config.
    ///
    /// # Errors
    /// When there are fewer examples than a batch has.
    pub fn new(config: &'a MnistConfig, digits: &'a Digits) -> Result<Self> {
        let (batch, all) = (config.train.batch_size, digits.train.len());
        ensure!(
            all > batch,
            "{all} training images are not more than train.batch_size = {batch}; decrease it"
        );
        let (train, last) = (&config.train, Last::default());
        Ok(Self { train, digits, batch: Batch::zeros(batch, IMAGE_BYTES), last })
    }

    fn examples(&self) -> usize {
        self.digits.train.len()
    }

    /// Measures the current batch again, after its step, as the reference's second
    /// `session.run` does: with the new parameters, under the next mask of dropout.
    fn measure_minibatch(&mut self, on: &mut Trainer, step: u64) -> Result<()> {
        let Batch { images, labels } = &self.batch;
        let (mode, feed) = (Mode::Training { step: step + 1 }, on.classifier.feed(images, &[]));
        let output = on.classifier.logits;
        let logits = on.classifier.network.run(on.cpu, mode, output, feed)?;
        let right = in_top_k(logits, labels, 1).filter(|&right| right).count();
        self.last.minibatch_error = 100.0 - 100.0 * right as f64 / labels.len() as f64;
        let mut losses = vec![0.0; labels.len()];
        cross_entropy(on.cpu, logits, labels, None, &mut losses);
        let mean = losses.iter().copied().map(f64::from).sum::<f64>() / losses.len() as f64;
        self.last.loss = mean + on.l2_loss(self.train.weight_decay);
        ensure!(self.last.loss.is_finite(), "the loss is not finite");
        Ok(())
    }

    /// The learning rate as the reference prints it after step `step`: its counter has moved on.
    fn next_learning_rate(&self, step: u64) -> f64 {
        self.learning_rate(step + 1)
    }

    fn measured(phase: &'static str, score: &Score, line: String) -> Measured {
        let metrics = vec![("error", score.error_rate()), ("loss", score.mean_loss())];
        Measured { phase, metrics, line }
    }
}

impl Recipe for MnistRecipe<'_> {
    const ENTRY: &'static Entry = &super::ENTRY;

    fn batch_size(&self) -> usize {
        self.train.batch_size
    }

    fn steps_per_epoch(&self) -> u64 {
        (self.examples() / self.train.batch_size) as u64
    }

    fn total_steps(&self) -> u64 {
        self.train.steps(self.examples())
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.train.learning_rate_of(step, self.examples())
    }

    fn weight_decay(&self) -> f32 {
        self.train.weight_decay
    }

    fn batch(&mut self, step: u64) -> Result<&Batch> {
        let first = self.train.offset(step, self.examples());
        let Batch { images, labels } = &mut self.batch;
        self.digits.train.fill(first..first + labels.len(), images, labels);
        Ok(&self.batch)
    }

    fn take(&mut self, _: f64, loss: f64) {
        self.last.loss = loss;
    }

    fn begin_epoch(&self, epoch: u64) -> String {
        let rate = self.learning_rate(epoch * self.steps_per_epoch());
        format!("Epoch: {} Learning rate: {rate:.6}", epoch + 1)
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("loss", self.last.loss)]
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        vec![
            ("loss", self.last.loss),
            ("error", self.last.minibatch_error),
            ("validation_error", self.last.validation_error),
            ("learning_rate", self.next_learning_rate(step)),
        ]
    }

    fn is_reported(&self, step: u64) -> bool {
        step.is_multiple_of(self.train.eval_frequency)
    }

    fn report(
        &mut self,
        on: &mut Trainer,
        Progress { step, rate, .. }: Progress,
    ) -> Result<String> {
        self.measure_minibatch(on, step)?;
        let valid = on.score(&self.digits.valid, &Interrupt::default())?;
        self.last.validation_error = valid.map_or(f64::NAN, |score| score.error_rate());
        let batch = self.train.batch_size as f64;
        let Last { loss, minibatch_error, validation_error } = self.last;
        Ok(format!(
            "Step {step} (epoch {:.2}), {:.1} ms\n\
             Minibatch loss: {loss:.3}, learning rate: {:.6}\n\
             Minibatch error: {minibatch_error:.1}%\n\
             Validation error: {validation_error:.1}%",
            step as f64 * batch / self.examples() as f64,
            1e3 * batch / rate,
            self.next_learning_rate(step)
        ))
    }

    fn end_epoch(
        &mut self,
        on: &mut Trainer,
        epoch: u64,
        interrupt: &Interrupt,
    ) -> Result<Option<EpochEnd>> {
        let Some(score) = on.score(&self.digits.valid, interrupt)? else { return Ok(None) };
        let error = score.error_rate();
        let line = format!("Epoch: {} Validation error: {error:.2}%", epoch + 1);
        let measured = vec![Self::measured("valid", &score, line)];
        Ok(Some(EpochEnd { measured, score: Some(error) }))
    }

    fn finish(&mut self, on: &mut Trainer, interrupt: &Interrupt) -> Result<Option<Vec<Measured>>> {
        let test: &Images = &self.digits.test;
        let Some(score) = on.score(test, interrupt)? else { return Ok(None) };
        let line = format!("Test error: {:.1}%", score.error_rate());
        Ok(Some(vec![Self::measured("test", &score, line)]))
    }

    fn state(&self) -> Map<String, Value> {
        Map::from_iter([("last".to_string(), json!(self.last))])
    }

    fn restore(&mut self, state: &Map<String, Value>) -> Result<()> {
        let last = state.get("last").context("the checkpoint holds no losses")?;
        self.last = serde_json::from_value(last.clone())?;
        Ok(())
    }
}
