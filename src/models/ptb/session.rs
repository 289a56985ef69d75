//! A trained model, read back from its run folder.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::config::PtbConfig;
use super::corpus::vocabulary_fingerprint;
use super::model::{Architecture, LanguageModel};
use crate::checkpoint::{self, Choice};
use crate::config;
use crate::data::vocabulary::Vocabulary;
use crate::models::experiment::{read_run, summary};
use crate::models::weights;
use crate::run::RunDir;

/// The file of a run folder that holds the words, one a line in the order of their ids.
pub const VOCABULARY: &str = "vocab.txt";

/// A run's model and all that is needed to use it.
#[derive(Debug)]
pub struct Session {
    /// The run folder.
    pub run: RunDir,
    /// The run's config.
    pub config: PtbConfig,
    /// The words of the model.
    pub vocabulary: Vocabulary,
    /// The model with the parameters of the checkpoint.
    pub model: LanguageModel,
    /// The step of the checkpoint.
    pub step: u64,
}

impl Session {
    /// Reads a checkpoint of a run.
    ///
    /// # Errors
    /// When the folder is no run of this model, or the checkpoint cannot be read.
    pub fn open(run: &Path, choice: Choice) -> Result<Self> {
        let run = read_run("ptb", run)?;
        let (preset, path) = (&run.manifest().preset, run.config_path());
        let config =
            config::resume::<PtbConfig>(preset, &path, run.config_text(), &[])?.loaded.config;
        let vocabulary = vocabulary_of(&run)?;
        let checkpoint = checkpoint::open(&run.checkpoints_dir(), choice)?;
        let model = LanguageModel::new(architecture(&config, vocabulary.len()))?;
        weights::load("ptb", &model.parameters(), &checkpoint)?;
        let step = checkpoint.meta.step;
        Ok(Self { run, config, vocabulary, model, step })
    }

    /// The fields that the JSON of every verb on a run begins with, and `metrics`.
    pub fn summary(&self, metrics: Value) -> Value {
        summary(&self.run, self.step, metrics)
    }
}

/// The words of a run.
///
/// # Errors
/// When the file is missing, damaged, or not the one that the run began with.
pub fn vocabulary_of(run: &RunDir) -> Result<Vocabulary> {
    let path = run.path().join(VOCABULARY);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the vocabulary {}", path.display()))?;
    let vocabulary = Vocabulary::from_text(&text).with_context(|| path.display().to_string())?;
    let (own, begun) = (vocabulary_fingerprint(&vocabulary), &run.manifest().data);
    ensure!(
        begun.starts_with(&own),
        "{} is not the vocabulary that the run began with: {own} here, {begun} in run.json",
        path.display()
    );
    Ok(vocabulary)
}

/// The architecture that a config asks for.
pub fn architecture(config: &PtbConfig, vocab_size: usize) -> Architecture {
    Architecture {
        vocab_size,
        hidden_size: config.network.hidden_size,
        num_layers: config.network.num_layers,
        init_scale: config.network.init_scale,
        keep_prob: config.train.keep_prob,
        seed: config.seed,
    }
}
