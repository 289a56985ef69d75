//! The plain rule: one pair at a time, with negatives of its own.

use super::draws::{PairDraws, first_word, reach};
use super::{Loss, Skipgram, context};
use crate::logistic::{Row, Tables};
use crate::simd::{Kernel, LANES, Simd, logistic};

/// One sentence.
pub(super) struct Pairs<'a> {
    pub skipgram: &'a Skipgram<'a>,
    pub tables: Tables<'a>,
    pub words: &'a [u32],
    pub first: u64,
    pub rate: f32,
    pub draws: &'a mut PairDraws,
    /// Two rows of whole vectors.
    pub buffer: &'a mut [f32],
}

impl Kernel for Pairs<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self) -> Loss {
        let stride = self.tables.width().next_multiple_of(LANES);
        let Self { skipgram, tables, words, first, rate, draws, .. } = self;
        let (input, change) = self.buffer[..2 * stride].split_at_mut(stride);
        let mut pair = Pair { rate, input, change };
        let mut loss = Loss::default();
        for i in 0..words.len() {
            let centre = first.wrapping_add(i as u64);
            let reach = reach(first_word(skipgram.stream, centre), skipgram.window) as usize;
            let around = context(i, reach, words.len());
            draws.fill(skipgram, centre, around.len() - 1);
            let mut q = 0;
            for j in around {
                if j == i {
                    continue;
                }
                let random = draws.words(skipgram, q);
                let negatives = random.iter().map(|&word| skipgram.noise.draw(word));
                loss.sum += pair.train::<S>(tables, words[i], words[j], negatives);
                q += 1;
            }
            loss.pairs += q as u64;
        }
        loss
    }
}

/// The memory of a pair, in whole vectors: the input's row as it is, and how it will change.
struct Pair<'a> {
    rate: f32,
    input: &'a mut [f32],
    change: &'a mut [f32],
}

impl Pair<'_> {
    /// Trains one pair and returns its loss.
    #[inline(always)]
    fn train<S: Simd>(
        &mut self,
        tables: Tables,
        input: u32,
        label: u32,
        negatives: impl Iterator<Item = u32>,
    ) -> f64 {
        let row = tables.input(input);
        row.copy::<S>(self.input);
        self.change.fill(0.0);
        let mut loss = f64::from(self.target::<S>(tables.target(label), 1.0));
        for negative in negatives {
            if negative != label {
                loss += f64::from(self.target::<S>(tables.target(negative), 0.0));
            }
        }
        row.add::<S>(self.change);
        loss
    }

    /// Changes the row of one target at once.
    #[inline(always)]
    fn target<S: Simd>(&mut self, row: Row, label: f32) -> f32 {
        let logit = row.dot::<S>(self.input);
        let (sigmoid, softplus) = logistic(S::splat(logit));
        let g = S::splat(label).sub(sigmoid).mul(S::splat(self.rate));
        row.exchange(g, self.input, self.change);
        softplus.to_array()[0] - label * logit
    }
}
