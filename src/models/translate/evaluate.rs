//! Losses and translations of a whole text.

use anyhow::Result;

use super::batch::{Batch, BatchMemory, BatchedText, Batches};
use super::beam::{Hypothesis, Search};
use super::decode::{self, Translator};
use super::model::TranslationModel;
use crate::console;
use crate::data::parallel::BucketBatch;
use crate::data::tokenizer::{Side, Tokenizer};
use crate::metrics::bleu::{Bleu, Statistics};
use crate::metrics::corpus::CorpusMetric;
use crate::metrics::perplexity_in_words;
use crate::ops::Cpu;
use crate::train::ShutdownFlag;

/// The losses of the pairs of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BucketScore {
    /// Nats, all words and ends of sentences together.
    pub loss: f64,
    /// How many these are.
    pub words: u64,
    /// Pairs.
    pub pairs: usize,
}

impl BucketScore {
    /// e to the mean loss.
    pub fn perplexity(&self) -> f64 {
        (self.loss / self.words.max(1) as f64).exp()
    }

    /// The score of several buckets together.
    pub fn total(scores: &[Self]) -> Self {
        let mut total = Self::default();
        for score in scores {
            total.loss += score.loss;
            total.words += score.words;
            total.pairs += score.pairs;
        }
        total
    }
}

/// The score of the pairs of each bucket under the softmax of all words; `None` where a shutdown is
/// requested.
///
/// # Errors
/// Sizes that do not fit.
pub fn perplexity(
    cpu: &Cpu,
    model: &mut TranslationModel,
    text: &BatchedText,
    shutdown: &ShutdownFlag,
) -> Result<Option<Vec<BucketScore>>> {
    let (mut memory, mut done) = (BatchMemory::default(), 0);
    let groups = text.groups();
    let mut scores = Vec::with_capacity(groups.len());
    for group in &groups {
        let mut score = BucketScore::default();
        for chosen in text.parts(group) {
            if shutdown.requested() {
                return Ok(None);
            }
            console::progress("evaluating", done, text.len() as u64);
            let batch = text.fill(group, chosen, &mut memory);
            let losses = model.losses(cpu, &batch)?;
            score.loss += losses.iter().copied().map(f64::from).sum::<f64>();
            score.words += batch.words();
            score.pairs += chosen.len();
            done += chosen.len() as u64;
        }
        scores.push(score);
    }
    Ok(Some(scores))
}

/// The reference's own evaluation after some steps: one drawn batch per bucket, as training takes
/// them, with the softmax of samples where it has one. Its losses vary from batch to batch and are
/// below those of [`perplexity`].
#[derive(Debug)]
pub struct DrawnBatches {
    /// Pairs of a batch.
    size: usize,
    /// Bucket and mean loss; a bucket without pairs has none, nor have batches without buckets.
    losses: Vec<(usize, f64)>,
}

impl DrawnBatches {
    /// Draws and scores the batches of a step.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn score(
        cpu: &Cpu,
        model: &mut TranslationModel,
        text: &BatchedText,
        step: u64,
    ) -> Result<Self> {
        let Batches::Buckets(buckets, size) = &text.batches else {
            return Ok(Self { size: 0, losses: Vec::new() });
        };
        let mut batch = BucketBatch::default();
        let full = (0..buckets.sizes().len()).filter(|&bucket| !buckets.members(bucket).is_empty());
        let losses = full.map(|bucket| {
            buckets.draw_from(bucket, &text.pairs, step, *size, &mut batch);
            Ok((bucket, model.training_loss(cpu, &Batch::from(&batch), step)?))
        });
        Ok(Self { size: *size, losses: losses.collect::<Result<_>>()? })
    }

    /// A line per bucket, as the reference prints it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.losses.iter().map(|(bucket, loss)| {
            let perplexity = perplexity_in_words(loss.exp());
            format!("eval: bucket {bucket} perplexity {perplexity} (of {} pairs)", self.size)
        })
    }

    /// The perplexity of all buckets together, under the name it is recorded by.
    pub fn metric(&self) -> Option<(&'static str, f64)> {
        let sum: f64 = self.losses.iter().map(|(_, loss)| loss).sum();
        let mean = sum / self.losses.len() as f64;
        (!self.losses.is_empty()).then(|| ("batch_perplexity", mean.exp()))
    }
}

/// The model's translations of the sources of `text`; `None` where a shutdown is requested.
///
/// # Errors
/// Sizes that do not fit.
pub fn translations(
    cpu: &Cpu,
    translator: &mut Translator,
    tokenizer: &Tokenizer,
    text: &[[String; 2]],
    search: Search,
    shutdown: &ShutdownFlag,
) -> Result<Option<Vec<String>>> {
    let sources: Vec<Vec<u32>> =
        text.iter().map(|[source, _]| tokenizer.encode(Side::Source, source)).collect();
    let Some(found) = translator.translate_all(cpu, &sources, search, shutdown)? else {
        return Ok(None);
    };
    let text = |hypotheses: &Vec<Hypothesis>| {
        let words = hypotheses.first().map_or(&[][..], |best| &best.words);
        decode::text(tokenizer, words)
    };
    Ok(Some(found.iter().map(text).collect()))
}

/// What the translation of each pair of `text` (source, reference) adds to BLEU.
pub fn statistics(bleu: &Bleu, text: &[[String; 2]], translations: &[String]) -> Vec<Statistics> {
    let pairs = text.iter().zip(translations);
    pairs.map(|([_, reference], own)| bleu.statistics(own, &[reference])).collect()
}
