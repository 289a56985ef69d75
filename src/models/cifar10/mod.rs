//! The network of TensorFlow's CIFAR-10 tutorial on small pictures.

mod averages;
mod benchmark;
mod config;
mod experiment;
mod network;
mod pictures;
mod summaries;
mod task;
mod towers;

#[cfg(test)]
mod tests;

use super::classify::verbs::{eval, predict};
use super::verbs::{bench, plot, train, verify};
use super::{Better, Entry, Verb};
use crate::config::{Preset, load, to_toml};
use config::Cifar10Config;
use experiment::Cifar10;

/// The preset that is used where no config is named.
const DEFAULT_PRESET: &str = "cifar10";

/// The configs that are compiled in.
const PRESETS: &[Preset] = &[preset!("cifar10"), preset!("cifar10-demo")];

const METRICS: &[(&str, Better)] = &[("precision", Better::Higher), ("loss", Better::Lower)];

const EXAMPLES: &str = "Examples:
  tfm train cifar10 --config cifar10-demo    two minutes, needs no data
  tfm train cifar10                          100,000 steps of CIFAR-10 (tfm data fetch cifar10)
  tfm train cifar10 --set data.images=DIR    your own pictures, a folder a class
  tfm train cifar10 --resume                 goes on after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "cifar10",
    about: "The convolutional network of the CIFAR-10 tutorial on small pictures",
    default_preset: DEFAULT_PRESET,
    presets: PRESETS,
    verbs: &[
        Verb {
            name: "train",
            about: "Trains the network on pictures",
            args: |command| train::args(command, EXAMPLES),
            run: train::run::<Cifar10>,
        },
        Verb { name: "bench", about: bench::ABOUT, args: bench::args, run: bench::run::<Cifar10> },
        Verb { name: "eval", about: eval::ABOUT, args: eval::args, run: eval::run::<Cifar10> },
        Verb {
            name: "predict",
            about: predict::ABOUT,
            args: predict::args,
            run: predict::run::<Cifar10>,
        },
        Verb {
            name: "verify",
            about: verify::ABOUT,
            args: verify::args,
            run: |matches| verify::run("cifar10", METRICS, matches),
        },
        Verb {
            name: "plot",
            about: plot::ABOUT,
            args: plot::args,
            run: |matches| plot::run("cifar10", matches),
        },
    ],
    metrics: METRICS,
    show: |name, sets| to_toml(&load::<Cifar10Config>(name, DEFAULT_PRESET, PRESETS, sets)?.config),
};
