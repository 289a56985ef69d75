//! Skip-gram word vectors (Mikolov et al., "Efficient Estimation of Word Representations in
//! Vector Space", arXiv 1301.3781, and "Distributed Representations of Words and Phrases and
//! their Compositionality", arXiv 1310.4546), as TensorFlow's `word2vec_optimized.py` and
//! `word2vec.py` train them.

mod analogies;
mod batches;
mod benchmark;
mod config;
mod experiment;
mod file;
mod map;
mod query;
mod session;
mod similarity;
mod spelling;
mod task;
mod text;
mod trainer;
mod vectors;
mod verbs;

use super::experiment::{Metrics, show};
use super::verbs::{bench, train, verify};
use super::{Better, Entry};
use crate::config::Preset;
use experiment::Word2Vec;

/// The preset that is used where no config is named.
const DEFAULT_PRESET: &str = "word2vec";

/// The configs that are compiled in.
const PRESETS: &[Preset] =
    &[preset!("word2vec"), preset!("word2vec-batch"), preset!("word2vec-demo")];

const METRICS: Metrics =
    &[("analogy", Better::Higher), ("similarity", Better::Higher), ("loss", Better::Lower)];

const EXAMPLES: &str = "Examples:
  tfm train word2vec --config word2vec-demo  a minute, needs no data
  tfm train word2vec --set data.train=text.txt --set data.sentences=lines
  tfm train word2vec --set 'data.train=[\"a.txt\",\"b.txt.gz\"]' --set eval.questions=
  tfm train word2vec --config word2vec --resume";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "word2vec",
    about: "Skip-gram word vectors",
    default_preset: DEFAULT_PRESET,
    presets: PRESETS,
    verbs: &[
        train::verb::<Word2Vec>("Trains word vectors on a text", |command| {
            train::args(command, EXAMPLES)
        }),
        bench::verb::<Word2Vec>(),
        verbs::eval::VERB,
        verbs::export::VERB,
        verbs::import::VERB,
        verbs::plot::VERB,
        verbs::query::VERB,
        verify::verb::<Word2Vec>(),
    ],
    metrics: METRICS,
    show: show::<Word2Vec>,
};
