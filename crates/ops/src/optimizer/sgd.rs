//! Stochastic gradient descent (Robbins and Monro, 1951).

#[cfg(test)]
use super::clipped_and_decayed_reference;
use super::{Rule, clipped_and_decayed};
use crate::simd::Simd;

/// A step: `weights -= rate · (clip · gradient + weight_decay · weights)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub rate: f32,
    /// The factor on the gradient; one for none.
    pub clip: f32,
    /// λ of the loss λ/2 Σ w², whose gradient λw is added to the gradient; zero for none.
    pub weight_decay: f32,
}

impl Rule<0> for Sgd {
    #[inline(always)]
    fn step<S: Simd>(self, weight: S, _: [S; 0], gradient: S) -> (S, [S; 0]) {
        let gradient = clipped_and_decayed(weight, gradient, [self.clip, self.weight_decay]);
        (gradient.mul_add(S::splat(-self.rate), weight), [])
    }

    #[cfg(test)]
    fn reference(self, weight: f64, _: [f64; 0], gradient: f64) -> (f64, [f64; 0]) {
        let factors = [self.clip, self.weight_decay];
        let gradient = clipped_and_decayed_reference(weight, gradient, factors);
        (weight - f64::from(self.rate) * gradient, [])
    }

    fn adds_up(self) -> bool {
        self.weight_decay == 0.0
    }
}
