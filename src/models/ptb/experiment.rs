//! The language model as the verbs that all models share see it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::config::{PtbConfig, PtbSettings};
use super::corpus::Corpus;
use super::generate::Sampler;
use super::model::LanguageModel;
use super::task::PtbTask;
use super::trained::{Trained, architecture, vocabulary_of};
use crate::checkpoint::Checkpoint;
use crate::config::{self, Loaded};
use crate::data::vocabulary::UNKNOWN;
use crate::data::words::END_OF_SENTENCE;
use crate::models::experiment::Experiment;
use crate::models::options::DeviceOptions;
use crate::models::session::VOCABULARY;
use crate::models::weights;
use crate::ops::Cpu;
use crate::run::RunDir;

/// The language model.
pub struct Ptb;

impl Experiment for Ptb {
    type Settings = PtbSettings;
    type Data = Corpus;
    type Task<'a> = PtbTask<'a>;
    type Trained = Trained;

    fn cpu(device: &DeviceOptions, loaded: &Loaded<PtbConfig>) -> Result<Cpu> {
        if loaded.config.network.dtype != "f32" {
            let rule = "is not for this device: the processor computes in f32";
            return Err(loaded.error(&config::Invalid::new("network.dtype", rule)));
        }
        device.cpu(Self::ENTRY.name)
    }

    fn data(config: &PtbConfig, data_dir: &Path, run: Option<&RunDir>) -> Result<Corpus> {
        Corpus::load(config, data_dir, run.map(vocabulary_of).transpose()?)
    }

    fn fingerprint(corpus: &Corpus) -> String {
        corpus.fingerprint()
    }

    fn files(corpus: &Corpus) -> Vec<(&'static str, Vec<u8>)> {
        vec![(VOCABULARY, corpus.vocabulary.to_text().into_bytes())]
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a PtbConfig,
        corpus: &'a Corpus,
        init: Option<&Checkpoint>,
    ) -> Result<PtbTask<'a>> {
        let model = LanguageModel::new(architecture(config, corpus.vocabulary.len()))?;
        if let Some(checkpoint) = init {
            weights::load(Self::ENTRY.name, &model.parameters(), checkpoint)?;
        }
        PtbTask::new(cpu, config, corpus, model)
    }

    fn trained(run: &RunDir, config: &PtbConfig, checkpoint: &Checkpoint) -> Result<Trained> {
        Trained::read(run, config, checkpoint)
    }

    fn result(metrics: &Map<String, Value>) -> Option<String> {
        let perplexity = metrics.get("test_perplexity")?.as_f64()?;
        Some(format!("test perplexity {perplexity:.3}"))
    }

    /// The model's first sentence.
    fn farewell(cpu: &Cpu, task: PtbTask, corpus: &Corpus) -> Option<String> {
        const MOST_WORDS: usize = 40;
        let vocabulary = &corpus.vocabulary;
        let end = vocabulary.id(END_OF_SENTENCE)?;
        let suppressed = vocabulary.id(UNKNOWN);
        let sampler = Sampler { temperature: 0.7, top_k: 0, seed: 1, suppressed };
        let words = sampler.generate(cpu, &mut task.into_model(), &[end], MOST_WORDS);
        let first = words.iter().skip_while(|&&id| id == end).take_while(|&&id| id != end);
        let words: Vec<&str> = first.map(|&id| vocabulary.word(id)).collect();
        (!words.is_empty()).then(|| format!("A sentence of the model: {}", words.join(" ")))
    }
}
