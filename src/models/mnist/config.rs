//! The config of the MNIST model.

use serde::{Deserialize, Serialize};

use crate::config::{Invalid, at_least, divides, in_range, one_of, positive};
use crate::models::Entry;
use crate::models::run_config::{RunConfig, Settings};

/// A whole experiment. The seed is that of the initial parameters and of dropout.
pub type MnistConfig = RunConfig<MnistSettings>;

/// The model's own tables; the default is the reference's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MnistSettings {
    /// The digits.
    pub data: Data,
    /// How it is trained.
    pub train: Train,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// "mnist", "drawn" for digits that the program draws itself, or "fake" for the
    /// reference's black and white images.
    pub source: String,
    /// Training images that are held out for validation, the first ones.
    pub validation_size: usize,
    /// Images that are drawn or faked for training and validation together.
    pub made_examples: usize,
}

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Images of a step, all towers together.
    pub batch_size: usize,
    /// Equal parts of a batch, each on a group of threads of its own.
    pub towers: usize,
    /// Epochs in all.
    pub num_epochs: u64,
    /// The learning rate of the first epoch.
    pub learning_rate: f64,
    /// What the learning rate is multiplied by after each epoch.
    pub lr_decay: f64,
    /// The share of the last update that stays in the next.
    pub momentum: f32,
    /// λ of the loss λ/2 Σ w² over the parameters of the dense layers.
    pub weight_decay: f32,
    /// Steps from one line of progress, with its validation error, to the next.
    pub eval_frequency: u64,
}

impl Default for Data {
    fn default() -> Self {
        let source = "mnist".to_string();
        Self { source, validation_size: 5_000, made_examples: 20_000 }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            batch_size: 64,
            towers: 1,
            num_epochs: 10,
            learning_rate: 0.01,
            lr_decay: 0.95,
            momentum: 0.9,
            weight_decay: 5e-4,
            eval_frequency: 100,
        }
    }
}

impl Settings for MnistSettings {
    const ENTRY: &'static Entry = &super::ENTRY;

    fn validate(&self) -> Result<(), Invalid> {
        one_of("data.source", &self.data.source, &["mnist", "drawn", "fake"])?;
        in_range("data.validation_size", self.data.validation_size, 1, 1_000_000)?;
        in_range("data.made_examples", self.data.made_examples, 2, 10_000_000)?;
        self.train.validate()
    }
}

impl Train {
    fn validate(&self) -> Result<(), Invalid> {
        in_range("train.batch_size", self.batch_size, 1, 65_536)?;
        in_range("train.towers", self.towers, 1, 1_024)?;
        divides("train.towers", self.towers, "train.batch_size", self.batch_size)?;
        in_range("train.num_epochs", self.num_epochs, 1, 1_000_000)?;
        at_least("train.learning_rate", self.learning_rate, 0.0)?;
        positive("train.lr_decay", self.lr_decay)?;
        in_range("train.momentum", f64::from(self.momentum), 0.0, 1.0)?;
        at_least("train.weight_decay", f64::from(self.weight_decay), 0.0)?;
        at_least("train.eval_frequency", self.eval_frequency, 1)
    }

    /// The learning rate of a step, counted from 0, with `examples` an epoch: it falls in
    /// stairs.
    pub fn learning_rate_of(&self, step: u64, examples: usize) -> f64 {
        let epoch = step * self.batch_size as u64 / examples as u64;
        self.learning_rate * self.lr_decay.powf(epoch as f64)
    }

    /// Steps of the whole run with `examples` an epoch.
    pub fn steps(&self, examples: usize) -> u64 {
        (self.num_epochs * examples as u64 / self.batch_size as u64).max(1)
    }

    /// The first example of a step's batch: the reference goes through the examples in their
    /// order, without shuffling.
    pub fn offset(&self, step: u64, examples: usize) -> usize {
        let room = (examples - self.batch_size).max(1) as u64;
        (step * self.batch_size as u64 % room) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_offsets_and_rates_are_those_of_the_reference() {
        let train = Train::default();
        assert_eq!(train.steps(55_000), 8_593);
        // (858 · 64) % (55000 - 64) and the step after
        assert_eq!((train.offset(858, 55_000), train.offset(859, 55_000)), (54_912, 40));
        let rate = |step| train.learning_rate_of(step, 55_000);
        assert_eq!((rate(0), rate(859)), (0.01, 0.01));
        assert!((rate(860) - 0.0095).abs() < 1e-12);
    }
}
