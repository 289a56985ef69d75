//! The LeNet-like network of TensorFlow's `convolutional.py` on handwritten digits.

mod benchmark;
mod config;
mod digits;
mod experiment;
mod network;
mod task;

#[cfg(test)]
mod tests;

use super::classify::verbs::{eval, predict};
use super::verbs::{bench, plot, train, verify};
use super::{Better, Entry, Verb};
use crate::config::{Preset, load, to_toml};
use config::MnistConfig;
use experiment::Mnist;

/// The preset that is used where no config is named.
const DEFAULT_PRESET: &str = "mnist";

/// The configs that are compiled in.
const PRESETS: &[Preset] = &[preset!("mnist"), preset!("mnist-demo"), preset!("mnist-self-test")];

const METRICS: &[(&str, Better)] = &[("error", Better::Lower), ("loss", Better::Lower)];

const EXAMPLES: &str = "Examples:
  tfm train mnist --config mnist-demo        a minute, needs no data
  tfm train mnist --config mnist-self-test   seconds, needs no data
  tfm train mnist                            ten epochs of MNIST (tfm data fetch mnist)
  tfm train mnist --resume                   goes on after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "mnist",
    about: "The LeNet-like network on handwritten digits",
    default_preset: DEFAULT_PRESET,
    presets: PRESETS,
    verbs: &[
        Verb {
            name: "train",
            about: "Trains the network on digits",
            args: |command| train::args(command, EXAMPLES),
            run: train::run::<Mnist>,
        },
        Verb { name: "bench", about: bench::ABOUT, args: bench::args, run: bench::run::<Mnist> },
        Verb { name: "eval", about: eval::ABOUT, args: eval::args, run: eval::run::<Mnist> },
        Verb {
            name: "predict",
            about: predict::ABOUT,
            args: predict::args,
            run: predict::run::<Mnist>,
        },
        Verb {
            name: "verify",
            about: verify::ABOUT,
            args: verify::args,
            run: |matches| verify::run("mnist", METRICS, matches),
        },
        Verb {
            name: "plot",
            about: plot::ABOUT,
            args: plot::args,
            run: |matches| plot::run("mnist", matches),
        },
    ],
    metrics: METRICS,
    show: |name, sets| to_toml(&load::<MnistConfig>(name, DEFAULT_PRESET, PRESETS, sets)?.config),
};
