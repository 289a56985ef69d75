//! Trained vectors, read back from their run folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::config::Word2VecConfig;
use super::trainer::vectors_name;
use super::vectors::WordVectors;
use crate::checkpoint::{self, Choice};
use crate::config;
use crate::data::corpus::CountedVocabulary;
use crate::models::experiment::{read_run, summary};
use crate::models::weights;
use crate::run::RunDir;

/// The file of a run folder that holds the words and their counts.
pub const VOCABULARY: &str = "vocab.txt";

/// A run's vectors.
pub struct Session {
    /// The run folder.
    pub run: RunDir,
    /// The run's config.
    pub config: Word2VecConfig,
    /// The words and their vectors.
    pub vectors: WordVectors,
    /// The step of the checkpoint.
    pub step: u64,
}

impl Session {
    /// Reads a checkpoint of a run.
    ///
    /// # Errors
    /// When the folder is no run of this model, or the checkpoint cannot be read.
    pub fn open(run: &Path, choice: Choice) -> Result<Self> {
        let run = read_run("word2vec", run)?;
        let (preset, path) = (&run.manifest().preset, run.config_path());
        let config =
            config::resume::<Word2VecConfig>(preset, &path, run.config_text(), &[])?.loaded.config;
        let vocabulary = vocabulary_of(&run)?;
        let checkpoint = checkpoint::open(&run.checkpoints_dir(), choice)?;
        let rows = weights::values(&checkpoint, vectors_name(config.train.algorithm))?;
        let (words, counts) = (Arc::clone(vocabulary.vocabulary()), vocabulary.counts().to_vec());
        let vectors = WordVectors::new(words, Some(counts), config.network.embedding_size, rows)
            .with_context(|| checkpoint.path.display().to_string())?;
        Ok(Self { run, config, vectors, step: checkpoint.meta.step })
    }

    /// The fields that the JSON of every verb on a run begins with, and `metrics`.
    pub fn summary(&self, metrics: Value) -> Value {
        summary(&self.run, self.step, metrics)
    }
}

/// The words of a run and their counts.
///
/// # Errors
/// When the file is missing, damaged, or not the one that the run began with.
pub fn vocabulary_of(run: &RunDir) -> Result<CountedVocabulary> {
    let path = run.path().join(VOCABULARY);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the vocabulary {}", path.display()))?;
    let vocabulary =
        CountedVocabulary::from_text(&text).with_context(|| path.display().to_string())?;
    let (own, begun) = (vocabulary.fingerprint(), &run.manifest().data);
    ensure!(
        begun.starts_with(&own),
        "{} is not the vocabulary that the run began with: {own} here, {begun} in run.json",
        path.display()
    );
    Ok(vocabulary)
}
