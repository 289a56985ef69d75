//! Negative samples without repeats.

use super::Nce;

/// Blocks of random words that are drawn together, so that the compiler can use vectors.
const GROUP: usize = 16;

/// Draws distinct ids, as TensorFlow's `fixed_unigram_candidate_sampler` does with `unique`: what
/// has been drawn before is drawn again.
#[derive(Clone, Debug, Default)]
pub(super) struct Sampler {
    ids: Vec<u32>,
    /// A bit for each id, set while it is among `ids`.
    drawn: Vec<u64>,
}

impl Sampler {
    /// Makes room for `samples` of `ids` ids.
    pub(super) fn reserve(&mut self, ids: usize, samples: usize) {
        self.ids.clear();
        self.ids.reserve(samples);
        self.drawn.clear();
        self.drawn.resize(ids.div_ceil(64), 0);
    }

    /// The latest draw.
    #[inline(always)]
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Draws for the batch with the number `batch`.
    #[inline(always)]
    pub(super) fn draw(&mut self, nce: &Nce, batch: u64) {
        for &id in &self.ids {
            self.drawn[id as usize / 64] = 0;
        }
        self.ids.clear();
        let mut first = 0;
        while self.ids.len() < nce.samples {
            let mut words = [[0; 4]; GROUP];
            for (i, words) in words.iter_mut().enumerate() {
                *words = nce.stream.block(batch, first + i as u64);
            }
            first += GROUP as u64;
            for &word in words.as_flattened() {
                let id = nce.noise.draw(word);
                let (at, bit) = (id as usize / 64, 1 << (id % 64));
                if self.drawn[at] & bit == 0 && self.ids.len() < nce.samples {
                    self.drawn[at] |= bit;
                    self.ids.push(id);
                }
            }
        }
    }
}
