//! Frozen TensorFlow 1 classifiers, above all the Inception-v3 of 2015 (Szegedy et al., arXiv
//! 1512.00567), which the reference's `classify_image.py` uses.
//!
//! ```text
//! FrozenGraph → Program     program.rs    what has to be computed, in stages
//!   constants.rs            constants, and what depends on them alone
//!   layer.rs                which nodes are layers of nn
//!   importer.rs             a stage of layers as a graph of nn
//!   evaluate/               every other node, one by one
//! Program → Runner          runner.rs     the stages at work, a network for each size
//! EntryPoint                entry_point.rs  where pictures enter, and how they are made ready
//! PictureGraph              pictures.rs   a row of numbers for each picture
//! ```

mod constants;
pub mod demo;
mod entry_point;
pub mod evaluate;
mod importer;
mod labels;
mod layer;
mod options;
mod pictures;
mod program;
mod runner;
mod scores;
pub mod show;
mod verbs;

pub use options::local_path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, Length, to_toml};
use crate::config::{Invalid, Preset, keys};

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "inception",
    about: "Frozen TensorFlow classifiers, above all the Inception-v3 of 2015",
    default_preset: "inception",
    presets: &[preset!("inception")],
    verbs: &[
        verbs::bench::VERB,
        verbs::embed::VERB,
        verbs::eval::VERB,
        verbs::predict::VERB,
        verbs::query::VERB,
    ],
    examples: "",
    metrics: &[],
    scores: &[],
    resumable_keys: &[],
    data_paths: &[],
    describe: |entry, name, sets| Ok((entry.load::<InceptionConfig>(name, sets)?.name, None)),
    to_toml: to_toml::<InceptionConfig>,
    keys: keys::<InceptionConfig>,
    length: Length { epochs: None, steps: None },
};

/// The network is in the file of a graph, so that there is nothing to set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct InceptionConfig {
    /// The model's name.
    pub model: String,
}

impl Default for InceptionConfig {
    fn default() -> Self {
        Self { model: ENTRY.name.to_string() }
    }
}

impl crate::config::Config for InceptionConfig {
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}
