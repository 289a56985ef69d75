//! The registry of models: what each is called, what it can do, and its compiled-in presets.
//!
//! A new model is its folder, its configs, and a `mod` and a line in [`ALL`] here.

/// A config of the `configs` folder, compiled in.
macro_rules! preset {
    ($name:literal) => {
        Preset {
            name: $name,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/", $name, ".toml")),
        }
    };
}

pub mod alexnet;
pub mod cifar10;
pub mod classify;
pub mod experiment;
mod interrupted;
pub mod mnist;
pub mod options;
pub mod output;
mod plain;
pub mod ptb;
pub mod verbs;
mod weights;
pub mod word2vec;

#[cfg(test)]
pub(crate) mod fake;

use anyhow::Result;
use clap::{ArgMatches, Command};

use crate::config::Preset;
use experiment::Metrics;
pub use interrupted::Interrupted;

/// Every model, in alphabetic order.
pub const ALL: &[&Entry] =
    &[&alexnet::ENTRY, &cifar10::ENTRY, &mnist::ENTRY, &ptb::ENTRY, &word2vec::ENTRY];

/// What the command line knows of a model.
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line, in configs and in run folders.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// The name of the preset that is used where `--config` is not given.
    pub default_preset: &'static str,
    /// The configs that are compiled in.
    pub presets: &'static [Preset],
    /// What can be done with it.
    pub verbs: &'static [Verb],
    /// The names of its scores in the records of a run, such as `perplexity`, and which way
    /// each is better. A name may begin with the phase (`test_accuracy`) where the
    /// direction holds for that phase alone.
    pub metrics: Metrics,
    /// The resolved TOML of a config, after every check that needs neither data nor device.
    /// The first argument is the value of `--config`, the second the list of `--set`.
    pub show: fn(Option<&str>, &[String]) -> Result<String>,
}

/// Something that can be done with a model: `tfm <verb> <model>`.
#[derive(Debug)]
pub struct Verb {
    /// The name on the command line.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Adds the verb's arguments to the command of the model.
    pub args: fn(Command) -> Command,
    /// Does it.
    pub run: fn(&ArgMatches) -> Result<()>,
}

/// Which way a score is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The smaller the better, as a perplexity.
    Lower,
    /// The larger the better, as an accuracy.
    Higher,
}

impl Entry {
    /// The verb of that name, if the model has it.
    pub fn verb(&self, name: &str) -> Option<&'static Verb> {
        self.verbs.iter().find(|verb| verb.name == name)
    }
}

/// The model of that name, if there is one.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().copied().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entries: &[&Entry]) {
        assert!(entries.windows(2).all(|pair| pair[0].name < pair[1].name), "not alphabetic");
        for entry in entries {
            let model = entry.name;
            assert!(entry.presets.iter().any(|preset| preset.name == entry.default_preset));
            for preset in entry.presets {
                let name = preset.name;
                let own = name == model || name.starts_with(&format!("{model}-"));
                assert!(own, "preset {name} does not begin with {model}");
                assert!(preset.text.starts_with("# "), "preset {name} has no head comment");
                (entry.show)(Some(name), &[]).unwrap();
            }
            let mut verbs: Vec<_> = entry.verbs.iter().map(|verb| verb.name).collect();
            verbs.sort_unstable();
            verbs.dedup();
            assert_eq!(verbs.len(), entry.verbs.len(), "{model} has a verb twice");
        }
    }

    #[test]
    fn entries_are_well_formed() {
        check(ALL);
        check(fake::ALL);
    }

    #[test]
    fn names_are_found() {
        assert!(find("no-such-model").is_none());
        assert!(ALL.iter().all(|entry| find(entry.name).is_some()));
        assert!(fake::TOY.verb("train").is_some() && fake::ALEXNET.verb("train").is_none());
    }
}
