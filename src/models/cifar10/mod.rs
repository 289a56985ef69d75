//! The network of TensorFlow's CIFAR-10 tutorial on small pictures.

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
use config::Cifar10Config;
use model::Cifar10;

const EXAMPLES: &str = "Examples:
  tfm train cifar10 --config cifar10-demo    two minutes, needs no data
  tfm train cifar10                          100,000 steps of CIFAR-10 (tfm data fetch cifar10)
  tfm train cifar10 --set data.images=DIR    your own pictures, a folder a class
  tfm train cifar10 --resume                 goes on after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "cifar10",
    about: "The convolutional network of the CIFAR-10 tutorial on small pictures",
    default_preset: "cifar10",
    presets: &[preset!("cifar10"), preset!("cifar10-demo")],
    verbs: &verbs::all::<Cifar10>("Trains the network on pictures"),
    examples: EXAMPLES,
    metrics: &[("precision", Better::Higher), ("cross_entropy", Better::Lower)],
    scores: &["test_precision"],
    resumable_keys: &["train.max_steps", "train.workers", "eval"],
    data_paths: &["data.images"],
    describe: describe::<Cifar10>,
    to_toml: to_toml::<Cifar10Config>,
    keys: keys::<Cifar10Config>,
    length: Length { epochs: None, steps: Some("train.max_steps") },
};
