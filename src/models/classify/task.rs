//! Trainer of classifiers, as the loop of [`crate::train`] sees it.

use anyhow::{Result, ensure};
use candle_core::Tensor;
use serde_json::{Map, Value, json};

use super::{Classifier, Examples, Score, evaluate};
use crate::checkpoint::Checkpoint;
use crate::metrics::Summary;
use crate::models::{Entry, weights};
use crate::nn::optimizer::Optimizer;
use crate::nn::{Mode, Parameter, Replicas};
use crate::ops::{Buffer, Cpu};
use crate::train::{EpochEnd, Interrupt, Measured, Progress, Task};

/// Images that are classified at a time.
pub const EVAL_BATCH: usize = 250;

/// What is a model's own in the training of a classifier: where its batches come from, its rates,
/// when it is evaluated, and in which words it is reported.
pub trait Recipe {
    /// The model in the registry.
    const ENTRY: &'static Entry;

    /// Images of a step.
    fn batch_size(&self) -> usize;
    /// Steps of an epoch.
    fn steps_per_epoch(&self) -> u64;
    /// Steps of the whole run.
    fn total_steps(&self) -> u64;
    /// The learning rate of a step.
    fn learning_rate(&self, step: u64) -> f64;
    /// λ of the loss λ/2 Σ w² over the parameters that decay.
    fn weight_decay(&self) -> f32;
    /// The batch of a step.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    fn batch(&mut self, step: u64) -> Result<&Batch>;
    /// Takes in the cross-entropy of a step, and with the L2 loss.
    fn take(&mut self, cross_entropy: f64, loss: f64);
    /// The line that an epoch begins with.
    fn begin_epoch(&self, epoch: u64) -> String;
    /// As [`Task::progress`].
    fn progress(&self) -> Vec<(&'static str, f64)>;
    /// As [`Task::record`].
    fn record(&self, step: u64) -> Vec<(&'static str, f64)>;
    /// As [`Task::is_reported`].
    fn is_reported(&self, step: u64) -> bool;
    /// As [`Task::report`].
    ///
    /// # Errors
    /// Whatever keeps it from being computed.
    fn report(&mut self, on: &mut Trainer, progress: Progress) -> Result<String>;
    /// As [`Task::summaries`].
    ///
    /// # Errors
    /// Whatever keeps them from being computed.
    fn summaries(&mut self, _: &mut Trainer, _step: u64) -> Result<Vec<Summary>> {
        Ok(Vec::new())
    }
    /// As [`Task::end_epoch`].
    ///
    /// # Errors
    /// Whatever keeps the evaluation from its end.
    fn end_epoch(
        &mut self,
        on: &mut Trainer,
        epoch: u64,
        interrupt: &Interrupt,
    ) -> Result<Option<EpochEnd>>;
    /// As [`Task::finish`].
    ///
    /// # Errors
    /// Whatever keeps the evaluation from its end.
    fn finish(&mut self, on: &mut Trainer, interrupt: &Interrupt) -> Result<Option<Vec<Measured>>>;
    /// Meters, for the checkpoint.
    fn state(&self) -> Map<String, Value>;
    /// Takes over what [`Recipe::state`] has given.
    ///
    /// # Errors
    /// When something is missing.
    fn restore(&mut self, state: &Map<String, Value>) -> Result<()>;
}

/// Images with labels.
#[derive(Debug, Default)]
pub struct Batch {
    /// (batch, …)
    pub images: Buffer,
    /// (batch)
    pub labels: Vec<u32>,
}

impl Batch {
    /// Room for `batch` images of `values` values.
    pub fn zeros(batch: usize, values: usize) -> Self {
        Self { images: Buffer::zeros(batch * values), labels: vec![0; batch] }
    }
}

/// A classifier in training.
pub struct Trainer<'a> {
    /// Threads and instruction level.
    pub cpu: &'a Cpu,
    /// The classifier.
    pub classifier: Classifier,
    /// The same with the moving averages of its parameters, where there are any.
    averaged: Option<Classifier>,
    replicas: Replicas,
    optimizer: Optimizer,
    seed: u64,
    classes: Vec<String>,
}

impl<'a> Trainer<'a> {
    /// A classifier at its first step, trained by `optimizer` in `towers` equal parts of a batch.
    ///
    /// # Errors
    /// When the threads of the towers cannot be started.
    pub fn new(
        cpu: &'a Cpu,
        classifier: Classifier,
        optimizer: Optimizer,
        towers: usize,
        seed: u64,
        classes: Vec<String>,
    ) -> Result<Self> {
        let replicas = Replicas::new(cpu, &classifier.network, towers)?;
        let averages = optimizer.averages();
        let averaged = (!averages.is_empty()).then(|| classifier.with_values(averages));
        Ok(Self { cpu, classifier, averaged, replicas, optimizer, seed, classes })
    }

    /// Classifies `examples`, by the moving averages where there are any. `None` when `interrupt`
    /// came.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn score(
        &mut self,
        examples: &impl Examples,
        interrupt: &Interrupt,
    ) -> Result<Option<Score>> {
        let classifier = self.averaged.as_mut().unwrap_or(&mut self.classifier);
        evaluate(self.cpu, classifier, examples, &self.classes, EVAL_BATCH, interrupt)
    }

    /// λ/2 Σ w² over the parameters that decay.
    pub fn l2_loss(&self, weight_decay: f32) -> f64 {
        f64::from(weight_decay) * self.classifier.network.l2_loss(self.cpu)
    }

    /// The mean cross-entropy of a batch, and its gradients in the network.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn gradients(&mut self, batch: &Batch, step: u64) -> Result<f64> {
        let count = batch.labels.len();
        let mode = Mode::Gradients { step, scale: 1.0 / count as f32 };
        let feed = self.classifier.feed(&batch.images, &batch.labels);
        let Classifier { network, losses, .. } = &mut self.classifier;
        let sum = self.replicas.gradients(self.cpu, network, mode, *losses, feed)?;
        Ok(sum / count as f64)
    }

    /// Changes the parameters by the gradients of the last batch.
    ///
    /// # Errors
    /// A gradient that is not finite, by its parameter's name.
    pub fn update(&mut self, rate: f64, step: u64) -> Result<()> {
        let network = &self.classifier.network;
        let (parameters, gradients) = (network.parameters(), network.gradients());
        self.optimizer.step(self.cpu, parameters, gradients, rate, step)
    }

    /// The moving averages of the parameters, where there are any.
    pub fn averages(&self) -> &[Parameter] {
        self.optimizer.averages()
    }

    fn tensors(&self) -> Vec<&Parameter> {
        let parameters = self.classifier.network.parameters().iter();
        parameters.chain(self.optimizer.state()).collect()
    }
}

/// A classifier on its way through the batches of a recipe.
pub struct ClassifierTask<'a, R> {
    pub(in crate::models) on: Trainer<'a>,
    pub(in crate::models) recipe: R,
}

impl<R: Recipe> Task for ClassifierTask<'_, R> {
    fn model(&self) -> &'static str {
        R::ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        self.recipe.steps_per_epoch()
    }

    fn total_steps(&self) -> u64 {
        self.recipe.total_steps()
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("images", self.recipe.batch_size() as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        self.recipe.begin_epoch(epoch)
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let cross_entropy = self.on.gradients(self.recipe.batch(step)?, step)?;
        let loss = cross_entropy + self.on.l2_loss(self.recipe.weight_decay());
        ensure!(loss.is_finite(), "the loss is not finite");
        self.recipe.take(cross_entropy, loss);
        self.on.update(self.recipe.learning_rate(step), step)
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        self.recipe.progress()
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        self.recipe.record(step)
    }

    fn is_reported(&self, step: u64) -> bool {
        self.recipe.is_reported(step)
    }

    fn report(&mut self, progress: Progress) -> Result<String> {
        self.recipe.report(&mut self.on, progress)
    }

    fn summaries(&mut self, step: u64) -> Result<Vec<Summary>> {
        self.recipe.summaries(&mut self.on, step)
    }

    fn end_epoch(&mut self, epoch: u64, interrupt: &Interrupt) -> Result<Option<EpochEnd>> {
        self.recipe.end_epoch(&mut self.on, epoch, interrupt)
    }

    fn finish(&mut self, interrupt: &Interrupt) -> Result<Option<Vec<Measured>>> {
        self.recipe.finish(&mut self.on, interrupt)
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        weights::of(&self.on.tensors())
    }

    fn state(&self) -> Map<String, Value> {
        // The streams are functions of seed and step; the cursor is the step too.
        let mut state = self.recipe.state();
        state.insert("seed".to_string(), self.on.seed.into());
        state.insert("classes".to_string(), json!(self.on.classes));
        state
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        self.recipe.restore(state)?;
        weights::load(self.model(), &self.on.tensors(), checkpoint)
    }
}
