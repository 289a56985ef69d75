//! The word vectors as the verbs that all models share see them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::config::{Algorithm, Word2VecConfig, Word2VecSettings};
use super::dataset::TextDataset;
use super::skip_gram::{SkipGram, vectors_name};
use super::task::Word2VecTask;
use super::vectors::WordVectors;
use crate::checkpoint::Checkpoint;
use crate::config::{self, Loaded};
use crate::data::corpus::{Corpus, RESERVED, UNKNOWN};
use crate::data::vocabulary::Vocabulary;
use crate::models::experiment::Experiment;
use crate::models::options::{DeviceChoice, DeviceOptions};
use crate::models::session::{self, VOCABULARY};
use crate::models::verbs::bench::Benchmark;
use crate::models::weights;
use crate::ops::Cpu;
use crate::ops::skipgram::reference::train_reference;
use crate::ops::skipgram::{Engine, NegativeSampler, Sentence, Skipgram, Updates};
use crate::rng::Stream;
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
            (Algorithm::Windows, true) => ("train.deterministic", "does not work on a GPU"),
            _ => ("train.algorithm", "has no GPU kernel"),
        };
        if let DeviceChoice::Cuda(_) = device.device {
            return Err(loaded.error(&config::Invalid::new(key, rule)));
        }
        device.processor()
    }

    fn data(
        _: &Cpu,
        config: &Word2VecConfig,
        data_dir: &Path,
        run: Option<&RunDir>,
    ) -> Result<TextDataset> {
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

/// Words of random text, and how many different ones.
const WORDS: usize = 2_000_000;
const DIFFERENT: u32 = 50_000;

impl Benchmark for Word2Vec {
    /// The loss and the vectors of a short text.
    fn compare(cpu: &Cpu, _: &Word2VecConfig, _: &TextDataset) -> Result<()> {
        let (ids, width) = (50, 40);
        let noise = NegativeSampler::new(&(1..=ids as u64).rev().collect::<Vec<_>>())?;
        let stream = Stream::new(1, "bench");
        let skipgram = Skipgram {
            window: 5,
            negatives: 5,
            noise: &noise,
            shares: &[],
            stream,
            engine: Engine::SharedNegatives,
        };
        let words: Vec<u32> = (0..300u32).map(|i| i * i % 47).collect();
        let sentences = [Sentence { words: 0..words.len(), first: 0, rate: 0.1 }];
        let mut numbers = stream.at(u64::MAX);
        let mut table = || -> Vec<f32> {
            (0..ids * width).map(|_| numbers.uniform_between(-0.5, 0.5)).collect()
        };
        let (mut w_in, mut w_out) = (table(), table());
        let wide = |table: &[f32]| table.iter().copied().map(f64::from).collect::<Vec<_>>();
        let (mut want_in, mut want_out) = (wide(&w_in), wide(&w_out));
        train_reference(&skipgram, &mut want_in, &mut want_out, width, &words, &sentences);
        let order = Updates::Sequential;
        skipgram.train(cpu, &mut w_in, &mut w_out, width, &words, &sentences, order);
        let pairs = wide(&w_in).into_iter().zip(want_in);
        let error = pairs.map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        ensure!(
            error < 1e-5,
            "a vector differs by {error:e} from the plain computation's at {}",
            cpu.isa().name()
        );
        Ok(())
    }

    /// Without the files of questions and similarities.
    fn data_of_steps(cpu: &Cpu, config: &Word2VecConfig, data_dir: &Path) -> Result<TextDataset> {
        let mut config = config.clone();
        config.eval.questions.clear();
        config.eval.similarity.clear();
        Self::data(cpu, &config, data_dir, None)
    }

    /// Words with Zipf's law: the word of rank r has a frequency of 1/r.
    fn random_data(config: &Word2VecConfig) -> Result<TextDataset> {
        let mut numbers = Stream::new(config.seed, "bench").at(0);
        let range = f64::from(DIFFERENT).ln();
        let mut word = || (numbers.uniform() * range).exp() as u32;
        let words: Vec<u32> = (0..WORDS).map(|_| word().min(DIFFERENT - 1)).collect();
        let mut counts = vec![0; DIFFERENT as usize];
        words.iter().for_each(|&word| counts[word as usize] += 1);
        let names = (1..DIFFERENT).map(|i| format!("word{i}"));
        let all = std::iter::once(UNKNOWN.to_string()).chain(names);
        let vocabulary = Vocabulary::new(all)?.with_counts(counts)?;
        Ok(TextDataset { corpus: Corpus::of_ids(vocabulary, words), questions: None, pairs: None })
    }

    /// A multiply-add for the product and one for each of the two updates, of every number of
    /// every pair of an input and a target.
    fn operations(config: &Word2VecConfig, dataset: &TextDataset) -> Result<f64> {
        let (width, train) = (config.network.embedding_size, &config.train);
        let share = kept_share(config, dataset);
        // Reaches from 1 to the window's are equally likely.
        let pairs = (train.window_size + 1) as f64;
        Ok(6.0 * (width * (1 + train.num_neg_samples)) as f64 * pairs * share)
    }

    /// The reference counts the words that subsampling keeps.
    fn second_item(config: &Word2VecConfig, dataset: &TextDataset) -> Option<(&'static str, f64)> {
        Some(("kept words", kept_share(config, dataset)))
    }
}

/// The share of the text that subsampling keeps in the mean.
fn kept_share(config: &Word2VecConfig, dataset: &TextDataset) -> f64 {
    dataset.sentences(config).map_or(1.0, |sentences| sentences.expected_share())
}
