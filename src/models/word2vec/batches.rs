//! Pairs of a word and its neighbour, in mini-batches.

use crate::ops::skipgram::{Sentence, Skipgram, context};

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
