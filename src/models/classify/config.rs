//! What the configs of all models of pictures have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, at_least, divides, in_range, positive};
use crate::data::Split;
use crate::models::run_config::Settings;
use crate::nn::optimizer::OptimizerConfig;

/// The keys of `[train]` that every model has; a field of the model's own, `serde(flatten)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Descent {
    /// ImageDataset of a step, all towers together.
    pub batch_size: usize,
    /// Equal parts of a batch, each on a group of threads of its own.
    pub towers: usize,
    /// The learning rate at the start.
    pub learning_rate: f64,
    /// What the learning rate is multiplied by at each decay.
    pub lr_decay: f64,
    /// λ of the loss λ/2 Σ w² over the parameters that decay.
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

/// A model's own tables, as the training that all models of pictures share asks them. An epoch has
/// `examples`.
pub trait PictureSettings: Settings {
    /// The keys that every model has.
    fn descent(&self) -> &Descent;
    /// The optimizer.
    fn optimizer(&self) -> &OptimizerConfig;
    /// The decay of the parameters' moving averages, where there are any.
    fn average_decay(&self) -> Option<f32> {
        None
    }
    /// Steps of the whole run.
    fn total_steps(&self, examples: usize) -> u64;
    /// Epochs of the whole run, where the config counts them; the last takes the steps that remain.
    fn epochs(&self) -> Option<u64> {
        None
    }
    /// The learning rate of a step, counted from 0.
    fn learning_rate(&self, step: u64, examples: usize) -> f64;
    /// Steps from one line of progress to the next.
    fn report_steps(&self) -> u64;
    /// What is classified at the end of an epoch; none where nothing is.
    fn judged_by(&self, epoch: u64) -> Option<Split>;
    /// The first training pictures, which are held out for validation.
    fn held_out(&self) -> usize {
        0
    }
    /// Threads that prepare batches beside the step.
    fn workers(&self) -> usize {
        0
    }
    /// Histograms and pictures for TensorBoard every so many steps; 0: none.
    fn summary_steps(&self) -> u64 {
        0
    }
}
