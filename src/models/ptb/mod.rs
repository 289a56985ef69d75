//! The word language model of Zaremba et al., "Recurrent Neural Network Regularization"
//! (arXiv 1409.2329), as TensorFlow's `ptb_word_lm.py` has it.

mod config;
mod corpus;
mod evaluate;
mod experiment;
mod generate;
pub mod model;
mod task;
mod verbs;

#[cfg(test)]
mod tests;

use super::describe::describe;
use super::verbs::{bench, plot, train, verify};
use super::{Better, Entry, Length, to_toml};
use crate::config::{Preset, keys};
use config::PtbConfig;
use experiment::Ptb;

const EXAMPLES: &str = "Examples:
  tfm train ptb --config ptb-demo            two minutes, needs no data
  tfm train ptb --config ptb-small           the Penn Treebank (tfm data fetch ptb)
  tfm train ptb --set data.train=a.txt --set data.valid=b.txt --set data.test=c.txt
  tfm train ptb --config ptb-small --resume  continues after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "ptb",
    about: "The LSTM word language model of the Penn Treebank",
    default_preset: "ptb-small",
    presets: &[
        preset!("ptb-demo"),
        preset!("ptb-large"),
        preset!("ptb-medium"),
        preset!("ptb-small"),
        preset!("ptb-test"),
    ],
    verbs: &[
        train::verb::<Ptb>("Trains the language model on a text"),
        verbs::eval::VERB,
        bench::verb::<Ptb>(),
        verbs::generate::VERB,
        verbs::score::VERB,
        verify::verb::<Ptb>(),
        plot::verb::<Ptb>(),
    ],
    examples: EXAMPLES,
    metrics: &[("perplexity", Better::Lower)],
    scores: &["train_perplexity", "valid_perplexity", "test_perplexity"],
    resumable_keys: &["train.max_max_epoch", "train.max_steps"],
    data_paths: &["data.train", "data.valid", "data.test"],
    own_data: &["grammar"],
    is_split_by_seed: false,
    describe: describe::<Ptb>,
    to_toml: to_toml::<PtbConfig>,
    keys: keys::<PtbConfig>,
    length: Length { epochs: Some("train.max_max_epoch"), steps: Some("train.max_steps") },
};
