//! The LeNet-like network of TensorFlow's `convolutional.py` on handwritten digits.

mod config;
mod model;
mod network;
mod recipe;

#[cfg(test)]
mod tests;

use super::classify::verbs;
use super::describe::describe;
use super::{Better, Entry, Length, to_toml};
use crate::config::{Preset, keys};
use config::MnistConfig;
use model::Mnist;

pub use network::logits;

const EXAMPLES: &str = "Examples:
  tfm train mnist --config mnist-demo        a minute, needs no data
  tfm train mnist --config mnist-self-test   seconds, needs no data
  tfm train mnist                            ten epochs of MNIST (tfm data fetch mnist)
  tfm train mnist --resume                   goes on after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "mnist",
    about: "The LeNet-like network on handwritten digits",
    default_preset: "mnist",
    presets: &[preset!("mnist"), preset!("mnist-demo"), preset!("mnist-self-test")],
    verbs: &verbs::all::<Mnist>("Trains the network on digits"),
    examples: EXAMPLES,
    metrics: &[("error", Better::Lower), ("cross_entropy", Better::Lower)],
    scores: &["valid_error", "test_error"],
    resumable_keys: &["train.num_epochs"],
    data_paths: &[],
    describe: describe::<Mnist>,
    to_toml: to_toml::<MnistConfig>,
    keys: keys::<MnistConfig>,
    length: Length { epochs: Some("train.num_epochs"), steps: None },
};
