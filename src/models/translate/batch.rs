//! Texts in batches, and a batch of pairs as a network is fed it.

use std::borrow::Cow;

use anyhow::{Context, Result};

use super::config::TranslateConfig;
use crate::data::parallel::{
    Bucket, BucketBatch, Buckets, Longest, PreparedPairs, TokenBatch, TokenBatches,
};
use crate::data::tokenizer::Side;
use crate::rng::Stream;

/// The stream that the batches of training are drawn from.
pub const TRAINING: &str = "batches";
/// The stream of word dropout.
const WORD_DROPOUT: &str = "word dropout";

/// A batch of pairs; positions are time-major: position t of pair b is at index `t · size + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<'a> {
    /// Pairs.
    pub size: usize,
    /// The input of the encoder.
    pub source: &'a [u32],
    /// The number of tokens of each source, padded at the end; empty for buckets, whose padding comes
    /// first and is read like words.
    pub lengths: &'a [u32],
    /// The input of the decoder.
    pub decoder: &'a [u32],
    /// The targets of the decoder.
    pub targets: &'a [u32],
    /// 1 where a target counts, else 0.
    pub weights: Cow<'a, [f32]>,
}

/// The memory of batches.
#[derive(Debug, Default)]
pub struct BatchMemory {
    /// Of a bucket.
    pub bucket: BucketBatch,
    /// Of about equally many tokens.
    pub tokens: TokenBatch,
}

impl BatchMemory {
    /// Pairs as a batch of a bucket of that size, or as they are with their padding masked.
    pub fn fill<'a>(
        &'a mut self,
        pairs: &PreparedPairs,
        size: Option<Bucket>,
        chosen: &[u32],
    ) -> Batch<'a> {
        match size {
            Some(size) => {
                self.bucket.fill(pairs, 0, size, chosen);
                Batch::from(&self.bucket)
            }
            None => {
                self.tokens.fill(pairs, chosen);
                Batch::from(&self.tokens)
            }
        }
    }
}

impl<'a> From<&'a BucketBatch> for Batch<'a> {
    fn from(batch: &'a BucketBatch) -> Self {
        Self {
            size: batch.size,
            source: &batch.source,
            lengths: &[],
            decoder: &batch.decoder,
            targets: &batch.targets,
            weights: Cow::Borrowed(&batch.weights),
        }
    }
}

impl<'a> From<&'a TokenBatch> for Batch<'a> {
    fn from(batch: &'a TokenBatch) -> Self {
        let weight = |i: usize| {
            let (step, pair) = (i / batch.size(), i % batch.size());
            f32::from(step < batch.target_lengths[pair] as usize)
        };
        Self {
            size: batch.size(),
            source: &batch.source,
            lengths: &batch.source_lengths,
            decoder: &batch.decoder,
            targets: &batch.targets,
            weights: (0..batch.targets.len()).map(weight).collect(),
        }
    }
}

impl Batch<'_> {
    /// The targets that count.
    pub fn words(&self) -> u64 {
        self.weights.iter().filter(|weight| **weight > 0.0).count() as u64
    }

    /// The weights of training: with buckets each pair counts the same, whatever its length, as the
    /// reference's `sequence_loss_by_example` has it; else each token.
    pub fn training_weights(&self) -> Vec<f32> {
        if !self.lengths.is_empty() {
            let all = self.words().max(1) as f32;
            return self.weights.iter().map(|weight| weight / all).collect();
        }
        let mut words = vec![0.0; self.size];
        for row in self.weights.chunks(self.size) {
            words.iter_mut().zip(row).for_each(|(words, weight)| *words += weight);
        }
        let share =
            |(i, weight): (usize, &f32)| weight / (words[i % self.size] + 1e-12) / self.size as f32;
        self.weights.iter().enumerate().map(share).collect()
    }
}

/// The most pairs whose losses are found side by side, and the most positions of their targets where
/// these are several.
const SIDE_BY_SIDE: usize = 64;
const POSITIONS: usize = 1 << 12;

/// Cuts pairs into parts whose losses are found side by side: few where their targets are long, since
/// each position has the logits of all words. `steps` are the positions that a pair needs.
pub fn side_by_side<T>(pairs: &[T], steps: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = pairs;
    std::iter::from_fn(move || {
        let mut longest = 0;
        let fits = |(i, pair): (usize, &T)| {
            longest = steps(pair).max(longest);
            i == 0 || (i < SIDE_BY_SIDE && (i + 1) * longest <= POSITIONS)
        };
        let count = rest.iter().enumerate().map(fits).take_while(|fits| *fits).count();
        let part;
        (part, rest) = rest.split_at(count);
        (count > 0).then_some(part)
    })
}

/// Pairs as ids, in batches.
#[derive(Debug)]
pub struct BatchedText {
    /// The ids.
    pub pairs: PreparedPairs,
    /// How they are put together.
    pub batches: Batches,
    /// The probability with which a word of a training batch is dropped, and where it is drawn.
    word_dropout: (f32, Stream),
}

/// How pairs are put together.
#[derive(Debug)]
pub enum Batches {
    /// Drawn as in the reference, with this many pairs per batch.
    Buckets(Buckets, usize),
    /// By about equal numbers of tokens.
    Tokens(TokenBatches),
}

/// Pairs whose losses are found side by side.
#[derive(Clone, Debug)]
pub struct Group {
    /// The lengths of encoder and decoder; without buckets, those of the longest sentences.
    pub size: Bucket,
    /// The pairs.
    pub members: Vec<u32>,
}

impl BatchedText {
    /// The batches of pairs that the config asks for; those of the stream [`TRAINING`] are trained
    /// on.
    ///
    /// # Errors
    /// No pair is short enough.
    pub fn new(pairs: PreparedPairs, config: &TranslateConfig, name: &str) -> Result<Self> {
        let batches = match config.is_bidirectional() {
            false => {
                let buckets = Buckets::new(&pairs, &config.data.sizes(), config.seed, name)?;
                Batches::Buckets(buckets, config.train.batch_size)
            }
            true => {
                let tokens = config.train.batch_tokens;
                let new =
                    |tokens, longest| TokenBatches::new(&pairs, tokens, longest, config.seed, name);
                Batches::Tokens(match name {
                    TRAINING => new(tokens, config.longest()).with_context(|| {
                        let most = config.data.max_length;
                        format!(
                            "data.max_length = {most} and train.batch_tokens = {tokens} leave no \
                             pair; give larger ones"
                        )
                    })?,
                    // Texts that are only scored are whole, and in one batch.
                    _ => new(usize::MAX, Longest::ANY)?,
                })
            }
        };
        let word_dropout = (config.train.word_dropout, Stream::new(config.seed, WORD_DROPOUT));
        Ok(Self { pairs, batches, word_dropout })
    }

    /// Pairs that are not too long.
    pub fn len(&self) -> usize {
        self.pairs.len() - self.dropped()
    }

    /// Pairs that are too long.
    pub fn dropped(&self) -> usize {
        match &self.batches {
            Batches::Buckets(buckets, _) => buckets.dropped(),
            Batches::Tokens(tokens) => tokens.dropped(),
        }
    }

    /// Batches of an epoch.
    pub fn batches_per_epoch(&self) -> usize {
        match &self.batches {
            Batches::Buckets(_, size) => self.len().div_ceil(*size),
            Batches::Tokens(tokens) => tokens.per_epoch(),
        }
    }

    /// Pairs of a training step; in the mean, where batches have about as many tokens.
    pub fn pairs_per_batch(&self) -> usize {
        match &self.batches {
            Batches::Buckets(_, size) => *size,
            Batches::Tokens(tokens) => self.len().div_ceil(tokens.per_epoch()),
        }
    }

    /// The batch of a training step.
    pub fn batch<'a>(&self, step: u64, memory: &'a mut BatchMemory) -> Batch<'a> {
        match &self.batches {
            Batches::Buckets(buckets, size) => {
                buckets.copy(&self.pairs, step, *size, &mut memory.bucket);
                Batch::from(&memory.bucket)
            }
            Batches::Tokens(tokens) => {
                tokens.copy(&self.pairs, step, &mut memory.tokens);
                let (rate, stream) = self.word_dropout;
                if rate > 0.0 {
                    memory.tokens.drop_words(rate, &mut stream.at(step));
                }
                Batch::from(&memory.tokens)
            }
        }
    }

    /// All pairs that are not too long, by bucket.
    pub fn groups(&self) -> Vec<Group> {
        let Batches::Buckets(buckets, _) = &self.batches else {
            let length = |pair: u32, side| self.pairs.length(pair as usize, side);
            let mut members: Vec<u32> = (0..self.pairs.len() as u32).collect();
            members.retain(|&i| length(i, Side::Source) > 0);
            members.sort_by_key(|&i| (length(i, Side::Target), length(i, Side::Source)));
            let longest = |side| members.iter().map(|&i| length(i, side)).max().unwrap_or(0);
            let size = Bucket::new(longest(Side::Source), longest(Side::Target) + 1);
            return vec![Group { size, members }];
        };
        let groups = buckets.sizes().iter().enumerate();
        groups.map(|(i, &size)| Group { size, members: buckets.members(i).to_vec() }).collect()
    }

    /// Lengths of encoder and decoder, and how many pairs have them; without buckets, the mean lengths
    /// of all pairs.
    pub fn sizes(&self) -> Vec<(Bucket, usize)> {
        let groups = self.groups();
        if let Batches::Buckets(..) = self.batches {
            return groups.into_iter().map(|group| (group.size, group.members.len())).collect();
        }
        let mean = |side| {
            let all: usize = (0..self.pairs.len()).map(|i| self.pairs.length(i, side)).sum();
            all.div_ceil(self.pairs.len().max(1))
        };
        vec![(Bucket::new(mean(Side::Source), mean(Side::Target) + 1), self.len())]
    }

    /// The pairs of a group in parts whose losses are found side by side.
    pub fn parts<'a>(&self, group: &'a Group) -> impl Iterator<Item = &'a [u32]> {
        side_by_side(&group.members, |&pair| match &self.batches {
            Batches::Buckets(..) => group.size.target,
            Batches::Tokens(_) => self.pairs.length(pair as usize, Side::Target) + 1,
        })
    }

    /// Some pairs of a group as a batch.
    pub fn fill<'a>(
        &self,
        group: &Group,
        chosen: &[u32],
        memory: &'a mut BatchMemory,
    ) -> Batch<'a> {
        let has_buckets = matches!(self.batches, Batches::Buckets(..));
        memory.fill(&self.pairs, has_buckets.then_some(group.size), chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_targets_stand_beside_few_others() {
        let sizes = |steps: &[usize]| -> Vec<usize> {
            side_by_side(steps, |&steps| steps).map(<[usize]>::len).collect()
        };
        assert_eq!(sizes(&[1; 150]), [64, 64, 22]);
        assert_eq!(sizes(&[1000; 9]), [4, 4, 1]);
        assert_eq!(sizes(&[10, 10, 2048, 2049, 9999, 5]), [2, 1, 1, 1, 1]);
        assert!(sizes(&[]).is_empty());
    }
}
