//! A batch of pairs as a network is fed it.

use std::borrow::Cow;

use crate::data::parallel::{Bucket, BucketBatch, PreparedPairs, TokenBatch};

/// A batch of pairs; positions are time-major: position t of pair b stands at `t · size + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<'a> {
    /// Pairs.
    pub size: usize,
    /// What the encoder reads.
    pub source: &'a [u32],
    /// The tokens of each source, whose padding stands behind them; empty for buckets, whose padding
    /// stands in front and is read like words.
    pub lengths: &'a [u32],
    /// What the decoder reads.
    pub decoder: &'a [u32],
    /// What it is to say.
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
