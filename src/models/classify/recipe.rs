//! The model-specific part of training, as in its reference, and the shared config keys.

use anyhow::Result;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Batch, Config, Data, PictureModel, Score, Trainer};
use crate::config::{Invalid, at_least, divides, in_range, positive};
use crate::data::Split;
use crate::models::run_config::Settings;
use crate::nn::optimizer::OptimizerConfig;
use crate::train::Progress;

/// Makes the batch of a step; may be called from any thread.
pub type MakeBatch = dyn Fn(u64, &mut Batch) + Send + Sync;

/// What a model's run trains with.
pub struct Run<'a, M: PictureModel> {
    /// Its config.
    pub config: &'a Config<M>,
    /// Its images.
    pub pictures: &'a Data<M>,
}

impl<M: PictureModel> Run<'_, M> {
    /// Images per epoch.
    pub fn examples(&self) -> usize {
        self.pictures.train.images.len()
    }

    /// Batch size.
    pub fn batch_size(&self) -> usize {
        self.config.descent().batch_size
    }

    /// The learning rate of a step.
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.config.learning_rate(step, self.examples())
    }
}

/// A model's own part of its training: its batches, its measurements, and the wording of its
/// progress. The value holds the measurements; checkpoints keep it.
pub trait Recipe<M: PictureModel>: Default + Serialize + DeserializeOwned {
    /// Decimals of the learning rate in the line that an epoch begins with.
    const RATE_DECIMALS: usize;

    /// The maker of the batches.
    ///
    /// # Errors
    /// Examples that have no order.
    fn batches(run: &Run<M>) -> Result<Box<MakeBatch>>;
    /// Records the cross-entropy of a step, and its loss with the L2 term.
    fn take(&mut self, cross_entropy: f64, loss: f64);
    /// The loss that a bar shows.
    fn loss(&self) -> f64;
    /// The record after step `step`.
    fn record(&self, run: &Run<M>, step: u64) -> Vec<(&'static str, f64)>;
    /// As [`Task::validation`](crate::train::Task::validation).
    fn validation(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
    /// The progress in words, in the reference's wording. What it takes to say them may be
    /// computed here, for [`Recipe::record`]; `batch` is that of the last step.
    ///
    /// # Errors
    /// Whatever keeps it from being computed.
    fn report(
        &mut self,
        run: &Run<M>,
        on: &mut Trainer,
        batch: &Batch,
        progress: Progress,
    ) -> Result<String>;
    /// The headline score of the model; the first of its `metrics` in the registry.
    fn metric(score: &Score) -> f64;
    /// The metric of a split in words.
    fn in_words(split: Split, metric: f64) -> String;
    /// The step of the last evaluation on the test images, if epochs end with one.
    fn tested(&mut self) -> Option<&mut u64> {
        None
    }
}

/// The keys of `[train]` that every image model has; flattened into the model's own table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Descent {
    /// Batch size over all towers.
    pub batch_size: usize,
    /// Data parallelism: equal parts of a batch, each on its own group of threads.
    pub towers: usize,
    /// The initial learning rate.
    pub learning_rate: f64,
    /// Factor of the learning rate at each decay.
    pub lr_decay: f64,
    /// Weight decay λ: an L2 term λ/2 Σ w² in the loss, over the parameters that decay; with adamw,
    /// decoupled weight decay.
    pub weight_decay: f32,
}

impl Descent {
    /// Checks the range of every value.
    ///
    /// # Errors
    /// The first value that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        in_range("train.batch_size", self.batch_size, 1, 65_536)?;
        in_range("train.towers", self.towers, 1, 1_024)?;
        divides("train.towers", self.towers, "train.batch_size", self.batch_size)?;
        at_least("train.learning_rate", self.learning_rate, 0.0)?;
        positive("train.lr_decay", self.lr_decay)?;
        at_least("train.weight_decay", f64::from(self.weight_decay), 0.0)
    }
}

/// What the shared training of image models reads from a model's config. `examples` is the number
/// of images per epoch.
pub trait PictureSettings: Settings {
    /// The keys that every image model has.
    fn descent(&self) -> &Descent;
    /// The optimizer.
    fn optimizer(&self) -> &OptimizerConfig;
    /// The decay of the moving averages (EMA) of the parameters, if there are any.
    fn average_decay(&self) -> Option<f32> {
        None
    }
    /// Total number of steps.
    fn total_steps(&self, examples: usize) -> u64;
    /// Total number of epochs, if the config counts them; the last takes the remaining steps.
    fn epochs(&self) -> Option<u64> {
        None
    }
    /// The learning rate of a step, counted from 0.
    fn learning_rate(&self, step: u64, examples: usize) -> f64;
    /// Steps between lines of progress.
    fn report_steps(&self) -> u64;
    /// The split that is evaluated at the end of an epoch, if any.
    fn judged_by(&self, epoch: u64) -> Option<Split>;
    /// The number of leading training images that are held out for validation.
    fn held_out(&self) -> usize {
        0
    }
    /// Threads that prepare batches in the background.
    fn workers(&self) -> usize {
        0
    }
    /// Writes histograms and images for TensorBoard every N steps; 0: none.
    fn summary_steps(&self) -> u64 {
        0
    }
}
