//! Translation by an encoder and a decoder with attention, as TensorFlow's `translate.py` has it
//! (Sutskever et al., arXiv 1409.3215; Bahdanau et al., arXiv 1409.0473; Jean et al., arXiv
//! 1412.2007).

pub mod architecture;
mod batch;
mod beam;
pub mod bidirectional;
mod config;
mod dataset;
mod decode;
mod early_stopping;
mod evaluate;
mod experiment;
mod learning_rate;
mod model;
mod overlap;
mod pair_scores;
mod self_test;
mod task;
mod texts;
pub mod unidirectional;
mod verbs;

#[cfg(test)]
mod bidirectional_tests;
#[cfg(test)]
mod tests;

use super::describe::describe;
use super::verbs::{bench, plot, train, verify};
use super::{Better, Entry, Length, to_toml};
use crate::config::{Preset, keys};
use config::TranslateConfig;
use experiment::Translate;

const EXAMPLES: &str = "Examples:
  tfm train translate --config translate-demo    about two minutes, needs no data
  tfm train translate --config translate-test    the reference's self-test
  tfm train translate --config translate-small \\
      --set 'data.train=[\"a.en\",\"a.fr\"]' --set 'data.dev=[\"b.en\",\"b.fr\"]'
  tfm decode translate --run RUN < in.txt > out.txt";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "translate",
    about: "Translation by an encoder and a decoder with attention",
    default_preset: "translate",
    presets: &[
        preset!("translate"),
        preset!("translate-demo"),
        preset!("translate-multi30k"),
        preset!("translate-small"),
        preset!("translate-tatoeba"),
        preset!("translate-test"),
    ],
    verbs: &[
        train::verb::<Translate>("Trains the translation model on a parallel text"),
        verbs::decode::VERB,
        verbs::eval::VERB,
        verbs::score::VERB,
        bench::verb::<Translate>(),
        verify::verb::<Translate>(),
        plot::verb::<Translate>(),
    ],
    examples: EXAMPLES,
    metrics: &[
        ("perplexity", Better::Lower),
        ("batch_perplexity", Better::Lower),
        ("bleu", Better::Higher),
    ],
    scores: &["dev_bleu", "dev_perplexity"],
    resumable_keys: &["train.num_epochs", "train.max_steps", "train.patience"],
    data_paths: &["data.train", "data.dev", "data.test", "data.tokenizer_file"],
    own_data: &["synthetic"],
    is_split_by_seed: false,
    describe: describe::<Translate>,
    to_toml: to_toml::<TranslateConfig>,
    keys: keys::<TranslateConfig>,
    length: Length { epochs: Some("train.num_epochs"), steps: Some("train.max_steps") },
};
