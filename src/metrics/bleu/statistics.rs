//! What is counted in a segment, and added up over a corpus.

use std::hash::Hash;
use std::ops::AddAssign;

use super::MAX_ORDER;
use crate::metrics::ngrams;

/// The counts from which BLEU follows: those of a segment, or their sums over a corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Tokens of the hypothesis.
    pub hypothesis_len: u64,
    /// Tokens of the reference whose length is nearest, of two the shorter.
    pub reference_len: u64,
    /// For each length, the n-grams of the hypothesis that a reference has too, each at most as
    /// often as in the reference that has most of it.
    pub matches: [u64; MAX_ORDER],
    /// For each length, the n-grams of the hypothesis.
    pub totals: [u64; MAX_ORDER],
}

impl Statistics {
    /// The counts of one segment: a hypothesis as its tokens, and its references as theirs.
    pub fn of<T: Eq + Hash>(hypothesis: &[T], references: &[&[T]]) -> Self {
        let hypothesis_len = hypothesis.len();
        let lens = references.iter().map(|reference| reference.len());
        let nearest = lens.min_by_key(|&len| (len.abs_diff(hypothesis_len), len));
        let mut counts = Self {
            hypothesis_len: hypothesis_len as u64,
            reference_len: nearest.unwrap_or_default() as u64,
            ..Self::default()
        };
        let orders = ngrams::counts(hypothesis, references, MAX_ORDER);
        for (order, (own, mut references)) in orders.enumerate() {
            counts.totals[order] = own.total;
            let Some(mut union) = references.pop() else { continue };
            references.iter().for_each(|reference| union.raise_to(reference));
            counts.matches[order] = own.overlap(&union);
        }
        counts
    }
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, segment: Self) {
        self.hypothesis_len += segment.hypothesis_len;
        self.reference_len += segment.reference_len;
        for order in 0..MAX_ORDER {
            self.matches[order] += segment.matches[order];
            self.totals[order] += segment.totals[order];
        }
    }
}
