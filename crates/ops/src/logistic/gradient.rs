//! Logits, their loss and their gradient, as soon as the dot products are there.

use crate::simd::{LANES, Simd, logistic};

/// Turns dot products into gradients, sixteen pairs at a time.
pub(super) struct Gradient<'a, S> {
    /// A vector for each of the latest pairs, whose lanes' sum is the dot product: that of pair `i`
    /// is at `i` modulo the length, a power of two and at least [`LANES`].
    pub ring: &'a mut [[f32; LANES]],
    pub bias: Option<&'a [f32]>,
    /// Whole vectors.
    pub labels: &'a [f32],
    /// Weights, which become the gradient times the rate.
    pub total: &'a mut [f32],
    pub rate: f32,
    pub done: usize,
    pub losses: S,
}

impl<S: Simd> Gradient<'_, S> {
    /// The vectors of the pairs below `ready` are there.
    #[inline(always)]
    pub(super) fn advance(&mut self, ready: usize) {
        while self.done + LANES <= ready {
            self.sixteen();
        }
    }

    /// The vectors of all `pairs` are there: the loss.
    #[inline(always)]
    pub(super) fn finish(mut self, pairs: usize) -> f32 {
        // What an earlier step left behind the last pair might not be a number.
        let end = pairs.next_multiple_of(LANES);
        for i in pairs..end {
            self.ring[i & (self.ring.len() - 1)] = [0.0; LANES];
        }
        self.advance(end);
        self.losses.sum()
    }

    #[inline(always)]
    fn sixteen(&mut self) {
        let at = self.done;
        let mut vectors = [S::splat(0.0); LANES];
        // Those of sixteen pairs from a multiple of sixteen on follow one another.
        let latest = &self.ring[at & (self.ring.len() - 1)..][..LANES];
        for (vector, from) in vectors.iter_mut().zip(latest) {
            *vector = S::load_slice(from, 0.0);
        }
        let mut x = S::sums(vectors);
        if let Some(bias) = self.bias {
            x = x.add(S::load_slice(&bias[at..], 0.0));
        }
        let (sigmoid, softplus) = logistic(x);
        let labels = S::load_slice(&self.labels[at..at + LANES], 0.0);
        let total = &mut self.total[at..at + LANES];
        let weight = S::load_slice(total, 0.0);
        self.losses = self.losses.add(weight.mul(softplus).sub(labels.mul(x)));
        labels.sub(weight.mul(sigmoid)).mul(S::splat(self.rate)).store_slice(total);
        self.done = at + LANES;
    }
}
