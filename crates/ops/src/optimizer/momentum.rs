//! Gradient descent with momentum (Polyak, 1964; Nesterov, 1983), as TensorFlow's
//! `MomentumOptimizer` does it.

#[cfg(test)]
use super::clipped_and_decayed_reference;
use super::{Rule, clipped_and_decayed};
use crate::simd::Simd;

/// A step with g = clip · gradient + weight_decay · weights: `sum = momentum · sum + g`, then
/// `weights -= rate · sum`, or with Nesterov's momentum `weights -= rate · (g + momentum · sum)`.
/// The state is the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// The learning rate.
    pub rate: f32,
    /// The factor on the gradient; one for none.
    pub clip: f32,
    /// λ of the loss λ/2 Σ w², whose gradient λw is added to the gradient; zero for none.
    pub weight_decay: f32,
    /// The share of the sum that stays.
    pub momentum: f32,
    /// Whether the step looks ahead by the momentum (Sutskever et al., 2013, in the form of
    /// TensorFlow's `use_nesterov`).
    pub nesterov: bool,
}

impl Rule<1> for Momentum {
    #[inline(always)]
    fn step<S: Simd>(self, weight: S, [sum]: [S; 1], gradient: S) -> (S, [S; 1]) {
        let momentum = S::splat(self.momentum);
        let gradient = clipped_and_decayed(weight, gradient, [self.clip, self.weight_decay]);
        let sum = sum.mul_add(momentum, gradient);
        let way = if self.nesterov { sum.mul_add(momentum, gradient) } else { sum };
        (way.mul_add(S::splat(-self.rate), weight), [sum])
    }

    #[cfg(test)]
    fn reference(self, weight: f64, [sum]: [f64; 1], gradient: f64) -> (f64, [f64; 1]) {
        let [rate, momentum] = [self.rate, self.momentum].map(f64::from);
        let factors = [self.clip, self.weight_decay];
        let gradient = clipped_and_decayed_reference(weight, gradient, factors);
        let sum = momentum * sum + gradient;
        let way = if self.nesterov { gradient + momentum * sum } else { sum };
        (weight - rate * way, [sum])
    }
}
