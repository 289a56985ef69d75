//! Logits, their loss and their gradient, as soon as the dot products are there.

use crate::ops::simd::{LANES, Simd, logistic};

/// Turns dot products into gradients, sixteen pairs at a time.
pub(super) struct Gradient<'a, S> {
    /// A vector for each pair whose lanes' sum is the dot product: pair i is at i modulo the
    /// number of vectors, a power of two.
    pub ring: &'a mut [f32],
    pub bias: Option<&'a [f32]>,
    /// Whole vectors.
    pub positive: &'a [f32],
    /// Weights, which become the gradient times the rate.
    pub total: &'a mut [f32],
    pub rate: f32,
    pub done: usize,
    pub losses: S,
}

impl<S: Simd> Gradient<'_, S> {
    /// Where the vector of pair `i` belongs.
    #[inline(always)]
    pub(super) fn place(&mut self, i: usize) -> &mut [f32] {
        let vectors = self.ring.len() / LANES;
        &mut self.ring[(i & (vectors - 1)) * LANES..][..LANES]
    }

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
        self.advance(pairs);
        if self.done < pairs {
            // What an earlier step left behind the last pair might not be a number.
            for i in pairs..pairs.next_multiple_of(LANES) {
                S::splat(0.0).store_slice(self.place(i));
            }
            self.sixteen();
        }
        self.losses.sum()
    }

    #[inline(always)]
    fn sixteen(&mut self) {
        let at = self.done;
        let mut vectors = [S::splat(0.0); LANES];
        let start = (at & (self.ring.len() / LANES - 1)) * LANES;
        let from = self.ring[start..start + LANES * LANES].as_ptr();
        for (i, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: sixteen vectors start there.
            *vector = unsafe { S::load(from.add(i * LANES)) };
        }
        let mut x = S::sums(vectors);
        if let Some(bias) = self.bias {
            x = x.add(S::load_slice(&bias[at..], 0.0));
        }
        let (sigmoid, softplus) = logistic(x);
        let labels = S::load_slice(&self.positive[at..at + LANES], 0.0);
        let total = &mut self.total[at..at + LANES];
        let weight = S::load_slice(total, 0.0);
        self.losses = self.losses.add(weight.mul(softplus).sub(labels.mul(x)));
        labels.sub(weight.mul(sigmoid)).mul(S::splat(self.rate)).store_slice(total);
        self.done = at + LANES;
    }
}
