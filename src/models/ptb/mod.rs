//! The word language model of Zaremba et al., "Recurrent Neural Network Regularization"
//! (arXiv 1409.2329), as TensorFlow's `ptb_word_lm.py` has it.

mod benchmark;
mod config;
mod corpus;
mod evaluate;
mod experiment;
mod generate;
pub mod model;
pub mod reference;
mod session;
mod task;
mod verbs;

#[cfg(test)]
mod tests;

use super::experiment::{Metrics, show};
use super::verbs::{bench, plot, train, verify};
use super::{Better, Entry};
use crate::config::Preset;
use experiment::Ptb;

/// The preset that is used where no config is named.
const DEFAULT_PRESET: &str = "ptb-small";

/// The configs that are compiled in.
const PRESETS: &[Preset] = &[
    preset!("ptb-demo"),
    preset!("ptb-large"),
    preset!("ptb-medium"),
    preset!("ptb-small"),
    preset!("ptb-test"),
];

const METRICS: Metrics = &[("perplexity", Better::Lower)];

const EXAMPLES: &str = "Examples:
  tfm train ptb --config ptb-demo            two minutes, needs no data
  tfm train ptb --config ptb-small           the Penn Treebank (tfm data fetch ptb)
  tfm train ptb --set data.train=a.txt --set data.valid=b.txt --set data.test=c.txt
  tfm train ptb --config ptb-small --resume  goes on after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "ptb",
    about: "The LSTM word language model of the Penn Treebank",
    default_preset: DEFAULT_PRESET,
    presets: PRESETS,
    verbs: &[
        train::verb::<Ptb>("Trains the language model on a text", |command| {
            train::args(command, EXAMPLES)
        }),
        verbs::eval::VERB,
        bench::verb::<Ptb>(),
        verbs::generate::VERB,
        verbs::score::VERB,
        verify::verb::<Ptb>(),
        plot::verb::<Ptb>(),
    ],
    metrics: METRICS,
    show: show::<Ptb>,
};
