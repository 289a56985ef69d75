//! The tables of the vectors, and the operators that train them.

use anyhow::{Result, ensure};
use candle_core::Device;

use super::ENTRY;
use super::config::{Algorithm, CorpusSource, Word2VecConfig};
use crate::checkpoint::Checkpoint;
use crate::data::corpus::Unk;
use crate::data::vocabulary::Vocabulary;
use crate::models::weights;
use crate::nn::Parameter;
use crate::ops::Cpu;
use crate::ops::nce::{Nce, Parameters};
use crate::ops::skipgram::cuda::{Sentences, Sizes, WindowTrainer};
use crate::ops::skipgram::{Engine, Loss, NegativeSampler, Sentence, Skipgram, Updates};
use crate::ops::skipgram::{context, noise_shares};
use crate::rng::Stream;
use crate::system::memory;
use crate::system::wording::counted;

/// The tables in training.
pub struct SkipGram {
    /// The words' vectors (words, width).
    input: Parameter,
    /// The vectors of the predicted words (words, width).
    output: Parameter,
    /// The biases of the predicted words (words); mini-batches alone have them.
    bias: Parameter,
    sampler: NegativeSampler,
    /// A shard of the sampler for each thread that trains without locks.
    shards: Vec<NegativeSampler>,
    config: Word2VecConfig,
    batches: Batches,
    /// The tables on the GPU, once one has trained them.
    gpu: Option<WindowTrainer>,
}

/// The embedding tables: input vectors of the words, and output vectors of the predicted words.
const TABLES: u64 = 2;

/// The tensor of the words' vectors in a checkpoint.
pub fn vectors_name(algorithm: Algorithm) -> &'static str {
    names(algorithm)[0]
}

/// The names of the reference, of the vectors, the weights and the biases.
fn names(algorithm: Algorithm) -> [&'static str; 3] {
    match algorithm {
        Algorithm::Windows | Algorithm::Pairs => ["w_in", "w_out", "unused"],
        Algorithm::MiniBatch => ["emb", "sm_w_t", "sm_b"],
    }
}

impl SkipGram {
    /// Initial tables for this many threads: vectors uniform in ±0.5 / width, everything else zero.
    ///
    /// # Errors
    /// More noise words per mini-batch than there are words.
    pub fn new(config: &Word2VecConfig, vocabulary: &Vocabulary, threads: usize) -> Result<Self> {
        let shape = [vocabulary.len(), config.network.embedding_size];
        let (scale, values) = (0.5 / shape[1] as f32, shape[0] as u64 * shape[1] as u64);
        // An evaluation makes unit vectors of a copy.
        let (data, eval) = (&config.data, &config.eval);
        let is_evaluated = data.source == CorpusSource::Analogies
            || !eval.questions.is_empty()
            || !eval.similarity.is_empty();
        memory::ensure_fits((TABLES + u64::from(is_evaluated)) * 4 * values, || {
            format!("network.embedding_size = {} for {} words", shape[1], shape[0])
        })?;
        let train = &config.train;
        let counts = noise_counts(vocabulary, config.data.unk);
        let sampler = NegativeSampler::new(&counts)?;
        let words = vocabulary.counts().iter().sum();
        let biases = if train.algorithm == Algorithm::MiniBatch { shape[0] } else { 0 };
        let (asked, there) = (train.num_neg_samples, sampler.support());
        ensure!(
            biases == 0 || asked <= there,
            "train.num_neg_samples = {asked}: the noise words of a mini-batch are all different, \
            but the vocabulary has only {there}; give fewer, or a lower data.min_count"
        );
        if train.algorithm == Algorithm::MiniBatch {
            // Logits, labels and biases of all examples with all words of the batch and all noise words.
            let [batch, noise, threads] =
                [train.batch_size, asked, threads].map(|size| size as u64);
            memory::ensure_fits(threads * 3 * 4 * batch * (batch + noise), || {
                format!("train.batch_size = {batch} with {}", counted(threads, "thread"))
            })?;
        }
        let [input, output, bias] = names(train.algorithm);
        Ok(Self {
            input: Parameter::uniform(input, &shape, scale, config.seed)?,
            output: Parameter::zeros(output, &shape)?,
            bias: Parameter::zeros(bias, &[biases])?,
            sampler,
            shards: NegativeSampler::partition(&counts, noise_shares(words, threads))?,
            config: config.clone(),
            batches: Batches::default(),
            gpu: None,
        })
    }

    /// Loads the vectors of another run, and its other tables where it has them.
    ///
    /// # Errors
    /// When the vectors are missing or have another shape.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.gpu = None;
        let has = |parameter: &&&Parameter| checkpoint.names().any(|name| name == parameter.name());
        let all = self.parameters();
        let (vectors, rest) = all.split_at(1);
        if let Ok(tensor) = checkpoint.tensor(self.input.name()) {
            let (own, theirs) = (self.input.shape()[1], tensor.shape().last().copied());
            ensure!(
                theirs.is_none_or(|theirs| theirs == own),
                "{} has {} {:?}, but network.embedding_size is {own}: start from it with --set \
                network.embedding_size={}",
                checkpoint.path.display(),
                self.input.name(),
                tensor.shape(),
                theirs.unwrap_or_default()
            );
        }
        weights::load(ENTRY.name, vectors, checkpoint)?;
        let rest: Vec<&Parameter> = rest.iter().filter(has).copied().collect();
        weights::load(ENTRY.name, &rest, checkpoint)
    }

    /// The words' vectors (words, width).
    pub fn vectors(&self) -> &Parameter {
        &self.input
    }

    /// Everything that is trained, the words' vectors first.
    pub fn parameters(&self) -> Vec<&Parameter> {
        let all = [&self.input, &self.output, &self.bias];
        all.into_iter().filter(|parameter| !parameter.is_empty()).collect()
    }

    /// Copies what a GPU has trained to the parameters.
    ///
    /// # Errors
    /// An error of the GPU.
    pub fn sync_from_gpu(&self) -> Result<()> {
        let Some(gpu) = &self.gpu else { return Ok(()) };
        self.input.update(|w_in| self.output.update(|w_out| gpu.download(w_in, w_out)))??
    }

    /// Trains `sentences`, whose words are in `words`.
    ///
    /// # Errors
    /// An error of the GPU, or of Candle.
    pub fn train(&mut self, cpu: &Cpu, words: &[u32], sentences: &[Sentence]) -> Result<Loss> {
        match (self.config.train.algorithm, cpu.gpu()) {
            (Algorithm::Windows, Some(device)) => self.train_on_gpu(device, words, sentences),
            (Algorithm::Windows, None) => {
                self.train_sgd(cpu, Engine::SharedNegatives, words, sentences)
            }
            (Algorithm::Pairs, _) => self.train_sgd(cpu, Engine::PerPair, words, sentences),
            (Algorithm::MiniBatch, _) => self.train_batches(cpu, words, sentences),
        }
    }

    fn updates(&self) -> Updates {
        if self.config.train.deterministic { Updates::Sequential } else { Updates::Hogwild }
    }

    fn operator(&self, engine: Engine) -> Skipgram<'_> {
        let Self { config, sampler, shards, .. } = self;
        let (window, negatives) = (config.train.window_size, config.train.num_neg_samples);
        let (noise, shares, stream) = (sampler, shards, pairs_stream(config));
        Skipgram { window, negatives, noise, shares, stream, engine }
    }

    fn train_sgd(
        &self,
        cpu: &Cpu,
        engine: Engine,
        words: &[u32],
        sentences: &[Sentence],
    ) -> Result<Loss> {
        let (skipgram, updates) = (self.operator(engine), self.updates());
        let width = self.config.network.embedding_size;
        let loss = self.input.update(|w_in| {
            self.output
                .update(|w_out| skipgram.train(cpu, w_in, w_out, width, words, sentences, updates))
        })??;
        Ok(loss)
    }

    fn train_on_gpu(
        &mut self,
        device: &Device,
        words: &[u32],
        sentences: &[Sentence],
    ) -> Result<Loss> {
        if self.gpu.is_none() {
            let train = &self.config.train;
            let sizes = Sizes {
                ids: self.sampler.len(),
                width: self.config.network.embedding_size,
                window: train.window_size,
                negatives: train.num_neg_samples,
            };
            let (w_in, w_out) = (self.input.values(), self.output.values());
            let stream = pairs_stream(&self.config);
            self.gpu =
                Some(WindowTrainer::new(device, sizes, &self.sampler, stream, &w_in, &w_out)?);
        }
        let Some(gpu) = &mut self.gpu else { return Ok(Loss::default()) };
        let ends = sentences.last().map_or(0, |sentence| sentence.words.end);
        let starts = sentences.iter().map(|sentence| sentence.words.start).chain([ends]);
        let trained = gpu.train(Sentences {
            words,
            starts: &starts.map(|start| start as u32).collect::<Vec<_>>(),
            first_numbers: &sentences.iter().map(|sentence| sentence.first).collect::<Vec<_>>(),
            rates: &sentences.iter().map(|sentence| sentence.rate).collect::<Vec<_>>(),
        })?;
        Ok(Loss { sum: trained.loss, pairs: trained.pairs })
    }

    fn train_batches(&mut self, cpu: &Cpu, words: &[u32], sentences: &[Sentence]) -> Result<Loss> {
        let (train, width) = (&self.config.train, self.config.network.embedding_size);
        let mut batches = std::mem::take(&mut self.batches);
        batches.collect(&self.operator(Engine::PerPair), train.batch_size, words, sentences);
        let stream = Stream::new(self.config.seed, "noise");
        let (batch, samples) = (train.batch_size, train.num_neg_samples);
        let nce = Nce { batch, samples, noise: &self.sampler, stream };
        let loss = self.input.update(|embeddings| {
            self.output.update(|weights| {
                self.bias.update(|biases| {
                    let parameters = Parameters { embeddings, weights, biases, width };
                    let Batches { pairs, first, rates } = &batches;
                    nce.train(cpu, parameters, pairs, *first, rates, self.updates())
                })
            })
        })???;
        self.batches = batches;
        Ok(loss)
    }
}

/// The stream of windows and negatives.
fn pairs_stream(config: &Word2VecConfig) -> Stream {
    Stream::new(config.seed, "pairs")
}

/// The word counts that negatives are sampled by.
fn noise_counts(vocabulary: &Vocabulary, unk: Unk) -> Vec<u64> {
    let mut counts = vocabulary.counts().to_vec();
    if unk == Unk::Drop {
        counts[0] = 0;
    }
    counts
}

/// The batches of a step, whose buffers stay.
#[derive(Default)]
pub struct Batches {
    /// Each centre with each word of its window, in the order of the text. The last batch of a
    /// step may be smaller.
    pub pairs: Vec<[u32; 2]>,
    /// The number of the first batch in the run.
    pub first: u64,
    /// The learning rate of each batch: that of its first pair's sentence.
    pub rates: Vec<f32>,
}

impl Batches {
    /// Collects the pairs of `sentences` in batches of `batch`.
    pub fn collect(
        &mut self,
        skipgram: &Skipgram,
        batch: usize,
        words: &[u32],
        sentences: &[Sentence],
    ) {
        self.pairs.clear();
        self.rates.clear();
        // No step has more batches than its kept words have pairs.
        let most_pairs = 2 * skipgram.window as u64;
        self.first = sentences.first().map_or(0, |sentence| sentence.first * most_pairs);
        for Sentence { words: range, first, rate } in sentences {
            let words = &words[range.clone()];
            for (i, &centre) in words.iter().enumerate() {
                let reach = skipgram.reach(first + i as u64);
                let around = context(i, reach, words.len()).filter(|&j| j != i);
                self.pairs.extend(around.map(|j| [centre, words[j]]));
            }
            self.rates.resize(self.pairs.len().div_ceil(batch), *rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::skipgram::{Engine, NegativeSampler};
    use crate::rng::Stream;

    #[test]
    fn every_word_is_paired_with_its_window() {
        let noise = NegativeSampler::new(&[1; 9]).unwrap();
        let stream = Stream::new(1, "pairs");
        let skipgram = Skipgram {
            window: 1,
            negatives: 1,
            noise: &noise,
            shares: &[],
            stream,
            engine: Engine::PerPair,
        };
        let sentence = |words, first, rate| Sentence { words, first, rate };
        let mut batches = Batches::default();
        let sentences = [sentence(0..3, 10, 0.5), sentence(3..4, 13, 0.4), sentence(4..6, 14, 0.3)];
        batches.collect(&skipgram, 4, &[1, 2, 3, 4, 5, 6], &sentences);
        assert_eq!(batches.pairs, [[1, 2], [2, 1], [2, 3], [3, 2], [5, 6], [6, 5]]);
        assert_eq!((batches.first, batches.rates), (20, vec![0.5, 0.3]));
    }
}
