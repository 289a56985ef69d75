//! How a model is trained as its reference does it, and in which words.

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Batch, Config, Data, PictureModel, PictureSettings, Score, Trainer};
use crate::data::Split;
use crate::train::Progress;

/// Makes the batch of a step, wherever it is called.
pub type MakeBatch = dyn Fn(u64, &mut Batch) + Send + Sync;

/// What a run of a model is trained by.
pub struct Run<'a, M: PictureModel> {
    /// Its config.
    pub config: &'a Config<M>,
    /// Its pictures.
    pub pictures: &'a Data<M>,
}

impl<M: PictureModel> Run<'_, M> {
    /// ImageDataset of an epoch.
    pub fn examples(&self) -> usize {
        self.pictures.train.images.len()
    }

    /// ImageDataset of a step.
    pub fn batch_size(&self) -> usize {
        self.config.descent().batch_size
    }

    /// The learning rate of a step.
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.config.learning_rate(step, self.examples())
    }
}

/// What is a model's own in its training: where its batches come from, what is measured on the
/// way, and in which words. The value holds what was measured; checkpoints keep it.
pub trait Recipe<M: PictureModel>: Default + Serialize + DeserializeOwned {
    /// Decimals of the learning rate in the line that an epoch begins with.
    const RATE_DECIMALS: usize;

    /// What makes the batches.
    ///
    /// # Errors
    /// Examples that have no order.
    fn batches(run: &Run<M>) -> Result<Box<MakeBatch>>;
    /// Takes in the cross-entropy of a step, and with the L2 loss.
    fn take(&mut self, cross_entropy: f64, loss: f64);
    /// The loss that a bar shows.
    fn loss(&self) -> f64;
    /// What is recorded after step `step`.
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
    /// The score that the model is judged by; the first of its `metrics` in the registry.
    fn metric(score: &Score) -> f64;
    /// The metric of a split in words.
    fn in_words(split: Split, metric: f64) -> String;
    /// The step after which the test pictures were classified last, where epochs end with that.
    fn tested(&mut self) -> Option<&mut u64> {
        None
    }
}
