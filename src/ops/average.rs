//! Gradient descent with exponential moving averages of the parameters, in place, as TensorFlow's
//! `GradientDescentOptimizer` and `ExponentialMovingAverage` do it.

use super::descent::Rule;
use super::simd::Simd;

/// A step: `weights -= rate · (gradient + weight_decay · weights)`, then
/// `averages -= (1 - decay) · (averages - weights)` of the new weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AveragedDescent {
    /// The learning rate.
    pub rate: f32,
    /// λ of the loss λ/2 Σ w², whose gradient λw is added to the gradient; zero for none.
    pub weight_decay: f32,
    /// The share of the average that stays.
    pub decay: f32,
}

/// The decay after `step` steps where an average begins young: min(decay, (1 + n) / (10 + n)).
pub fn decay_at(decay: f32, step: u64) -> f32 {
    let n = step as f32;
    decay.min((1.0 + n) / (10.0 + n))
}

impl Rule for AveragedDescent {
    #[inline(always)]
    fn step<S: Simd>(self, weight: S, average: S, gradient: S) -> [S; 2] {
        let gradient = weight.mul_add(S::splat(self.weight_decay), gradient);
        let weight = gradient.mul_add(S::splat(-self.rate), weight);
        [weight, average.sub(weight).mul_add(S::splat(self.decay - 1.0), average)]
    }
}

/// The same in plain `f64` loops.
pub fn descend_and_average_reference(
    weights: &mut [f64],
    averages: &mut [f64],
    gradient: &[f64],
    [rate, weight_decay, decay]: [f64; 3],
) {
    for ((w, a), g) in weights.iter_mut().zip(averages).zip(gradient) {
        *w -= rate * (g + weight_decay * *w);
        *a -= (1.0 - decay) * (*a - *w);
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

    /// Weights and averages after three steps.
    fn descended(cpu: &Cpu, len: usize) -> [Vec<f32>; 2] {
        let mut weights = single(&wave(len, 0.7));
        let mut averages = weights.clone();
        for step in 0..3 {
            let gradient = single(&wave(len, 1.1));
            let decay = decay_at(0.9999, step);
            let settings = AveragedDescent { rate: 0.1, weight_decay: 0.05, decay };
            descend_by(cpu, settings, &mut weights, &mut averages, &gradient);
        }
        [weights, averages]
    }

    #[test]
    fn every_level_equals_the_reference_with_the_same_bits_for_any_number_of_threads() {
        let len = 40_003;
        let mut weights = wave(len, 0.7);
        let mut averages = weights.clone();
        for step in 0..3 {
            let settings = [0.1, 0.05, f64::from(decay_at(0.9999, step))];
            let gradient = wave(len, 1.1);
            descend_and_average_reference(&mut weights, &mut averages, &gradient, settings);
        }
        for isa in Isa::available() {
            let one = descended(&Cpu::new(isa, 1).unwrap(), len);
            for (got, want) in one.iter().flatten().zip(weights.iter().chain(&averages)) {
                assert!((f64::from(*got) - want).abs() < 1e-6, "{isa:?}: {got} and {want}");
            }
            for threads in [2, 3, 5] {
                assert_eq!(descended(&Cpu::new(isa, threads).unwrap(), len), one);
            }
        }
    }

    /// Numbers of an independent engine:
    /// ```python
    /// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
    /// w = tf.Variable(np.sin(np.arange(5) * 0.7).astype("f")); n = tf.Variable(0, trainable=False)
    /// loss = tf.reduce_sum(w * np.sin(np.arange(5) * 1.1).astype("f")) + 0.05 * tf.nn.l2_loss(w)
    /// step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    /// ema = tf.train.ExponentialMovingAverage(0.9999, n); average = ema.apply([w])
    /// with tf.Session() as s:
    ///     s.run(tf.global_variables_initializer())
    ///     for _ in range(3): s.run(step); s.run(average); s.run(n.assign_add(1))
    ///     print(s.run(w).tolist(), s.run(ema.average(w)).tolist())
    /// ```
    #[test]
    fn equals_tensorflow() {
        let want = [
            [0.0, 0.368575, 0.7294036, 0.8974133, 0.61404395],
            [0.0, 0.39602628, 0.75490326, 0.89400697, 0.58625275],
        ];
        for isa in Isa::available() {
            let got = descended(&Cpu::new(isa, 1).unwrap(), 5);
            for (got, want) in got.iter().flatten().zip(want.as_flattened()) {
                assert!((got - want).abs() < 1e-6, "{isa:?}: {got} and {want}");
            }
        }
        assert_eq!(decay_at(0.9999, 1_000_000), 0.9999);
    }
}
