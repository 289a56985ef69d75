//! The config of the MNIST model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, at_least, in_range};
use crate::data::Split;
use crate::models::Entry;
use crate::models::classify::{Descent, PictureSettings};
use crate::models::run_config::{RunConfig, Settings, check_optimizer};
use crate::nn::optimizer::{Method, OptimizerConfig};

/// A whole experiment. The seed is that of the initial parameters and of dropout.
pub type MnistConfig = RunConfig<MnistSettings>;

/// The model's own tables; the default is the reference's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MnistSettings {
    /// The digits.
    pub data: Data,
    /// The training.
    pub train: Train,
    /// The optimizer; the reference uses gradient descent with momentum.
    pub optimizer: OptimizerConfig,
}

impl Default for MnistSettings {
    fn default() -> Self {
        let optimizer = OptimizerConfig { name: Method::Momentum, ..Default::default() };
        Self { data: Data::default(), train: Train::default(), optimizer }
    }
}

/// The source of the digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DigitSource {
    /// The MNIST data set.
    #[default]
    Mnist,
    /// Generated digits.
    #[serde(alias = "drawn")]
    Synthetic,
    /// The reference's black and white images.
    Fake,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// "mnist", "synthetic" for generated digits, or "fake" for the reference's black and white
    /// images.
    pub source: DigitSource,
    /// Number of training images held out for validation, from the start of the set.
    pub validation_size: usize,
    /// Number of synthetic or fake training images; validation images are added to these.
    pub n_synthetic: usize,
}

/// The `[train]` table. The parameters of the dense layers decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Train {
    /// The keys shared by all image models.
    #[serde(flatten)]
    pub descent: Descent,
    /// Total number of epochs.
    pub num_epochs: u64,
    /// Prints progress with the validation error every N steps.
    pub eval_frequency: u64,
}

impl Default for Data {
    fn default() -> Self {
        Self { source: DigitSource::Mnist, validation_size: 5_000, n_synthetic: 20_000 }
    }
}

impl Default for Train {
    fn default() -> Self {
        let descent = Descent {
            batch_size: 64,
            towers: 1,
            learning_rate: 0.01,
            lr_decay: 0.95,
            weight_decay: 5e-4,
        };
        Self { descent, num_epochs: 10, eval_frequency: 100 }
    }
}

impl Settings for MnistSettings {
    const ENTRY: &'static Entry = &super::ENTRY;
    const RENAMED: &'static [(&'static str, &'static str)] =
        &[("train.momentum", "optimizer.momentum"), ("data.made_examples", "data.n_synthetic")];

    fn validate(&self) -> Result<(), Invalid> {
        let Self { data, train, optimizer } = self;
        in_range("data.validation_size", data.validation_size, 1, 1_000_000)?;
        in_range("data.n_synthetic", data.n_synthetic, 2, 10_000_000)?;
        train.descent.validate()?;
        in_range("train.num_epochs", train.num_epochs, 1, 1_000_000)?;
        check_optimizer(optimizer)?;
        at_least("train.eval_frequency", train.eval_frequency, 1)
    }
}

impl PictureSettings for MnistSettings {
    fn descent(&self) -> &Descent {
        &self.train.descent
    }

    fn optimizer(&self) -> &OptimizerConfig {
        &self.optimizer
    }

    fn total_steps(&self, examples: usize) -> u64 {
        let Train { num_epochs, descent, .. } = &self.train;
        (num_epochs * examples as u64 / descent.batch_size as u64).max(1)
    }

    /// It falls in stairs, an epoch each.
    fn learning_rate(&self, step: u64, examples: usize) -> f64 {
        let Descent { batch_size, learning_rate, lr_decay, .. } = self.train.descent;
        let epoch = step * batch_size as u64 / examples as u64;
        learning_rate * lr_decay.powf(epoch as f64)
    }

    fn report_steps(&self) -> u64 {
        self.train.eval_frequency
    }

    /// The partial batches of all epochs add up to a few more steps, at the end of the last epoch.
    fn epochs(&self) -> Option<u64> {
        Some(self.train.num_epochs)
    }

    fn judged_by(&self, _: u64) -> Option<Split> {
        Some(Split::Valid)
    }

    fn held_out(&self) -> usize {
        self.data.validation_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_rates_are_those_of_the_reference() {
        let settings = MnistSettings::default();
        assert_eq!(settings.total_steps(55_000), 8_593);
        let rate = |step| settings.learning_rate(step, 55_000);
        assert_eq!((rate(0), rate(859)), (0.01, 0.01));
        assert!((rate(860) - 0.0095).abs() < 1e-12);
    }
}
