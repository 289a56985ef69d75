//! The language model as the verbs that all models share see it.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::ENTRY;
use super::config::{PtbConfig, PtbSettings, Train};
use super::corpus::Corpus;
use super::generate::Sampler;
use super::model::{Architecture, LanguageModel};
use super::task::{self, PtbTask};
use crate::checkpoint::Checkpoint;
use crate::data::grammar::Grammar;
use crate::data::vocabulary::{UNKNOWN, Vocabulary};
use crate::data::words::END_OF_SENTENCE;
use crate::models::describe::Description;
use crate::models::experiment::Experiment;
use crate::models::session::{self, VOCABULARY};
use crate::models::verbs::bench::Benchmark;
use crate::models::weights;
use crate::ops::Cpu;
use crate::rng::Stream;
use crate::run::RunDir;

/// Windows of random text.
const WINDOWS: usize = 20;
/// Random words where the config keeps all that a text has.
const WORDS: usize = 10_000;

/// The language model.
pub struct Ptb;

impl Experiment for Ptb {
    type Settings = PtbSettings;
    type Data = Corpus;
    type Task<'a> = PtbTask<'a>;
    type Trained = Trained;

    fn data(_: &Cpu, config: &PtbConfig, data_dir: &Path, run: Option<&RunDir>) -> Result<Corpus> {
        Corpus::load(config, data_dir, run.map(vocabulary_of).transpose()?)
    }

    fn fingerprint(corpus: &Corpus) -> String {
        corpus.fingerprint()
    }

    fn sizes(corpus: &Corpus) -> Vec<(&'static str, usize)> {
        vec![
            ("training words", corpus.train.len()),
            ("validation", corpus.valid.len()),
            ("test", corpus.test.len()),
            ("in the vocabulary", corpus.vocabulary.len()),
        ]
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
            model.load(checkpoint)?;
        }
        PtbTask::new(cpu, config, corpus, model)
    }

    fn trained(run: &RunDir, config: &PtbConfig, checkpoint: &Checkpoint) -> Result<Trained> {
        Trained::read(run, config, checkpoint)
    }

    fn describe(config: &PtbConfig, corpus: Option<&Corpus>) -> Result<Option<Description>> {
        let words = corpus.map_or_else(|| usual_words(config), |corpus| corpus.vocabulary.len());
        let Train { batch_size: batch, num_steps: steps, .. } = config.train;
        let (graph, [output, loss]) = architecture(config, words).graph()?;
        Ok(Some(Description { graph, output, loss, batch, steps, seed: config.seed }))
    }

    fn headline(metrics: &Map<String, Value>) -> Option<String> {
        // JSON has no infinity.
        let perplexity = metrics.get("test_perplexity")?.as_f64().unwrap_or(f64::INFINITY);
        Some(task::headline(perplexity, metrics.get("test_floor").and_then(Value::as_f64)))
    }

    /// The model's first sentence.
    fn sample_at_end(cpu: &Cpu, task: PtbTask, corpus: &Corpus) -> Option<String> {
        const MAX_WORDS: usize = 40;
        let vocabulary = &corpus.vocabulary;
        let end = vocabulary.id(END_OF_SENTENCE)?;
        let suppressed = vocabulary.id(UNKNOWN);
        let sampler = Sampler { temperature: 0.7, top_k: 0, seed: 1, suppressed };
        let mut words = Vec::new();
        let generated = sampler.generate(cpu, &mut task.into_model(), &[end], MAX_WORDS, |id| {
            match (id == end, words.is_empty()) {
                (false, _) => words.push(vocabulary.word(id)),
                (true, true) => (),
                (true, false) => return Ok(ControlFlow::Break(())),
            }
            Ok(ControlFlow::Continue(()))
        });
        generated.ok()?;
        (!words.is_empty()).then(|| format!("A sentence of the model: {}", words.join(" ")))
    }
}

/// The words of a vocabulary that is not made yet: all that a grammar has, else as many as PTB has.
fn usual_words(config: &PtbConfig) -> usize {
    match (&*config.data.source, config.data.max_vocab) {
        ("grammar", most) => {
            let all = Grammar::english().words().len() + 1;
            if most == 0 { all } else { all.min(most) }
        }
        (_, 0) => WORDS,
        (_, most) => most,
    }
}

impl Benchmark for Ptb {
    fn random_data(config: &PtbConfig) -> Result<Corpus> {
        let words = usual_words(config);
        let mut numbers = Stream::new(config.seed, "bench").at(0);
        let needed = config.train.batch_size * (config.train.num_steps * WINDOWS + 1);
        let train: Vec<u32> = (0..needed).map(|_| numbers.below(words as u32)).collect();
        Ok(Corpus {
            vocabulary: Vocabulary::new((0..words).map(|i| format!("word{i}")))?,
            valid: train.clone(),
            test: train.clone(),
            train,
            perplexity_bound: None,
        })
    }
}

/// The words of a run and its model.
#[derive(Debug)]
pub struct Trained {
    /// The words of the model.
    pub vocabulary: Vocabulary,
    /// The model with the parameters of the checkpoint.
    pub model: LanguageModel,
}

impl Trained {
    /// The trained model of a checkpoint.
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
