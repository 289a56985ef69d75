//! The plain rule: one pair at a time, with negatives of its own.

use super::draws::{PairDraws, first_word, reach};
use super::{Loss, Skipgram, context};
use crate::ops::logistic::{Tables, copy};
use crate::ops::simd::{Kernel, LANES, Simd, logistic};

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
        let width = self.tables.width;
        let stride = width.next_multiple_of(LANES);
        let Self { skipgram, tables, words, first, rate, draws, .. } = self;
        let (input, change) = self.buffer[..2 * stride].split_at_mut(stride);
        let pair = Pair { width, rate, input: input.as_mut_ptr(), change: change.as_mut_ptr() };
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
                // SAFETY: the words were checked, the noise has as many ids as the tables have
                // rows, and the buffer holds two rows of whole vectors.
                loss.sum += unsafe {
                    pair.train::<S>(
                        tables,
                        words[i],
                        words[j],
                        random.iter().map(|&word| skipgram.noise.draw(word)),
                    )
                };
                q += 1;
            }
            loss.pairs += q as u64;
        }
        loss
    }
}

/// The memory of a pair: the input's row as it is, and how it will change.
struct Pair {
    width: usize,
    rate: f32,
    input: *mut f32,
    change: *mut f32,
}

impl Pair {
    /// Trains one pair and returns its loss.
    ///
    /// # Safety
    /// Ids must be rows of the tables; `input` and `change` must be valid for whole vectors of
    /// `width` values.
    #[inline(always)]
    unsafe fn train<S: Simd>(
        &self,
        tables: Tables,
        input: u32,
        label: u32,
        negatives: impl Iterator<Item = u32>,
    ) -> f64 {
        let row = tables.input(input);
        // SAFETY: as the caller vouches.
        unsafe {
            copy::<S>(row, self.width, self.input);
            for at in (0..self.width).step_by(LANES) {
                S::splat(0.0).store(self.change.add(at));
            }
            let mut loss = f64::from(self.target::<S>(tables.target(label), 1.0));
            for negative in negatives {
                if negative != label {
                    loss += f64::from(self.target::<S>(tables.target(negative), 0.0));
                }
            }
            for at in (0..self.width).step_by(LANES) {
                let len = LANES.min(self.width - at);
                let new = S::load_first(row.add(at), len, 0.0).add(S::load(self.change.add(at)));
                new.store_first(row.add(at), len);
            }
            loss
        }
    }

    /// Changes the row of one target at once.
    #[inline(always)]
    unsafe fn target<S: Simd>(&self, row: *mut f32, label: f32) -> f32 {
        // SAFETY: as the caller vouches.
        unsafe {
            let mut sum = S::splat(0.0);
            for at in (0..self.width).step_by(LANES) {
                let w = S::load_first(row.add(at), LANES.min(self.width - at), 0.0);
                sum = w.mul_add(S::load(self.input.add(at)), sum);
            }
            let logit = sum.sum();
            let (sigmoid, softplus) = logistic(S::splat(logit));
            let g = S::splat(label).sub(sigmoid).mul(S::splat(self.rate));
            for at in (0..self.width).step_by(LANES) {
                let len = LANES.min(self.width - at);
                let (w, x) = (S::load_first(row.add(at), len, 0.0), S::load(self.input.add(at)));
                g.mul_add(w, S::load(self.change.add(at))).store(self.change.add(at));
                g.mul_add(x, w).store_first(row.add(at), len);
            }
            softplus.to_array()[0] - label * logit
        }
    }
}
