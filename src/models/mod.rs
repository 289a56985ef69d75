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
pub mod describe;
pub mod experiment;
pub mod inception;
pub mod mnist;
pub mod options;
pub mod prompt;
pub mod ptb;
pub mod run_config;
pub mod session;
pub mod stdout;
pub mod translate;
pub mod verbs;
pub mod weights;
pub mod word2vec;

use std::fmt;

use anyhow::{Result, bail};
use clap::{ArgMatches, Command};

use crate::config::{self, Config, Key, Loaded, Preset};

/// Every model, in alphabetic order.
pub const ALL: &[&Entry] = &[
    &alexnet::ENTRY,
    &cifar10::ENTRY,
    &inception::ENTRY,
    &mnist::ENTRY,
    &ptb::ENTRY,
    &translate::ENTRY,
    &word2vec::ENTRY,
];

/// The declaration of a model.
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line, in configs and in run folders.
    pub name: &'static str,
    /// A one-line description.
    pub about: &'static str,
    /// The name of the preset that is used where `--config` is not given.
    pub default_preset: &'static str,
    /// The configs that are compiled in.
    pub presets: &'static [Preset],
    /// Its verbs.
    pub verbs: &'static [Verb],
    /// The examples at the end of the help of `train`.
    pub examples: &'static str,
    /// The names of its scores in the records of a run, such as `perplexity`, and which way
    /// each is better. A name may begin with the phase (`test_accuracy`) where the
    /// direction holds for that phase alone.
    pub metrics: Metrics,
    /// The scores of a run that an `[expect]` table can name: `<phase>_<metric>`.
    pub scores: &'static [&'static str],
    /// The keys that may change when a run is resumed, besides `checkpoint` and `expect`.
    pub resumable_keys: &'static [&'static str],
    /// The keys that name its data. The data may be moved, since a run identifies it by its checksum.
    pub data_paths: &'static [&'static str],
    /// The values of `data.source` for data that the program makes from the run's seed.
    pub own_data: &'static [&'static str],
    /// Whether the images of `data.images` are held out by the run's seed.
    pub is_split_by_seed: bool,
    /// Its network for a config: [`describe::describe`].
    pub describe: Describe,
    /// [`to_toml`] of the type of its config; [`show`](Self::show) calls it.
    pub to_toml: fn(&Self, Option<&str>, &[String]) -> Result<String>,
    /// The keys of its config: [`config::keys`].
    pub keys: fn() -> Result<Vec<Key>>,
    /// The keys that set the length of training, if it can be trained.
    pub length: Length,
}

/// The keys of a config that set the length of training.
#[derive(Clone, Copy, Debug, Default)]
pub struct Length {
    /// In epochs.
    pub epochs: Option<&'static str>,
    /// In steps.
    pub steps: Option<&'static str>,
}

/// How the network of a config is found.
pub type Describe =
    fn(&Entry, Option<&str>, &[String]) -> Result<(String, Option<describe::Description>)>;

/// The names of scores, and which way each is better.
pub type Metrics = &'static [(&'static str, Better)];

/// A verb of a model: `tfm <verb> <model>`.
#[derive(Debug)]
pub struct Verb {
    /// The name on the command line.
    pub name: &'static str,
    /// A one-line description.
    pub about: &'static str,
    /// Adds the verb's arguments to the command of the model.
    pub args: fn(Command) -> Command,
    /// Does it.
    pub run: fn(&ArgMatches) -> Result<()>,
}

/// Whether a lower or a higher score is better.
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

    /// The config that `name`, the value of `--config`, names, else the default preset, with
    /// the list of `--set`.
    ///
    /// # Errors
    /// No such config, or a value that is refused.
    pub fn load<C: Config>(&self, name: Option<&str>, sets: &[String]) -> Result<Loaded<C>> {
        let has = |entry: &&&Self| entry.presets.iter().any(|preset| Some(preset.name) == name);
        if let Some(other) = ALL.iter().find(has).filter(|other| other.name != self.name) {
            let (name, own, other) = (name.unwrap_or_default(), self.name, other.name);
            bail!(
                "{name} is a preset of {other}, not of {own}; use `tfm … {other}` instead of {own}"
            );
        }
        config::load(name, self.default_preset, self.presets, sets)
    }

    /// The resolved TOML of the config of [`load`](Self::load), after every check that needs
    /// neither data nor device.
    ///
    /// # Errors
    /// No such config, or a value that is refused.
    pub fn show(&self, name: Option<&str>, sets: &[String]) -> Result<String> {
        (self.to_toml)(self, name, sets)
    }
}

/// [`Entry::show`] of a model whose config is a `C`.
///
/// # Errors
/// No such config, or a value that is refused.
pub fn to_toml<C: Config>(entry: &Entry, name: Option<&str>, sets: &[String]) -> Result<String> {
    config::to_toml(&entry.load::<C>(name, sets)?.config)
}

/// The names of all models.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|entry| entry.name).collect()
}

/// The model of that name, if there is one.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().copied().find(|entry| entry.name == name)
}

/// The error of a verb whose child process has already printed the error on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadySaid;

impl fmt::Display for AlreadySaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another process of this command has failed")
    }
}

impl std::error::Error for AlreadySaid {}

/// The error of a verb that a signal ended cleanly, after everything was saved. The
/// program ends with code 130 and prints this without `error:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Where it stopped and how to resume it, as
    /// `stopped after step 120; resume with: tfm train ptb --resume runs/x`.
    pub message: String,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Interrupted {}

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
                entry.show(Some(name), &[]).unwrap();
            }
            check_scores(entry);
            let mut verbs: Vec<_> = entry.verbs.iter().map(|verb| verb.name).collect();
            verbs.sort_unstable();
            verbs.dedup();
            assert_eq!(verbs.len(), entry.verbs.len(), "{model} has a verb twice");
        }
    }

    /// Every score is a phase and a metric, and every key that may change is one of the config.
    fn check_scores(entry: &Entry) {
        for score in entry.scores {
            let (_, metric) = score.split_once('_').unwrap();
            let is_metric = |(name, _): &(&str, Better)| [metric, score].contains(name);
            assert!(entry.metrics.iter().any(is_metric), "{score} is no metric");
        }
        let config: toml::Table = entry.show(None, &[]).unwrap().parse().unwrap();
        let length = entry.length.epochs.iter().chain(&entry.length.steps);
        for key in entry.resumable_keys.iter().chain(entry.data_paths).chain(length) {
            let mut names = key.split('.');
            let first = names.next().and_then(|name| config.get(name));
            let value = names.fold(first, |value, name| value.and_then(|value| value.get(name)));
            assert!(value.is_some(), "{} has no key {key}", entry.name);
        }
    }

    #[test]
    fn entries_are_well_formed() {
        check(ALL);
        check(fake::ALL);
    }

    #[test]
    fn every_key_is_explained() {
        for entry in ALL {
            let keys = (entry.keys)().unwrap();
            assert!(!keys.is_empty(), "{}", entry.name);
            for key in keys {
                let sentence = key.about.ends_with('.') && key.about.len() > 8;
                assert!(sentence, "{} of {} has no sentence: {key:?}", key.key, entry.name);
            }
        }
    }

    #[test]
    fn names_are_found() {
        assert!(find("no-such-model").is_none());
        assert!(ALL.iter().all(|entry| find(entry.name).is_some()));
        assert!(fake::TOY.verb("train").is_some() && fake::ALEXNET.verb("train").is_none());
    }
}

#[cfg(test)]
pub(crate) mod fake;
