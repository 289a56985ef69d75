//! Frozen TensorFlow 1 classifiers, above all the Inception-v3 of 2015 (Szegedy et al., arXiv
//! 1512.00567), which the reference's `classify_image.py` uses.
//!
//! ```text
//! FrozenGraph → Program     program.rs    what has to be computed, in stages
//!   feeds.rs                values that the user gives
//!   branches.rs             branches that are chosen before
//!   constants.rs            constants, and what depends only on them
//!   layer.rs                which nodes are layers of nn
//!   importer.rs             a stage of layers as a graph of nn
//!   evaluate/               every other node, one by one
//! Program → Runner          runner.rs     running the stages, one network per size
//! EntryPoint                entry_point.rs  where images enter, and their preprocessing
//! PictureGraph              pictures.rs   a row of numbers for each image
//!   retrain/                the user's own classes: a last layer on those rows
//! Scorer                    scorer.rs     how probable each class is
//! ```

mod branches;
mod constants;
pub mod demo;
mod entry_point;
pub mod evaluate;
mod feeds;
mod importer;
mod labels;
mod layer;
mod layout;
mod options;
mod pictures;
mod program;
mod retrain;
mod runner;
mod scorer;
mod scores;
pub mod show;
#[cfg(test)]
mod small_graphs;
mod verbs;

pub use options::local_path;
use retrain::{Inception, InceptionConfig};

use super::verbs::{plot, train, verify};
use super::{Better, Entry, Length, to_toml};
use crate::config::{Preset, keys};

const EXAMPLES: &str = "Examples:
  tfm data make inception-demo && tfm train inception --config inception-demo
                                                   seconds, needs no download
  tfm train inception --set data.images=DIR        your own classes: one folder of images per class
  tfm train inception --set data.images=DIR --set data.graph=mobilenet.pb
  tfm train inception --resume                     continues after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "inception",
    about: "Frozen TensorFlow image classifiers, above all the Inception-v3 of 2015",
    default_preset: "inception",
    presets: &[preset!("inception"), preset!("inception-demo")],
    verbs: &[
        train::verb::<Inception>(
            "Trains a classifier of your own classes on top of a frozen graph",
        ),
        verbs::bench::VERB,
        verbs::embed::VERB,
        verbs::eval::VERB,
        verbs::export::VERB,
        verbs::predict::VERB,
        verbs::query::VERB,
        verify::verb::<Inception>(),
        plot::verb::<Inception>(),
    ],
    examples: EXAMPLES,
    metrics: &[("accuracy", Better::Higher), ("cross_entropy", Better::Lower)],
    scores: &["valid_accuracy", "test_accuracy"],
    resumable_keys: &["train.max_steps"],
    data_paths: &["data.images", "data.graph"],
    own_data: &[],
    is_split_by_seed: false,
    describe: |entry, name, sets| Ok((entry.load::<InceptionConfig>(name, sets)?.name, None)),
    to_toml: to_toml::<InceptionConfig>,
    keys: keys::<InceptionConfig>,
    length: Length { epochs: None, steps: Some("train.max_steps") },
};
