//! The config of the AlexNet benchmark.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ENTRY;
use crate::config::{Invalid, in_range};

/// What is timed; the default is the reference's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlexnetConfig {
    /// The model's name.
    pub model: String,
    /// The seed of images and parameters.
    pub seed: u64,
    /// Images of a batch.
    pub batch_size: usize,
    /// Batches that are timed.
    pub num_batches: u64,
    /// The paper's local response normalisation after the first two convolutions.
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
