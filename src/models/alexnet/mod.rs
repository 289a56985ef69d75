//! The convolutions of AlexNet, timed as by TensorFlow's `alexnet_benchmark.py`.

mod bench;
mod config;
mod network;

use super::{Entry, Length, Verb, to_toml};
use crate::config::{Preset, keys};
use config::AlexnetConfig;

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "alexnet",
    about: "The convolutions of AlexNet, forward and backward, to be timed",
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
    describe: |entry, name, sets| {
        let loaded = entry.load::<AlexnetConfig>(name, sets)?;
        Ok((loaded.name, Some(network::describe(&loaded.config)?)))
    },
    to_toml: to_toml::<AlexnetConfig>,
    keys: keys::<AlexnetConfig>,
    length: Length { epochs: None, steps: None },
};
