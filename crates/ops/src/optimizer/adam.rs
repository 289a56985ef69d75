//! Adam (Kingma and Ba, arXiv 1412.6980) and AdamW (Loshchilov and Hutter, arXiv 1711.05101).

#[cfg(test)]
use super::clipped_and_decayed_reference;
use super::{Rule, clipped_and_decayed};
use crate::simd::Simd;

/// A step with g = clip · gradient + weight_decay · weights:
/// `m += (1 - β₁)(g - m)`, `v += (1 - β₂)(g² - v)`, then
/// `weights -= rate · correction · m / (√v + ε)`. The states are m and v.
///
/// ε is added to the root of the uncorrected v, as in TensorFlow's `AdamOptimizer` (the "ε̂" of the
/// paper's section 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate.
    pub rate: f32,
    /// The factor on the gradient; one for none.
    pub clip: f32,
    /// λ of the weight decay; zero for none.
    pub weight_decay: f32,
    /// Whether the weight decay is that of AdamW: g has no part of the weights, and
    /// `weights -= rate · weight_decay · weights` comes before the step.
    pub decoupled: bool,
    /// The share of m that stays.
    pub beta1: f32,
    /// The share of v that stays.
    pub beta2: f32,
    /// What keeps the divisor from zero.
    pub epsilon: f32,
    /// [`Adam::correction`] of the step.
    pub correction: f32,
}

impl Adam {
    /// √(1 - β₂ᵗ) / (1 - β₁ᵗ) of step t, counted from 1: it takes out of m and v that they begin
    /// at zero.
    pub fn correction(beta1: f32, beta2: f32, t: u64) -> f32 {
        let missing = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
        (missing(beta2).sqrt() / missing(beta1)) as f32
    }

    /// The factor on the gradient and λ, and what AdamW takes from the weights.
    fn factors(self) -> ([f32; 2], f32) {
        match self.decoupled {
            true => ([self.clip, 0.0], self.rate * self.weight_decay),
            false => ([self.clip, self.weight_decay], 0.0),
        }
    }
}

/// The square roots of the lanes, each correctly rounded: the compiler makes them one instruction.
#[inline(always)]
fn square_root<S: Simd>(x: S) -> S {
    let mut lanes = x.to_array();
    for lane in &mut lanes {
        *lane = lane.sqrt();
    }
    S::from_array(lanes)
}

impl Rule<2> for Adam {
    #[inline(always)]
    fn step<S: Simd>(self, weight: S, [m, v]: [S; 2], gradient: S) -> (S, [S; 2]) {
        let (factors, shrink) = self.factors();
        let gradient = clipped_and_decayed(weight, gradient, factors);
        let m = gradient.sub(m).mul_add(S::splat(1.0 - self.beta1), m);
        let v = gradient.mul(gradient).sub(v).mul_add(S::splat(1.0 - self.beta2), v);
        let root = square_root(v).add(S::splat(self.epsilon));
        let way = m.mul(S::splat(self.rate * self.correction)).div(root);
        (weight.mul_add(S::splat(-shrink), weight).sub(way), [m, v])
    }

    #[cfg(test)]
    fn reference(self, weight: f64, [m, v]: [f64; 2], gradient: f64) -> (f64, [f64; 2]) {
        let [beta1, beta2, epsilon] = [self.beta1, self.beta2, self.epsilon].map(f64::from);
        let (factors, shrink) = self.factors();
        let gradient = clipped_and_decayed_reference(weight, gradient, factors);
        let m = beta1 * m + (1.0 - beta1) * gradient;
        let v = beta2 * v + (1.0 - beta2) * gradient * gradient;
        let way = f64::from(self.rate) * f64::from(self.correction) * m / (v.sqrt() + epsilon);
        (weight - f64::from(shrink) * weight - way, [m, v])
    }
}
