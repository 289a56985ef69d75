//! A trained model, read back from its run folder.

use anyhow::Result;

use super::ENTRY;
use super::config::PtbConfig;
use super::model::{Architecture, LanguageModel};
use crate::checkpoint::Checkpoint;
use crate::data::vocabulary::Vocabulary;
use crate::models::session;
use crate::models::weights;
use crate::run::RunDir;

/// The words of a run and its model.
#[derive(Debug)]
pub struct Trained {
    /// The words of the model.
    pub vocabulary: Vocabulary,
    /// The model with the parameters of the checkpoint.
    pub model: LanguageModel,
}

impl Trained {
    /// What a checkpoint of a run holds.
    ///
    /// # Errors
    /// When the vocabulary cannot be read, or the checkpoint does not fit.
    pub fn read(run: &RunDir, config: &PtbConfig, checkpoint: &Checkpoint) -> Result<Self> {
        let vocabulary = vocabulary_of(run)?;
        let architecture = architecture(config, vocabulary.len());
        // Before there is memory for sizes that are not the checkpoint's.
        weights::expect(ENTRY.name, &architecture.graph()?.0, checkpoint)?;
        let model = LanguageModel::new(architecture)?;
        model.load(checkpoint)?;
        Ok(Self { vocabulary, model })
    }
}

/// The words of a run.
///
/// # Errors
/// When the file is missing, damaged, or not the one that the run began with.
pub fn vocabulary_of(run: &RunDir) -> Result<Vocabulary> {
    session::vocabulary_of(run, Vocabulary::from_text, Vocabulary::fingerprint)
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

impl LanguageModel {
    /// Takes over the parameters of a checkpoint.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn load(&self, checkpoint: &Checkpoint) -> Result<()> {
        let parameters: Vec<_> = self.network.parameters().iter().collect();
        weights::load(ENTRY.name, &parameters, checkpoint)
    }
}
