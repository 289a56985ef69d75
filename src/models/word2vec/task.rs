//! Training, as the loop of [`crate::train`] sees it: a step is a block of the text, whose
//! sentences all threads share, and which ends when the last of them is done.

use std::sync::Arc;

use anyhow::{Context, Result};
use candle_core::Tensor;
use serde_json::{Map, Value, json};

use super::ENTRY;
use super::analogies::{self, AnalogyScore};
use super::config::{DecayBy, Word2VecConfig};
use super::dataset::TextDataset;
use super::similarity;
use super::skip_gram::SkipGram;
use super::vectors::WordVectors;
use crate::checkpoint::Checkpoint;
use crate::data::corpus::{Cursor, SentenceBatch, SentenceSpan, Sentences};
use crate::models::weights;
use crate::ops::skipgram::{self, Loss};
use crate::ops::{Cpu, ensure_finite};
use crate::train::{EpochReport, Evaluation, Progress, ShutdownFlag, Task};

/// Word vectors on their way through a text.
pub struct Word2VecTask<'a> {
    cpu: &'a Cpu,
    config: &'a Word2VecConfig,
    dataset: &'a TextDataset,
    sentences: Sentences<'a>,
    model: SkipGram,
    cursor: Cursor,
    block: SentenceBatch,
    batch: Vec<skipgram::Sentence>,
    epoch: Loss,
}

impl<'a> Word2VecTask<'a> {
    /// A task from the first step.
    ///
    /// # Errors
    /// When subsampling would keep no word.
    pub fn new(
        cpu: &'a Cpu,
        config: &'a Word2VecConfig,
        dataset: &'a TextDataset,
        model: SkipGram,
    ) -> Result<Self> {
        let sentences = dataset.sentences(config)?;
        Ok(Self {
            cpu,
            config,
            dataset,
            sentences,
            model,
            cursor: Cursor::default(),
            block: SentenceBatch::default(),
            batch: Vec::new(),
            epoch: Loss::default(),
        })
    }

    /// The words of an epoch.
    fn words(&self) -> u64 {
        self.dataset.corpus.len() as u64
    }

    /// The words of all epochs.
    fn all_words(&self) -> u64 {
        self.words() * self.config.train.epochs_to_train
    }

    /// The place in all epochs at which step `step` begins: epochs have equal steps.
    fn begin_of(&self, step: u64) -> u64 {
        let (epoch, step) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        epoch * self.words() + step * self.words() / self.steps_per_epoch()
    }

    fn learning_rate(&self, position: u64, kept: u64) -> f64 {
        let done = match self.config.train.decay_by {
            DecayBy::Raw => position,
            DecayBy::Kept => kept,
        };
        self.config.train.learning_rate_at(done, self.all_words())
    }

    fn with_learning_rate(&self, sentence: &SentenceSpan) -> skipgram::Sentence {
        let rate = self.learning_rate(sentence.position, sentence.first) as f32;
        skipgram::Sentence { words: sentence.words.clone(), first: sentence.first, rate }
    }

    /// The share of the words that subsampling has kept so far.
    fn kept_share(&self) -> f64 {
        self.cursor.kept as f64 / self.cursor.position.max(1) as f64
    }

    /// The mean loss of a pair in this epoch, as a metric; none before the first pair.
    fn loss(&self) -> Option<(&'static str, f64)> {
        let pairs = self.epoch.pairs;
        (pairs > 0).then(|| ("loss", self.epoch.sum / pairs as f64))
    }

    fn current_rate(&self) -> f64 {
        self.learning_rate(self.cursor.position, self.cursor.kept)
    }

    /// Evaluates the vectors on the questions and pairs of the config.
    fn evaluate(&self) -> Result<Vec<Evaluation>> {
        let TextDataset { corpus, questions, pairs } = self.dataset;
        if !self.dataset.is_evaluated() {
            return Ok(Vec::new());
        }
        self.model.sync_from_gpu()?;
        let (words, width) = (&corpus.vocabulary, self.config.network.embedding_size);
        let rows = self.model.vectors().values().to_vec();
        let vectors = WordVectors::new(Arc::clone(words), width, rows)?.into_unit();
        let mut measured = Vec::new();
        if let Some(questions) = questions {
            let score = analogies::score(self.cpu, &vectors, &questions.resolve(words)?);
            measured.push(analogy_evaluation(&score));
        }
        if let Some(pairs) = pairs {
            match similarity::score(&vectors, pairs) {
                Ok(score) => {
                    let metrics = vec![("similarity", score.spearman)];
                    measured.push(Evaluation { phase: "test", metrics, line: score.to_string() });
                }
                // The other scores are kept.
                Err(error) => tracing::warn!("{error:#}"),
            }
        }
        Ok(measured)
    }
}

/// The score as a metric and in words.
fn analogy_evaluation(score: &AnalogyScore) -> Evaluation {
    let AnalogyScore { precision, right, questions, .. } = score;
    let line = format!("analogies {right}/{questions} = {:.2} %", 100.0 * precision);
    Evaluation { phase: "test", metrics: vec![("analogy", *precision)], line }
}

impl Task for Word2VecTask<'_> {
    fn model(&self) -> &'static str {
        ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        self.words().div_ceil(self.config.train.block_words).max(1)
    }

    fn total_steps(&self) -> u64 {
        self.steps_per_epoch() * self.config.train.epochs_to_train
    }

    fn how_to_continue(&self) -> &'static str {
        "its length is fixed, since the learning rate depends on it; --init-from starts a new run from it"
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("words", self.words() / self.steps_per_epoch())
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        self.epoch = Loss::default();
        format!("Epoch: {} Learning rate: {:.5}", epoch + 1, self.current_rate())
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let (until, end) = (self.begin_of(step + 1), self.all_words());
        self.sentences.read(&mut self.cursor, until, end, &mut self.block);
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        batch.extend(self.block.sentences.iter().map(|sentence| self.with_learning_rate(sentence)));
        let loss = self.model.train(self.cpu, &self.block.words, &batch)?;
        self.batch = batch;
        ensure_finite(loss.sum, "the loss")?;
        self.epoch += loss;
        Ok(())
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        self.loss().into_iter().collect()
    }

    fn record(&self, _: u64) -> Vec<(&'static str, f64)> {
        let others = [("learning_rate", self.current_rate()), ("kept_share", self.kept_share())];
        self.loss().into_iter().chain(others).collect()
    }

    /// Words a second as the reference counts them, those that subsampling keeps, and all.
    fn report(&mut self, Progress { step, rate, .. }: Progress) -> Result<String> {
        Ok(format!(
            "Epoch {:4} Step {:8}: lr = {:5.3} loss = {:6.2} words/sec = {:8.0} (raw {rate:.0})",
            step / self.steps_per_epoch() + 1,
            step + 1,
            self.current_rate(),
            self.loss().map_or(0.0, |(_, loss)| loss),
            rate * self.kept_share()
        ))
    }

    fn is_evaluated(&self, _: u64) -> bool {
        self.dataset.is_evaluated()
    }

    fn end_epoch(&mut self, _: u64, _: &ShutdownFlag) -> Result<Option<EpochReport>> {
        let loss = self.loss();
        let line = match loss {
            Some((_, loss)) => format!("loss {loss:.4}"),
            None => "no pair of words to learn from".to_owned(),
        };
        let tests = self.evaluate()?;
        let precision = tests.iter().flat_map(|test| &test.metrics);
        let mut precision =
            precision.filter(|(name, _)| *name == "analogy").map(|(_, value)| *value);
        let score = precision.next_back().map(|precision| 1.0 - precision);
        let score = score.or(loss.map(|(_, loss)| loss));
        let metrics = loss.into_iter().collect();
        let mut measured = vec![Evaluation { phase: "epoch", metrics, line }];
        measured.extend(tests);
        Ok(Some(EpochReport { measured, score }))
    }

    /// The last epoch has been evaluated.
    fn finish(&mut self, _: &ShutdownFlag) -> Result<Option<Vec<Evaluation>>> {
        Ok(Some(Vec::new()))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        self.model.sync_from_gpu()?;
        weights::of(&self.model.parameters())
    }

    fn state(&self) -> Map<String, Value> {
        // The streams are functions of seed and place.
        Map::from_iter([
            ("seed".to_string(), self.config.seed.into()),
            ("cursor".to_string(), json!(self.cursor)),
            ("loss".to_string(), json!({ "sum": self.epoch.sum, "pairs": self.epoch.pairs })),
        ])
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        let part =
            |name: &str| state.get(name).with_context(|| format!("the checkpoint holds no {name}"));
        self.cursor = serde_json::from_value(part("cursor")?.clone())?;
        let loss = part("loss")?;
        let number = |name: &str| loss.get(name).context("the checkpoint's loss is damaged");
        self.epoch = Loss {
            sum: serde_json::from_value(number("sum")?.clone())?,
            pairs: serde_json::from_value(number("pairs")?.clone())?,
        };
        self.model.load(checkpoint)
    }
}
