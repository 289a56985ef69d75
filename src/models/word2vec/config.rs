//! The config of word vectors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, at_least, in_range, positive};
use crate::data::corpus::{SentenceMode, Unk};
use crate::models::Entry;
use crate::models::run_config::{RunConfig, Settings, Unused};

/// A whole experiment. The seed is that of the initial vectors, of subsampling, windows and
/// noise.
pub type Word2VecConfig = RunConfig<Word2VecSettings>;

/// The model's own tables; the default is that of the reference's `word2vec_optimized.py`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Word2VecSettings {
    /// The tables.
    pub network: Network,
    /// The text.
    pub data: Data,
    /// How it is trained.
    pub train: Train,
    /// The evaluation after every epoch.
    pub eval: Eval,
}

/// The `[network]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Embedding dimension.
    pub embedding_size: usize,
}

/// Where the text comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CorpusSource {
    /// Text files.
    #[default]
    Files,
    /// Generated text with known analogies.
    Analogies,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// "files", or "analogies" for generated text.
    pub source: CorpusSource,
    /// The text files, plain or `.gz`, read as one text.
    pub train: Vec<String>,
    /// What counts as a sentence: "blocks" of 1,000 kept words, or "lines".
    pub sentences: SentenceMode,
    /// "keep" trains the word `UNK`, "drop" leaves it out.
    pub unk: Unk,
    /// Minimum count of a word that gets a vector.
    pub min_count: u64,
    /// Maximum vocabulary size: keeps the most frequent words; 0 keeps all.
    pub max_vocab: usize,
    /// Size in words of the generated text.
    pub analogies_words: usize,
}

/// How vectors are trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// True SGD, the negatives shared by the pairs of a window (Ji et al., arXiv 1604.04661).
    #[default]
    Windows,
    /// True SGD a pair at a time, as `NegTrain` of `word2vec_kernels.cc`.
    Pairs,
    /// Mini-batches with shared noise samples, as `word2vec.py`.
    MiniBatch,
}

/// The words that the learning-rate decay counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecayBy {
    /// All words read, so that the rate reaches its end.
    #[default]
    Raw,
    /// The words that subsampling keeps, as in the reference.
    Kept,
}

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// "windows", "pairs" or "minibatch".
    pub algorithm: Algorithm,
    /// Trains in order on one thread: reproducible, but slower than lock-free (Hogwild) updates.
    pub deterministic: bool,
    /// The largest half-window: words on either side of the centre.
    pub window_size: usize,
    /// Subsampling threshold: more frequent words are dropped at random; 0 keeps all.
    pub subsample: f64,
    /// Negative samples per window, per pair or per mini-batch.
    pub num_neg_samples: usize,
    /// Pairs per mini-batch.
    pub batch_size: usize,
    /// The initial learning rate.
    pub learning_rate: f64,
    /// The words that the learning-rate decay counts: "raw", all words read, or "kept", those that
    /// subsampling keeps.
    pub decay_by: DecayBy,
    /// Number of passes over the text.
    pub epochs_to_train: u64,
    /// Corpus words per training step.
    pub block_words: u64,
}

/// The `[eval]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Eval {
    /// A file of analogies such as questions-words.txt; empty for none.
    pub questions: String,
    /// A file of word pairs and scores such as wordsim353.tsv; empty for none.
    pub similarity: String,
}

impl Default for Network {
    fn default() -> Self {
        Self { embedding_size: 200 }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self {
            source: CorpusSource::Files,
            train: vec!["enwiki-100mb.txt".to_string()],
            sentences: SentenceMode::Blocks,
            unk: Unk::Keep,
            min_count: 5,
            max_vocab: 0,
            analogies_words: 500_000,
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Windows,
            deterministic: false,
            window_size: 5,
            subsample: 1e-3,
            num_neg_samples: 25,
            batch_size: 16,
            learning_rate: 0.025,
            decay_by: DecayBy::Raw,
            epochs_to_train: 15,
            block_words: 200_000,
        }
    }
}

impl Settings for Word2VecSettings {
    const ENTRY: &'static Entry = &super::ENTRY;

    fn validate(&self) -> Result<(), Invalid> {
        in_range("network.embedding_size", self.network.embedding_size, 1, 65_536)?;
        self.data.validate()?;
        self.train.validate()
    }

    fn unused(&self) -> Vec<Unused> {
        let mut unused: Vec<Unused> = Vec::new();
        if self.data.source == CorpusSource::Analogies {
            unused.push(("data.source = \"analogies\"", &["data.train"]));
        }
        match self.train.algorithm {
            Algorithm::Windows => {
                unused.push(("train.algorithm = \"windows\"", &["train.batch_size"]))
            }
            Algorithm::Pairs => unused.push(("train.algorithm = \"pairs\"", &["train.batch_size"])),
            Algorithm::MiniBatch => {}
        }
        unused
    }
}

impl Data {
    fn validate(&self) -> Result<(), Invalid> {
        if self.source == CorpusSource::Files && self.train.is_empty() {
            return Err(Invalid::new("data.train", "must name at least one file"));
        }
        in_range("data.analogies_words", self.analogies_words, 1_000, 1_000_000_000)
    }
}

impl Train {
    /// The least share of the learning rate that is left, as in the reference.
    const MIN_RATE: f64 = 1e-4;

    fn validate(&self) -> Result<(), Invalid> {
        in_range("train.window_size", self.window_size, 1, 1_000)?;
        in_range("train.subsample", self.subsample, 0.0, 1.0)?;
        in_range("train.num_neg_samples", self.num_neg_samples, 1, 65_536)?;
        in_range("train.batch_size", self.batch_size, 1, 65_536)?;
        at_least("train.learning_rate", self.learning_rate, 0.0)?;
        in_range("train.epochs_to_train", self.epochs_to_train, 1, 1_000_000)?;
        positive("train.block_words", self.block_words as f64)
    }

    /// The learning rate after `done` of `all` words, which falls to zero on a line.
    pub fn learning_rate_at(&self, done: u64, all: u64) -> f64 {
        let left = 1.0 - done as f64 / all as f64;
        self.learning_rate * left.max(Self::MIN_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_defaults_are_those_of_the_reference() {
        let config = Word2VecConfig::default();
        config.validate().unwrap();
        assert_eq!((config.network.embedding_size, config.train.num_neg_samples), (200, 25));
        assert_eq!((config.train.epochs_to_train, config.train.window_size), (15, 5));
    }

    #[test]
    fn the_learning_rate_falls_on_a_line_to_a_ten_thousandth() {
        let train = Train { learning_rate: 0.5, ..Default::default() };
        let rates: Vec<f64> =
            [0, 50, 100, 120].map(|done| train.learning_rate_at(done, 100)).into();
        assert_eq!(rates, [0.5, 0.25, 0.5e-4, 0.5e-4]);
    }
}
