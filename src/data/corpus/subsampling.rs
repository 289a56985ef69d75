//! Frequent words are left out at random (Mikolov et al., arXiv 1310.4546, eq. 5 in the form
//! of the reference's `word2vec_kernels.cc`).

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::rng::Stream;

/// What becomes of the word that stands for all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unk {
    /// It is a word as any other, as in the reference.
    #[default]
    Keep,
    /// It is left out of the text, as gensim and word2vec.c do.
    Drop,
}

/// Which words of an endless text are kept: a function of seed and place.
#[derive(Clone, Debug)]
pub struct Subsampling {
    /// By id: a word is kept where its random number is not above this.
    limits: Vec<u32>,
    unk: Unk,
    stream: Stream,
    share: f64,
}

/// The random numbers of a counter.
const NUMBERS: u64 = 4;

impl Subsampling {
    /// `sample` is the frequency from which on words are left out; 0 keeps all.
    ///
    /// # Errors
    /// When no word would be kept.
    pub fn new(counts: &[u64], sample: f64, unk: Unk, seed: u64) -> Result<Self> {
        let kept = counts.iter().skip(usize::from(unk == Unk::Drop));
        let total: u64 = kept.clone().sum();
        ensure!(
            total > 0,
            "no word of the text is in the vocabulary: decrease data.min_count, or keep UNK"
        );
        let probability = |&count: &u64| keep_probability(count, total, sample);
        // A number is not above the limit with the probability (limit + 1) / 2^32.
        let limit = |count| (probability(count) * 2f64.powi(32) - 1.0) as u32;
        let expected: f64 = kept.map(|count| probability(count) * *count as f64).sum();
        Ok(Self {
            limits: counts.iter().map(limit).collect(),
            unk,
            stream: Stream::new(seed, "subsampling"),
            share: expected / counts.iter().sum::<u64>() as f64,
        })
    }

    /// The share of the text that is kept in the mean.
    pub fn expected_share(&self) -> f64 {
        self.share
    }

    /// Whether the word `id` at `position` is kept; `numbers` are those of
    /// [`Subsampling::numbers`] for this place.
    #[inline(always)]
    pub(super) fn keeps(&self, id: u32, position: u64, numbers: &[u32; 4]) -> bool {
        let is_word = id != 0 || self.unk == Unk::Keep;
        is_word && numbers[(position % NUMBERS) as usize] <= self.limits[id as usize]
    }

    /// The random numbers of the four places around `position`.
    #[inline(always)]
    pub(super) fn numbers(&self, position: u64) -> [u32; 4] {
        self.stream.block(position / NUMBERS, 0)
    }

    /// Whether `position` has other [`Subsampling::numbers`] than the place before.
    #[inline(always)]
    pub(super) fn has_new_numbers(position: u64) -> bool {
        position.is_multiple_of(NUMBERS)
    }
}

/// The probability with which a word that occurs `count` times among `total` is kept.
pub fn keep_probability(count: u64, total: u64, sample: f64) -> f64 {
    if sample == 0.0 || count == 0 {
        return 1.0;
    }
    let threshold = sample * total as f64;
    let count = count as f64;
    (((count / threshold).sqrt() + 1.0) * threshold / count).min(1.0)
}
