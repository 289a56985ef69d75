//! The config of the language model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, above_zero_up_to, at_least, divides, in_range, one_of, positive};
use crate::data::vocabulary::OutOfVocabulary;
use crate::models::Entry;
use crate::models::run_config::{RunConfig, Settings, Unused, check_optimizer};
use crate::nn::optimizer::OptimizerConfig;

/// A whole experiment. The seed is that of the initial parameters, of dropout and of generated
/// text.
pub type PtbConfig = RunConfig<PtbSettings>;

/// The model's own tables; the default is the reference's small model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PtbSettings {
    /// The network.
    pub network: Network,
    /// The texts.
    pub data: Data,
    /// The training.
    pub train: Train,
    /// The optimizer; the reference uses gradient descent.
    pub optimizer: OptimizerConfig,
}

/// The `[network]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Hidden units per LSTM layer, and the embedding size.
    pub hidden_size: usize,
    /// Number of LSTM layers.
    pub num_layers: usize,
    /// Parameters are initialised uniformly in ± this.
    pub init_scale: f32,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// "files", or "grammar" for generated text.
    pub source: String,
    /// The training text.
    pub train: String,
    /// The validation text.
    pub valid: String,
    /// The test text.
    pub test: String,
    /// What happens to words outside the vocabulary.
    pub oov: OutOfVocabulary,
    /// Maximum vocabulary size: keeps the most frequent words; 0 keeps all.
    pub max_vocab: usize,
    /// Size in words of the generated training text.
    pub grammar_words: usize,
}

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Batch size over all towers.
    pub batch_size: usize,
    /// Data parallelism: equal parts of a batch, each on its own group of threads.
    pub towers: usize,
    /// Unrolled time steps (truncated BPTT length).
    pub num_steps: usize,
    /// The probability that dropout keeps a value: 1 - the dropout rate.
    pub keep_prob: f32,
    /// The learning rate of the first `max_epoch` epochs.
    pub learning_rate: f64,
    /// Factor of the learning rate after each later epoch.
    pub lr_decay: f64,
    /// Epochs at the full learning rate.
    pub max_epoch: u64,
    /// Total number of epochs.
    pub max_max_epoch: u64,
    /// The maximum number of steps; 0: no limit.
    pub max_steps: u64,
    /// Gradients are clipped to this global norm.
    pub max_grad_norm: f64,
}

impl Default for Network {
    fn default() -> Self {
        Self { hidden_size: 200, num_layers: 2, init_scale: 0.1 }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self {
            source: "files".to_string(),
            train: "ptb.train.txt".to_string(),
            valid: "ptb.valid.txt".to_string(),
            test: "ptb.test.txt".to_string(),
            oov: OutOfVocabulary::Drop,
            max_vocab: 10_000,
            grammar_words: 200_000,
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            batch_size: 20,
            towers: 1,
            num_steps: 20,
            keep_prob: 1.0,
            learning_rate: 1.0,
            lr_decay: 0.5,
            max_epoch: 4,
            max_max_epoch: 13,
            max_steps: 0,
            max_grad_norm: 5.0,
        }
    }
}

impl Settings for PtbSettings {
    const ENTRY: &'static Entry = &super::ENTRY;
    const RETIRED: &'static [(&'static str, &'static str)] = &[("network.dtype", "f32")];

    fn validate(&self) -> Result<(), Invalid> {
        self.network.validate()?;
        self.data.validate()?;
        self.train.validate()?;
        check_optimizer(&self.optimizer)
    }

    fn unused(&self) -> Vec<Unused> {
        match &*self.data.source {
            "grammar" => {
                vec![("data.source = \"grammar\"", &["data.train", "data.valid", "data.test"])]
            }
            _ => vec![],
        }
    }
}

impl Network {
    fn validate(&self) -> Result<(), Invalid> {
        in_range("network.hidden_size", self.hidden_size, 1, 65_536)?;
        in_range("network.num_layers", self.num_layers, 1, 64)?;
        above_zero_up_to("network.init_scale", f64::from(self.init_scale), 1e3)
    }
}

impl Data {
    fn validate(&self) -> Result<(), Invalid> {
        one_of("data.source", &self.source, &["files", "grammar"])?;
        if self.max_vocab == 1 {
            return Err(Invalid::new("data.max_vocab", "must be 0 or at least 2"));
        }
        in_range("data.grammar_words", self.grammar_words, 1_000, 1_000_000_000)
    }
}

impl Train {
    fn validate(&self) -> Result<(), Invalid> {
        in_range("train.batch_size", self.batch_size, 1, 65_536)?;
        in_range("train.towers", self.towers, 1, 1_024)?;
        divides("train.towers", self.towers, "train.batch_size", self.batch_size)?;
        in_range("train.num_steps", self.num_steps, 1, 65_536)?;
        above_zero_up_to("train.keep_prob", f64::from(self.keep_prob), 1.0)?;
        at_least("train.learning_rate", self.learning_rate, 0.0)?;
        positive("train.lr_decay", self.lr_decay)?;
        in_range("train.max_max_epoch", self.max_max_epoch, 1, 1_000_000)?;
        positive("train.max_grad_norm", self.max_grad_norm)
    }

    /// The learning rate of an epoch, counted from 0.
    pub fn learning_rate_of(&self, epoch: u64) -> f64 {
        let decays = (epoch + 1).saturating_sub(self.max_epoch);
        self.learning_rate * self.lr_decay.powf(decays as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_follows_the_reference() {
        let train = Train { max_epoch: 4, lr_decay: 0.5, ..Default::default() };
        let rates: Vec<f64> = (0..7).map(|epoch| train.learning_rate_of(epoch)).collect();
        assert_eq!(rates, [1.0, 1.0, 1.0, 1.0, 0.5, 0.25, 0.125]);
    }
}
