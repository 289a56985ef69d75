//! Gradient descent with momentum (Polyak, 1964) and weight decay, in place, as TensorFlow's
//! `MomentumOptimizer` does it.

use super::descent::Rule;
use super::simd::Simd;

/// A step: `accumulator = momentum · accumulator + gradient + weight_decay · weights`, then
/// `weights -= rate · accumulator`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// The learning rate.
    pub rate: f32,
    /// The share of the accumulator that stays.
    pub momentum: f32,
    /// λ of the loss λ/2 Σ w², whose gradient λw is added to the gradient; zero for none.
    pub weight_decay: f32,
}

impl Rule for Momentum {
    #[inline(always)]
    fn step<S: Simd>(self, weight: S, accumulator: S, gradient: S) -> [S; 2] {
        let gradient = weight.mul_add(S::splat(self.weight_decay), gradient);
        let sum = accumulator.mul_add(S::splat(self.momentum), gradient);
        [sum.mul_add(S::splat(-self.rate), weight), sum]
    }
}

/// The same in plain `f64` loops.
pub fn descend_with_momentum_reference(
    weights: &mut [f64],
    accumulator: &mut [f64],
    gradient: &[f64],
    [rate, momentum, weight_decay]: [f64; 3],
) {
    for ((w, a), g) in weights.iter_mut().zip(accumulator).zip(gradient) {
        *a = momentum * *a + g + weight_decay * *w;
        *w -= rate * *a;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::descent::descend_by;
    use crate::ops::{Cpu, Isa};

    fn wave(len: usize, a: f64) -> Vec<f64> {
        (0..len).map(|i| (i as f64 * a).sin()).collect()
    }

    fn single(values: &[f64]) -> Vec<f32> {
        values.iter().map(|&v| v as f32).collect()
    }

    /// Weights after three steps.
    fn descended(cpu: &Cpu, len: usize, settings: Momentum) -> Vec<f32> {
        let (mut weights, mut accumulator) = (single(&wave(len, 0.7)), vec![0.0; len]);
        for _ in 0..3 {
            let gradient = single(&wave(len, 1.1));
            descend_by(cpu, settings, &mut weights, &mut accumulator, &gradient);
        }
        weights
    }

    #[test]
    fn every_level_equals_the_reference_with_the_same_bits_for_any_number_of_threads() {
        let settings = Momentum { rate: 0.1, momentum: 0.9, weight_decay: 0.05 };
        let len = 40_003;
        let (mut want, mut accumulator) = (wave(len, 0.7), vec![0.0; len]);
        for _ in 0..3 {
            let rates = [0.1, 0.9, 0.05];
            descend_with_momentum_reference(&mut want, &mut accumulator, &wave(len, 1.1), rates);
        }
        for isa in Isa::available() {
            let one = descended(&Cpu::new(isa, 1).unwrap(), len, settings);
            for (got, want) in one.iter().zip(&want) {
                assert!((f64::from(*got) - want).abs() < 1e-6, "{isa:?}: {got} and {want}");
            }
            for threads in [2, 3, 5] {
                assert_eq!(descended(&Cpu::new(isa, threads).unwrap(), len, settings), one);
            }
        }
    }

    /// Numbers of an independent engine:
    /// ```python
    /// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
    /// w = tf.Variable(np.sin(np.arange(5) * 0.7).astype("f"))
    /// loss = tf.reduce_sum(w * np.sin(np.arange(5) * 1.1).astype("f")) + 0.05 * tf.nn.l2_loss(w)
    /// step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    /// with tf.Session() as s:
    ///     s.run(tf.global_variables_initializer())
    ///     for _ in range(3): s.run(step)
    ///     print(s.run(w).tolist())
    /// ```
    #[test]
    fn equals_tensorflow() {
        let want = [0.0, 0.12839395, 0.5062979, 0.92721695, 0.8571992];
        for isa in Isa::available() {
            let settings = Momentum { rate: 0.1, momentum: 0.9, weight_decay: 0.05 };
            let got = descended(&Cpu::new(isa, 1).unwrap(), 5, settings);
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 1e-6, "{isa:?}: {got} and {want}");
            }
        }
    }
}
