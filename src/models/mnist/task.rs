//! Training, as the loop of [`crate::train`] sees it.

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Map, Value, json};

use super::ENTRY;
use super::config::{MnistConfig, Train};
use super::digits::{Digits, class_names};
use super::network::Network;
use crate::checkpoint::Checkpoint;
use crate::data::mnist::{IMAGE_BYTES, Images};
use crate::models::classify::{Classifier, Examples, Score, evaluate};
use crate::models::weights;
use crate::ops::descent::descend_by;
use crate::ops::momentum::Momentum;
use crate::ops::precision::in_top_k;
use crate::ops::{Buffer, Cpu, norm, softmax};
use crate::rng::Stream;
use crate::train::{EpochEnd, Interrupt, Measured, Progress, Task};

/// Images that are classified at a time.
pub const EVAL_BATCH: usize = 250;

/// A network on its way through digits.
pub struct MnistTask<'a> {
    cpu: &'a Cpu,
    config: &'a MnistConfig,
    digits: &'a Digits,
    network: Network,
    /// The momentum of each parameter.
    accumulators: Vec<Buffer>,
    images: Buffer,
    labels: Vec<u32>,
    last: Last,
}

/// What the last step and the last line of progress have measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Last {
    loss: f64,
    minibatch_error: f64,
    validation_error: f64,
}

impl<'a> MnistTask<'a> {
    /// A task from the first step.
    ///
    /// # Errors
    /// When there are fewer examples than a batch has.
    pub fn new(
        cpu: &'a Cpu,
        config: &'a MnistConfig,
        digits: &'a Digits,
        network: Network,
    ) -> Result<Self> {
        let (batch, all) = (config.train.batch_size, digits.train.len());
        ensure!(
            all > batch,
            "{all} training images are not more than train.batch_size = {batch}; decrease it"
        );
        let accumulators = accumulators(&network);
        Ok(Self {
            cpu,
            config,
            digits,
            network,
            accumulators,
            images: Buffer::zeros(batch * IMAGE_BYTES),
            labels: vec![0; batch],
            last: Last::default(),
        })
    }

    fn dropout(&self, step: u64) -> (Stream, u64) {
        (Stream::new(self.config.seed, "dropout/fc1"), step)
    }

    fn examples(&self) -> usize {
        self.digits.train.len()
    }

    /// Measures the current batch again, after its step, as the reference's second
    /// `session.run` does: with the new parameters, under the next mask of dropout.
    fn measure_minibatch(&mut self, step: u64) -> Result<()> {
        let keep = self.dropout(step + 1);
        let logits = self.network.logits_in_training(self.cpu, &self.images, keep);
        let right = in_top_k(logits, &self.labels, 1).filter(|&right| right).count();
        self.last.minibatch_error = 100.0 - 100.0 * right as f64 / self.labels.len() as f64;
        let mut losses = vec![0.0; self.labels.len()];
        softmax::cross_entropy(self.cpu, logits, &self.labels, None, &mut losses);
        self.last.loss = mean(&losses) + self.l2_loss();
        ensure!(self.last.loss.is_finite(), "the loss is not finite");
        Ok(())
    }

    fn l2_loss(&self) -> f64 {
        f64::from(self.config.train.weight_decay) * self.network.l2_loss(self.cpu)
    }

    /// The learning rate as the reference prints it after step `step`: its counter has moved on.
    fn next_learning_rate(&self, step: u64) -> f64 {
        self.config.train.learning_rate_of(step + 1, self.examples())
    }

    fn score(&mut self, part: &Images, interrupt: &Interrupt) -> Result<Option<Score>> {
        let classes = class_names(self.network.classes());
        evaluate(self.cpu, &mut self.network, part, &classes, EVAL_BATCH, interrupt)
    }

    fn measured(phase: &'static str, score: &Score, line: String) -> Measured {
        let metrics = vec![("error", score.error_rate()), ("loss", score.mean_loss())];
        Measured { phase, metrics, line }
    }
}

impl Task for MnistTask<'_> {
    fn model(&self) -> &'static str {
        ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        (self.examples() / self.config.train.batch_size) as u64
    }

    fn total_steps(&self) -> u64 {
        self.config.train.steps(self.examples())
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("images", self.config.train.batch_size as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        let step = epoch * self.steps_per_epoch();
        let rate = self.config.train.learning_rate_of(step, self.examples());
        format!("Epoch: {} Learning rate: {rate:.6}", epoch + 1)
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let train = &self.config.train;
        let first = train.offset(step, self.examples());
        let range = first..first + train.batch_size;
        self.digits.train.fill(range, &mut self.images, &mut self.labels);
        let keep = self.dropout(step);
        let losses = self.network.gradients(self.cpu, &self.images, &self.labels, Some(keep));
        self.last.loss = mean(losses) + self.l2_loss();
        ensure!(self.last.loss.is_finite(), "the loss is not finite");
        for parameter in self.network.parameters() {
            if !norm::sum_of_squares(self.cpu, &parameter.gradient).is_finite() {
                bail!("the gradient of {} is not finite", parameter.name());
            }
        }
        let rate = train.learning_rate_of(step, self.examples());
        descend(self.cpu, train, &self.network, &mut self.accumulators, rate)
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
        step.is_multiple_of(self.config.train.eval_frequency)
    }

    fn report(&mut self, Progress { step, rate, .. }: Progress) -> Result<String> {
        self.measure_minibatch(step)?;
        let never = Interrupt::default();
        let valid = self.score(&self.digits.valid, &never)?;
        self.last.validation_error = valid.map_or(f64::NAN, |score| score.error_rate());
        let train = &self.config.train;
        let Last { loss, minibatch_error, validation_error } = self.last;
        Ok(format!(
            "Step {step} (epoch {:.2}), {:.1} ms\n\
             Minibatch loss: {loss:.3}, learning rate: {:.6}\n\
             Minibatch error: {minibatch_error:.1}%\n\
             Validation error: {validation_error:.1}%",
            step as f64 * train.batch_size as f64 / self.examples() as f64,
            1e3 * train.batch_size as f64 / rate,
            self.next_learning_rate(step)
        ))
    }

    fn end_epoch(&mut self, epoch: u64, interrupt: &Interrupt) -> Result<Option<EpochEnd>> {
        let Some(score) = self.score(&self.digits.valid, interrupt)? else { return Ok(None) };
        let error = score.error_rate();
        let line = format!("Epoch: {} Validation error: {error:.2}%", epoch + 1);
        let measured = vec![Self::measured("valid", &score, line)];
        Ok(Some(EpochEnd { measured, score: Some(error) }))
    }

    fn finish(&mut self, interrupt: &Interrupt) -> Result<Option<Vec<Measured>>> {
        let Some(score) = self.score(&self.digits.test, interrupt)? else { return Ok(None) };
        let line = format!("Test error: {:.1}%", score.error_rate());
        Ok(Some(vec![Self::measured("test", &score, line)]))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let parameters = self.network.parameters();
        let mut tensors = weights::of(&parameters)?;
        for (parameter, accumulator) in parameters.iter().zip(&self.accumulators) {
            let tensor = Tensor::from_slice(accumulator, parameter.shape(), &Device::Cpu)?;
            tensors.push((momentum_of(parameter.name()), tensor));
        }
        Ok(tensors)
    }

    fn state(&self) -> Map<String, Value> {
        // The stream is a function of seed and step; the cursor is the step too.
        Map::from_iter([
            ("seed".to_string(), self.config.seed.into()),
            ("classes".to_string(), json!(class_names(self.network.classes()))),
            ("last".to_string(), json!(self.last)),
        ])
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        let last = state.get("last").context("the checkpoint holds no losses")?;
        self.last = serde_json::from_value(last.clone())?;
        let parameters = self.network.parameters();
        weights::load(ENTRY.name, &parameters, checkpoint)?;
        for (parameter, accumulator) in parameters.into_iter().zip(&mut self.accumulators) {
            let values = weights::values(checkpoint, &momentum_of(parameter.name()))?;
            accumulator.copy_from_slice(&values);
        }
        Ok(())
    }
}

/// One update of every parameter, each with its accumulator.
///
/// # Errors
/// What Candle reports of the storage.
pub fn descend(
    cpu: &Cpu,
    train: &Train,
    network: &Network,
    accumulators: &mut [Buffer],
    rate: f64,
) -> Result<()> {
    for (parameter, accumulator) in network.parameters().into_iter().zip(accumulators) {
        let weight_decay = if Network::decays(parameter) { train.weight_decay } else { 0.0 };
        let rule = Momentum { rate: rate as f32, momentum: train.momentum, weight_decay };
        parameter.update(|weights, gradient| {
            descend_by(cpu, rule, weights, accumulator, gradient);
        })?;
    }
    Ok(())
}

/// An accumulator of zeros for every parameter.
pub fn accumulators(network: &Network) -> Vec<Buffer> {
    network.parameters().iter().map(|parameter| Buffer::zeros(parameter.len())).collect()
}

fn mean(losses: &[f32]) -> f64 {
    losses.iter().copied().map(f64::from).sum::<f64>() / losses.len() as f64
}

fn momentum_of(parameter: &str) -> String {
    format!("momentum/{parameter}")
}
