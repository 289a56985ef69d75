//! Skip-gram word vectors (Mikolov et al., "Efficient Estimation of Word Representations in
//! Vector Space", arXiv 1301.3781, and "Distributed Representations of Words and Phrases and
//! their Compositionality", arXiv 1310.4546), as TensorFlow's `word2vec_optimized.py` and
//! `word2vec.py` train them.

mod analogies;
mod config;
mod dataset;
mod experiment;
mod file;
mod map;
mod query;
mod similarity;
mod skip_gram;
mod task;
mod vectors;
mod verbs;

use super::describe::describe;
use super::verbs::{bench, train, verify};
use super::{Better, Entry, Length, to_toml};
use crate::config::{Preset, keys};
use config::Word2VecConfig;
use experiment::Word2Vec;

const EXAMPLES: &str = "Examples:
  tfm train word2vec --config word2vec-demo   seconds, needs no data
  tfm train word2vec --config word2vec-text8  on the data of `tfm data fetch text8 word2vec-eval`
  tfm train word2vec --set data.train=text.txt --set data.sentences=lines
  tfm train word2vec --set 'data.train=[\"a.txt\",\"b.txt.gz\"]' --set eval.questions=
  tfm train word2vec --config word2vec --resume";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "word2vec",
    about: "Skip-gram word vectors",
    default_preset: "word2vec",
    presets: &[
        preset!("word2vec"),
        preset!("word2vec-batch"),
        preset!("word2vec-demo"),
        preset!("word2vec-text8"),
    ],
    verbs: &[
        train::verb::<Word2Vec>("Trains word vectors on a text"),
        bench::verb::<Word2Vec>(),
        verbs::eval::VERB,
        verbs::export::VERB,
        verbs::import::VERB,
        verbs::plot::VERB,
        verbs::query::VERB,
        verify::verb::<Word2Vec>(),
    ],
    examples: EXAMPLES,
    metrics: &[
        ("analogy", Better::Higher),
        ("similarity", Better::Higher),
        ("loss", Better::Lower),
    ],
    scores: &["test_analogy", "test_similarity", "train_loss"],
    resumable_keys: &["eval"],
    data_paths: &["data.train"],
    own_data: &["analogies"],
    is_split_by_seed: false,
    describe: describe::<Word2Vec>,
    to_toml: to_toml::<Word2VecConfig>,
    keys: keys::<Word2VecConfig>,
    length: Length { epochs: Some("train.epochs_to_train"), steps: None },
};
