//! The engine whose negatives are shared by all pairs of a centre.

use super::draws::Draws;
use super::{Loss, Skipgram, context};
use crate::logistic::{Minibatch, Tables};
use crate::simd::{Kernel, Simd};

/// One sentence.
pub(super) struct Windows<'a> {
    pub skipgram: &'a Skipgram<'a>,
    pub tables: Tables<'a>,
    pub words: &'a [u32],
    pub first: u64,
    pub rate: f32,
    pub block: &'a mut Minibatch,
    pub draws: &'a mut Draws,
}

impl Kernel for Windows<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(mut self) -> Loss {
        let mut loss = Loss::default();
        for i in 0..self.words.len() {
            self.draws.advance(self.skipgram, self.first, i, self.words.len());
            let pairs = self.gather(i);
            if pairs == 0 {
                continue;
            }
            self.look_ahead(i + 1);
            loss.sum += f64::from(self.block.step::<S>(self.tables, self.rate));
            loss.pairs += pairs as u64;
        }
        loss
    }
}

impl Windows<'_> {
    /// Collects inputs, targets and their weights; the number of pairs.
    #[inline(always)]
    fn gather(&mut self, i: usize) -> usize {
        let (block, centre) = (&mut *self.block, self.words[i]);
        let around = context(i, self.draws.reach(i), self.words.len());
        let pairs = around.len() - 1;
        block.clear();
        for j in around {
            if j != i {
                block.inputs.add(self.words[j], 1.0);
            }
        }
        block.targets.add(centre, 0.0);
        for &negative in self.draws.negatives(self.skipgram, i) {
            if negative != centre {
                block.targets.add(negative, 1.0);
            }
        }
        if pairs > 0 {
            block.weigh_negatives();
            for j in 0..block.inputs.len() {
                block.add_label(0, j, block.inputs.counts()[j]);
            }
        }
        pairs
    }

    /// Names the rows that the window of centre `i` needs and the one before may not have had.
    #[inline(always)]
    fn look_ahead(&mut self, i: usize) {
        if i == self.words.len() {
            return;
        }
        if let Some(&input) = self.words.get(i + self.skipgram.window) {
            self.block.prefetch_rows.push(self.tables.input(input).pointer());
        }
        self.block.prefetch_rows.push(self.tables.target(self.words[i]).pointer());
        for &negative in self.draws.negatives(self.skipgram, i) {
            self.block.prefetch_rows.push(self.tables.target(negative).pointer());
        }
    }
}
