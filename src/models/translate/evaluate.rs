//! Losses and translations of a whole text.

use anyhow::Result;

use super::batch::{Batch, BatchMemory, BatchedText, Batches};
use super::beam::Search;
use super::decode::{self, Translator};
use super::model::TranslationModel;
use crate::console;
use crate::data::parallel::BucketBatch;
use crate::data::tokenizer::{Side, Tokenizer};
use crate::metrics::bleu::{Bleu, Statistics};
use crate::metrics::corpus::CorpusMetric;
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

/// The mean losses that the reference's evaluation prints, a bucket each: of one drawn batch, as
/// training takes them, with the softmax of samples where it has one. They vary from batch to batch
/// and are below those of [`perplexity`]. A bucket without pairs has none.
///
/// # Errors
/// Sizes that do not fit.
pub fn reference_losses(
    cpu: &Cpu,
    model: &mut TranslationModel,
    text: &BatchedText,
    step: u64,
) -> Result<Vec<(usize, f64)>> {
    let Batches::Buckets(buckets, size) = &text.batches else { return Ok(Vec::new()) };
    let mut batch = BucketBatch::default();
    let full = (0..buckets.sizes().len()).filter(|&bucket| !buckets.members(bucket).is_empty());
    full.map(|bucket| {
        buckets.draw_from(bucket, &text.pairs, step, *size, &mut batch);
        Ok((bucket, model.training_loss(cpu, &Batch::from(&batch), step)?))
    })
    .collect()
}

/// The BLEU of the model's translations of `text` (source, reference), and the translations; `None`
/// where a shutdown is requested.
///
/// # Errors
/// Sizes that do not fit.
pub fn bleu(
    cpu: &Cpu,
    translator: &mut Translator,
    tokenizer: &Tokenizer,
    text: &[[String; 2]],
    search: Search,
    shutdown: &ShutdownFlag,
) -> Result<Option<(f64, Vec<String>)>> {
    let sources: Vec<Vec<u32>> =
        text.iter().map(|[source, _]| tokenizer.encode(Side::Source, source)).collect();
    let Some(found) = translator.translate_all(cpu, &sources, search, shutdown)? else {
        return Ok(None);
    };
    let (bleu, mut sums) = (Bleu::default(), Statistics::default());
    let mut translations = Vec::with_capacity(text.len());
    for ([_, reference], hypotheses) in text.iter().zip(found) {
        let words = hypotheses.first().map_or(&[][..], |best| &best.words);
        let translation = decode::text(tokenizer, words);
        sums += bleu.statistics(&translation, &[reference]);
        translations.push(translation);
    }
    Ok(Some((bleu.score(&sums), translations)))
}
