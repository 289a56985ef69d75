//! Logits, their loss and their gradient, as soon as the dot products are there.

use crate::ops::simd::{LANES, Simd, logistic};

/// A vector for each of the latest pairs whose lanes' sum is the dot product.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    /// Valid for `vectors` vectors.
    pub data: *mut f32,
    /// A power of two, at least [`LANES`].
    pub vectors: usize,
}

impl Ring {
    /// Where the vector of pair `i` is; those of sixteen pairs from a multiple of [`LANES`] on
    /// follow one another.
    #[inline(always)]
    pub(super) fn vector(self, i: usize) -> *mut f32 {
        self.data.wrapping_add((i & (self.vectors - 1)) * LANES)
    }
}

/// Turns dot products into gradients, sixteen pairs at a time. Its maker answers for the ring.
pub(super) struct Gradient<'a, S> {
    pub ring: Ring,
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
            // SAFETY: the ring holds vectors.
            unsafe { S::splat(0.0).store(self.ring.vector(i)) };
        }
        self.advance(end);
        self.losses.sum()
    }

    #[inline(always)]
    fn sixteen(&mut self) {
        let at = self.done;
        let mut vectors = [S::splat(0.0); LANES];
        for (i, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: the ring holds vectors.
            *vector = unsafe { S::load(self.ring.vector(at + i)) };
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
