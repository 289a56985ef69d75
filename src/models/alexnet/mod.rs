//! The convolutions of AlexNet, timed as by TensorFlow's `alexnet_benchmark.py`.

mod config;
mod layers;
mod network;
mod verbs;

use super::{Entry, Verb};
use crate::config::{Preset, load, to_toml};
use config::AlexnetConfig;

/// The preset that is used where no config is named.
const DEFAULT_PRESET: &str = "alexnet";

/// The configs that are compiled in.
const PRESETS: &[Preset] = &[preset!("alexnet")];

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "alexnet",
    about: "The convolutions of AlexNet, forward and backward, to be timed",
    default_preset: DEFAULT_PRESET,
    presets: PRESETS,
    verbs: &[Verb {
        name: "bench",
        about: "Times the forward and the forward-backward pass, and each layer",
        args: verbs::bench::args,
        run: verbs::bench::run,
    }],
    metrics: &[],
    show: |name, sets| to_toml(&load::<AlexnetConfig>(name, DEFAULT_PRESET, PRESETS, sets)?.config),
};
