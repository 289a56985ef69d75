//! The word vectors as the verbs that all models share see them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::config::{Algorithm, Word2VecConfig, Word2VecSettings};
use super::dataset::TextDataset;
use super::skip_gram::{SkipGram, vectors_name};
use super::task::Word2VecTask;
use super::vectors::WordVectors;
use crate::checkpoint::Checkpoint;
use crate::config::{self, Loaded};
use crate::data::corpus::RESERVED;
use crate::data::vocabulary::Vocabulary;
use crate::models::experiment::Experiment;
use crate::models::options::{DeviceChoice, DeviceOptions};
use crate::models::session::{self, VOCABULARY};
use crate::models::weights;
use crate::ops::Cpu;
use crate::run::RunDir;

/// The word vectors.
pub struct Word2Vec;

impl Experiment for Word2Vec {
    type Settings = Word2VecSettings;
    type Data = TextDataset;
    type Task<'a> = Word2VecTask<'a>;
    type Trained = WordVectors;

    /// With a GPU, if there is one and the algorithm has a kernel.
    fn cpu(device: &DeviceOptions, loaded: &Loaded<Word2VecConfig>) -> Result<Cpu> {
        let train = &loaded.config.train;
        let (key, rule) = match (train.algorithm, train.deterministic) {
            (Algorithm::Windows, false) => return Ok(device.processor()?.with_gpu(device.gpu()?)),
            (Algorithm::Windows, true) => ("train.deterministic", "is not for a GPU"),
            _ => ("train.algorithm", "has no kernel for a GPU"),
        };
        if let DeviceChoice::Cuda(_) = device.device {
            return Err(loaded.error(&config::Invalid::new(key, rule)));
        }
        device.processor()
    }

    fn data(config: &Word2VecConfig, data_dir: &Path, run: Option<&RunDir>) -> Result<TextDataset> {
        TextDataset::load(config, data_dir, run.map(vocabulary_of).transpose()?)
    }

    fn fingerprint(dataset: &TextDataset) -> String {
        dataset.corpus.fingerprint()
    }

    fn sizes(dataset: &TextDataset) -> Vec<(&'static str, usize)> {
        let words = ("in the vocabulary", dataset.corpus.vocabulary.len());
        vec![("training words", dataset.corpus.len()), words]
    }

    /// A vector for each word as a centre, and one as a context.
    fn parameters(config: &Word2VecConfig, dataset: &TextDataset) -> Result<usize> {
        Ok(2 * dataset.corpus.vocabulary.len() * config.network.embedding_size)
    }

    fn files(dataset: &TextDataset) -> Vec<(&'static str, Vec<u8>)> {
        vec![(VOCABULARY, dataset.corpus.vocabulary.to_counted_text().into_bytes())]
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a Word2VecConfig,
        dataset: &'a TextDataset,
        init: Option<&Checkpoint>,
    ) -> Result<Word2VecTask<'a>> {
        let mut model = SkipGram::new(config, &dataset.corpus.vocabulary, cpu.threads())?;
        if let Some(checkpoint) = init {
            model.load(checkpoint)?;
        }
        Word2VecTask::new(cpu, config, dataset, model)
    }

    fn trained(
        run: &RunDir,
        config: &Word2VecConfig,
        checkpoint: &Checkpoint,
    ) -> Result<WordVectors> {
        let vocabulary = vocabulary_of(run)?;
        let rows = weights::values(checkpoint, vectors_name(config.train.algorithm))?;
        WordVectors::new(Arc::new(vocabulary), config.network.embedding_size, rows)
            .with_context(|| checkpoint.path.display().to_string())
    }

    fn headline(metrics: &Map<String, Value>) -> Option<String> {
        if let Some(precision) = metrics.get("test_analogy").and_then(Value::as_f64) {
            return Some(format!("analogies {:.2} %", 100.0 * precision));
        }
        Some(format!("loss {:.4}", metrics.get("train_loss")?.as_f64()?))
    }
}

/// The words of a run and their counts.
///
/// # Errors
/// When the file is missing, damaged, or not the one that the run began with.
fn vocabulary_of(run: &RunDir) -> Result<Vocabulary> {
    let read = |text: &str| {
        let vocabulary = Vocabulary::from_counted_text(text)?;
        vocabulary.ensure_reserved(RESERVED)?;
        Ok(vocabulary)
    };
    session::vocabulary_of(run, read, Vocabulary::fingerprint)
}
