//! Exponential moving averages of parameters, in place, as TensorFlow's
//! `ExponentialMovingAverage` keeps them; also in one pass with gradient descent.

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, Shared};

/// Values a thread takes at a time.
const BLOCK: usize = 16 * 1024;

/// The settings of a step of gradient descent with an average.
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

/// `average - (1 - decay) · (average - weight)`, with `rest` the negative of (1 - decay).
#[inline(always)]
fn approach<S: Simd>(average: &mut [f32], weight: S, rest: S) {
    let old = S::load_slice(average, 0.0);
    old.sub(weight).mul_add(rest, old).store_slice(average);
}

struct Average<'a> {
    averages: &'a mut [f32],
    weights: &'a [f32],
    decay: f32,
}

impl Kernel for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let rest = S::splat(self.decay - 1.0);
        for (a, w) in self.averages.chunks_mut(LANES).zip(self.weights.chunks(LANES)) {
            approach(a, S::load_slice(w, 0.0), rest);
        }
    }
}

/// `averages -= (1 - decay) · (averages - weights)`, value by value.
///
/// # Panics
/// When the slices differ in length.
pub fn moving_average(cpu: &Cpu, averages: &mut [f32], weights: &[f32], decay: f32) {
    assert_eq!(averages.len(), weights.len(), "averages and weights differ in size");
    let averages = Shared::new(averages);
    cpu.for_blocks(weights.len(), BLOCK, |block| {
        let weights = &weights[block.clone()];
        // SAFETY: blocks are disjoint.
        let averages = unsafe { averages.range(block) };
        cpu.isa().run(Average { averages, weights, decay });
    });
}

struct Descend<'a> {
    weights: &'a mut [f32],
    averages: &'a mut [f32],
    gradient: &'a [f32],
    settings: AveragedDescent,
}

impl Kernel for Descend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let AveragedDescent { rate, weight_decay, decay } = self.settings;
        let (rate, rest) = (S::splat(-rate), S::splat(decay - 1.0));
        let weight_decay = S::splat(weight_decay);
        let state = self.weights.chunks_mut(LANES).zip(self.averages.chunks_mut(LANES));
        for ((w, a), g) in state.zip(self.gradient.chunks(LANES)) {
            let weight = S::load_slice(w, 0.0);
            let gradient = weight.mul_add(weight_decay, S::load_slice(g, 0.0));
            let weight = gradient.mul_add(rate, weight);
            weight.store_slice(w);
            approach(a, weight, rest);
        }
    }
}

/// `weights -= rate · (gradient + weight_decay · weights)`, then [`moving_average`] of the new
/// weights, in one pass.
///
/// # Panics
/// When the slices differ in length.
pub fn descend_and_average(
    cpu: &Cpu,
    weights: &mut [f32],
    averages: &mut [f32],
    gradient: &[f32],
    settings: AveragedDescent,
) {
    assert_eq!(weights.len(), gradient.len(), "weights and gradient differ in size");
    assert_eq!(weights.len(), averages.len(), "weights and averages differ in size");
    let (weights, averages) = (Shared::new(weights), Shared::new(averages));
    cpu.for_blocks(gradient.len(), BLOCK, |block| {
        let gradient = &gradient[block.clone()];
        // SAFETY: blocks are disjoint.
        let (weights, averages) = unsafe { (weights.range(block.clone()), averages.range(block)) };
        cpu.isa().run(Descend { weights, averages, gradient, settings });
    });
}

/// [`descend_and_average`] in plain `f64` loops.
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
    use crate::ops::Isa;

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
            descend_and_average(cpu, &mut weights, &mut averages, &gradient, settings);
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

    #[test]
    fn an_average_by_itself_is_that_of_the_fused_pass() {
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let (mut weights, mut fused) = (single(&wave(77, 0.7)), single(&wave(77, 0.3)));
            let mut apart = fused.clone();
            let settings = AveragedDescent { rate: 0.1, weight_decay: 0.0, decay: 0.9 };
            descend_and_average(&cpu, &mut weights, &mut fused, &[0.5; 77], settings);
            moving_average(&cpu, &mut apart, &weights, 0.9);
            assert_eq!(apart, fused);
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
