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
use super::experiment::{Metrics, show};
use super::verbs::{bench, plot, train, verify};
use super::{Better, Entry};
use crate::config::Preset;
use experiment::Mnist;

/// The preset that is used where no config is named.
const DEFAULT_PRESET: &str = "mnist";

/// The configs that are compiled in.
const PRESETS: &[Preset] = &[preset!("mnist"), preset!("mnist-demo"), preset!("mnist-self-test")];

const METRICS: Metrics = &[("error", Better::Lower), ("loss", Better::Lower)];

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
        train::verb::<Mnist>("Trains the network on digits", |command| {
            train::args(command, EXAMPLES)
        }),
        bench::verb::<Mnist>(),
        eval::verb::<Mnist>(),
        predict::verb::<Mnist>(),
        verify::verb::<Mnist>(),
        plot::verb::<Mnist>(),
    ],
    metrics: METRICS,
    show: show::<Mnist>,
};
