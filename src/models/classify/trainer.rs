//! A classifier in training.

use anyhow::Result;

use super::{Classifier, LabelledInputs, PictureModel, PictureSettings, Score, evaluate};
use crate::nn::optimizer::{Method, Optimizer, OptimizerConfig, Settings};
use crate::nn::{Mode, Parameter, Replicas};
use crate::ops::{Buffer, Cpu};
use crate::train::ShutdownFlag;

/// Images that are classified at a time.
pub const EVAL_BATCH: usize = 250;

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
    /// The same with the moving averages of its parameters, if there are any.
    averaged: Option<Classifier>,
    replicas: Replicas,
    optimizer: Optimizer,
    weight_decay: f32,
    classes: Vec<String>,
}

impl<'a> Trainer<'a> {
    /// A classifier of `M` at its first step.
    ///
    /// # Errors
    /// When the threads of the towers cannot be started.
    pub fn new<M: PictureModel>(
        cpu: &'a Cpu,
        settings: &M::Settings,
        classifier: Classifier,
        classes: Vec<String>,
    ) -> Result<Self> {
        let descent = settings.descent();
        let (weight_decay, average_decay) = (descent.weight_decay, settings.average_decay());
        let optimizing = Settings { weight_decay, average_decay, max_norm: None };
        Self::of(cpu, classifier, classes, (settings.optimizer(), optimizing), descent.towers)
    }

    /// A classifier that `optimizer` trains, in that many towers.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn of(
        cpu: &'a Cpu,
        classifier: Classifier,
        classes: Vec<String>,
        (config, settings): (&OptimizerConfig, Settings),
        towers: usize,
    ) -> Result<Self> {
        let optimizer = Optimizer::new(config, settings, classifier.network.parameters())?;
        let replicas = Replicas::new(cpu, &classifier.network, towers)?;
        // Decoupled weight decay is not a part of the loss.
        let is_decoupled = config.name == Method::AdamW;
        let weight_decay = if is_decoupled { 0.0 } else { settings.weight_decay };
        let averages = optimizer.averages();
        let averaged = (!averages.is_empty()).then(|| classifier.with_values(averages));
        Ok(Self { cpu, classifier, averaged, replicas, optimizer, weight_decay, classes })
    }

    /// Classifies `examples`, by the moving averages where there are any. `None` when `shutdown`
    /// came.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn score(
        &mut self,
        examples: &impl LabelledInputs,
        shutdown: &ShutdownFlag,
    ) -> Result<Option<Score>> {
        let classifier = self.averaged.as_mut().unwrap_or(&mut self.classifier);
        evaluate(self.cpu, classifier, examples, &self.classes, EVAL_BATCH, shutdown)
    }

    /// Classifies a batch by the parameters themselves, in any mode.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn score_batch(&mut self, batch: &Batch, mode: Mode) -> Result<Score> {
        let mut score = Score::new(&self.classes);
        let feed = self.classifier.feed(&batch.images, &[]);
        let Classifier { network, logits, .. } = &mut self.classifier;
        score.add(self.cpu, 0, network.run(self.cpu, mode, *logits, feed)?, &batch.labels);
        Ok(score)
    }

    /// λ/2 Σ w² over the parameters that decay.
    pub fn l2_loss(&self) -> f64 {
        f64::from(self.weight_decay) * self.classifier.network.l2_loss(self.cpu)
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

    /// The moving averages of the parameters, if there are any.
    pub fn averages(&self) -> &[Parameter] {
        self.optimizer.averages()
    }

    /// Everything that a checkpoint keeps.
    pub fn tensors(&self) -> Vec<&Parameter> {
        let parameters = self.classifier.network.parameters().iter();
        parameters.chain(self.optimizer.state()).collect()
    }
}
