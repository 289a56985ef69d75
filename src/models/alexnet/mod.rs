//! The convolutions of AlexNet, timed as by TensorFlow's `alexnet_benchmark.py`.

mod bench;
mod network;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, Length, Verb, to_toml};
use crate::config::{Invalid, Preset, in_range, keys};

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "alexnet",
    about: "The convolutional layers of AlexNet, forward and backward, for benchmarking",
    default_preset: "alexnet",
    presets: &[preset!("alexnet")],
    verbs: &[Verb {
        name: "bench",
        about: "Times the forward and the forward-backward pass, and each layer",
        args: bench::args,
        run: bench::run,
    }],
    examples: "",
    metrics: &[],
    scores: &[],
    resumable_keys: &[],
    data_paths: &[],
    own_data: &[],
    is_split_by_seed: false,
    describe: |entry, name, sets| {
        let loaded = entry.load::<AlexnetConfig>(name, sets)?;
        Ok((loaded.name, Some(network::describe(&loaded.config)?)))
    },
    to_toml: to_toml::<AlexnetConfig>,
    keys: keys::<AlexnetConfig>,
    length: Length { epochs: None, steps: None },
};

/// What to time; the default is the reference's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct AlexnetConfig {
    /// The model's name.
    pub model: String,
    /// The seed of images and parameters.
    pub seed: u64,
    /// Batch size.
    pub batch_size: usize,
    /// Number of batches to time.
    pub num_batches: u64,
    /// Whether to apply the paper's local response normalisation after the first two convolutions.
    pub lrn: bool,
}

impl Default for AlexnetConfig {
    fn default() -> Self {
        let model = ENTRY.name.to_string();
        Self { model, seed: 1, batch_size: 128, num_batches: 100, lrn: false }
    }
}

impl crate::config::Config for AlexnetConfig {
    fn validate(&self) -> Result<(), Invalid> {
        in_range("batch_size", self.batch_size, 1, 4_096)?;
        in_range("num_batches", self.num_batches, 1, 1_000_000)
    }
}
