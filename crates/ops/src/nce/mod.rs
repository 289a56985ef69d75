//! The mini-batch skip-gram: a batch of (example, label) pairs against noise words that the whole
//! batch shares (Mikolov et al., arXiv 1310.4546; the loss is that of noise-contrastive estimation
//! without its correction, as `word2vec.py` of TensorFlow's models has it).
//!
//! With B pairs (e, l) and K distinct noise words s the loss is
//! (Σ -log σ(x(e, l)) - Σ_s log σ(-x(e, s))) / B, where x(e, t) = emb\[e\] · weights\[t\] + biases\[t\].
//! One step of gradient descent follows it: all gradients are of the values before the batch, and
//! those of a row that occurs several times are added. A noise word that is also a label is kept.
//!
//! The noise of batch b is drawn word by word from the stream's step b, repeats being drawn again.

mod sampler;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ops::Range;

use super::Cpu;
pub use super::logistic::{Loss, Updates};
use super::logistic::{Minibatch, Row, Tables};
use super::simd::{Kernel, Simd};
use super::skipgram::NegativeSampler;
use crate::rng::Stream;
use sampler::Sampler;

/// Batches that a thread takes at a time.
const RUN: usize = 32;

/// The model's rules.
#[derive(Clone, Copy, Debug)]
pub struct Nce<'a> {
    /// Pairs of a batch; at least 1.
    pub batch: usize,
    /// Negative samples of a batch, at most [`NegativeSampler::support`].
    pub samples: usize,
    /// The distribution of the noise words.
    pub noise: &'a NegativeSampler,
    /// The stream of the noise words.
    pub stream: Stream,
}

/// The model's parameters.
#[derive(Debug)]
pub struct Parameters<'a> {
    /// The embeddings of examples (V, width).
    pub embeddings: &'a mut [f32],
    /// The weights of labels and noise words (V, width).
    pub weights: &'a mut [f32],
    /// Their biases (V).
    pub biases: &'a mut [f32],
    /// The values of an embedding.
    pub width: usize,
}

impl Nce<'_> {
    /// Trains `pairs` of example and label in batches, the last of which may be smaller; the first
    /// has the number `first`. `rates` has the learning rate of each batch. The loss is the sum of
    /// the batches' before their division by B.
    ///
    /// # Panics
    /// When the parameters have other sizes than (V, width) and (V), V being the noise's; when
    /// there is not one rate for each batch, a word is not in the tables, `batch` or the width is
    /// zero, or there are more samples than ids to draw.
    pub fn train(
        &self,
        cpu: &Cpu,
        parameters: Parameters,
        pairs: &[[u32; 2]],
        first: u64,
        rates: &[f32],
        order: Updates,
    ) -> Loss {
        self.check(&parameters, pairs, rates);
        let Parameters { embeddings, weights, biases, width } = parameters;
        let tables = Tables::new(embeddings, weights, Some(biases), width);
        order.sum(cpu, rates.len().div_ceil(RUN), |_, i| {
            let start = i * RUN;
            let end = rates.len().min(start + RUN);
            let pairs = &pairs[start * self.batch..pairs.len().min(end * self.batch)];
            self.train_run(cpu, tables, pairs, first.wrapping_add(start as u64), &rates[start..end])
        })
    }

    fn check(&self, parameters: &Parameters, pairs: &[[u32; 2]], rates: &[f32]) {
        let (ids, width) = (self.noise.len(), parameters.width);
        assert!(self.batch > 0 && width > 0, "batch and width must be at least 1");
        let sizes = [parameters.embeddings.len(), parameters.weights.len()];
        assert_eq!(sizes, [ids * width; 2], "embeddings and weights are (ids, width)");
        assert_eq!(parameters.biases.len(), ids, "one bias for each id");
        assert_eq!(
            rates.len(),
            pairs.len().div_ceil(self.batch),
            "one learning rate for each batch"
        );
        assert!(
            pairs.as_flattened().iter().all(|&id| (id as usize) < ids),
            "a word id is outside the tables"
        );
        let support = self.noise.support();
        assert!(self.samples <= support, "{} samples of {support} words", self.samples);
    }

    fn train_run(
        &self,
        cpu: &Cpu,
        tables: Tables,
        pairs: &[[u32; 2]],
        first: u64,
        rates: &[f32],
    ) -> Loss {
        thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
        SCRATCH.with_borrow_mut(|scratch| {
            let most = self.batch.min(pairs.len());
            scratch.block.reserve(most, self.samples + most, tables.width());
            scratch.sampler.reserve(self.noise.len(), self.samples);
            scratch.places.reserve(most);
            cpu.isa().run(Batches { nce: self, tables, pairs, first, rates, scratch })
        })
    }
}

/// The memory of a thread, kept from call to call.
#[derive(Default)]
struct Scratch {
    block: Minibatch,
    sampler: Sampler,
    /// Where the label and the example of each pair are in the block.
    places: Vec<[usize; 2]>,
}

/// Some batches after one another.
struct Batches<'a> {
    nce: &'a Nce<'a>,
    tables: Tables<'a>,
    pairs: &'a [[u32; 2]],
    first: u64,
    rates: &'a [f32],
    scratch: &'a mut Scratch,
}

impl Kernel for Batches<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(mut self) -> Loss {
        let mut loss = Loss::default();
        self.scratch.sampler.draw(self.nce, self.first);
        for i in 0..self.rates.len() {
            let pairs = self.gather(i);
            if i + 1 < self.rates.len() {
                self.look_ahead(i + 1);
            }
            let rate = self.rates[i] / pairs as f32;
            loss.sum += f64::from(self.scratch.block.step::<S>(self.tables, rate));
            loss.pairs += pairs as u64;
        }
        loss
    }
}

impl Batches<'_> {
    #[inline(always)]
    fn range(&self, i: usize) -> Range<usize> {
        let start = i * self.nce.batch;
        start..self.pairs.len().min(start + self.nce.batch)
    }

    /// Collects the inputs, targets and weights of batch `i`, whose noise is drawn; the number of
    /// its pairs.
    #[inline(always)]
    fn gather(&mut self, i: usize) -> usize {
        let pairs = &self.pairs[self.range(i)];
        let Scratch { block, sampler, places } = &mut *self.scratch;
        block.clear();
        places.clear();
        for &id in sampler.ids() {
            block.targets.push(id, 1.0);
        }
        for &[example, label] in pairs {
            places.push([block.targets.add(label, 0.0), block.inputs.add(example, 1.0)]);
        }
        block.weigh_negatives();
        for &[label, example] in &*places {
            block.add_label(label, example, 1.0);
        }
        pairs.len()
    }

    /// Draws the noise of batch `i` and names the rows that it needs.
    #[inline(always)]
    fn look_ahead(&mut self, i: usize) {
        self.scratch.sampler.draw(self.nce, self.first.wrapping_add(i as u64));
        let (tables, pairs) = (self.tables, &self.pairs[self.range(i)]);
        let Scratch { block, sampler, .. } = &mut *self.scratch;
        for &[example, label] in pairs {
            block
                .prefetch_rows
                .extend([tables.input(example), tables.target(label)].map(Row::pointer));
        }
        for &id in sampler.ids() {
            block.prefetch_rows.push(tables.target(id).pointer());
        }
    }
}
