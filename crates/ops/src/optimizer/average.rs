//! Exponential moving averages of weights (Polyak and Juditsky, 1992), as TensorFlow's
//! `ExponentialMovingAverage` keeps them.

use super::Rule;
use crate::Cpu;
use crate::simd::Simd;

/// A rule after whose step the averages follow: `averages -= (1 - decay) · (averages - weights)`
/// of the new weights. The averages are the last state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averaged<R> {
    /// How the weights change.
    pub rule: R,
    /// The share of the average that stays.
    pub decay: f32,
}

/// The decay after `step` steps where an average begins young: min(decay, (1 + n) / (10 + n)).
pub fn decay_at(decay: f32, step: u64) -> f32 {
    let n = step as f32;
    decay.min((1.0 + n) / (10.0 + n))
}

#[inline(always)]
fn followed<S: Simd>(average: S, weight: S, decay: f32) -> S {
    average.sub(weight).mul_add(S::splat(decay - 1.0), average)
}

#[cfg(test)]
fn followed_reference(average: f64, weight: f64, decay: f32) -> f64 {
    average - (1.0 - f64::from(decay)) * (average - weight)
}

/// [`Averaged`] of rules with as many states: Rust cannot count one more itself.
macro_rules! averaged {
    ($states:literal + 1 = $all:literal: $($state:ident),*) => {
        impl<R: Rule<$states>> Rule<$all> for Averaged<R> {
            #[inline(always)]
            fn step<S: Simd>(self, weight: S, states: [S; $all], gradient: S) -> (S, [S; $all]) {
                let [$($state,)* average] = states;
                let (weight, [$($state),*]) = self.rule.step(weight, [$($state),*], gradient);
                (weight, [$($state,)* followed(average, weight, self.decay)])
            }

            #[cfg(test)]
            fn reference(
                self,
                weight: f64,
                states: [f64; $all],
                gradient: f64,
            ) -> (f64, [f64; $all]) {
                let [$($state,)* average] = states;
                let (weight, [$($state),*]) = self.rule.reference(weight, [$($state),*], gradient);
                (weight, [$($state,)* followed_reference(average, weight, self.decay)])
            }
        }
    };
}

averaged!(0 + 1 = 1:);
averaged!(1 + 1 = 2: first);
averaged!(2 + 1 = 3: first, second);

/// The moving average alone: the values that it follows take the place of the gradient.
#[derive(Clone, Copy, Debug)]
struct Follow {
    decay: f32,
}

impl Rule<0> for Follow {
    #[inline(always)]
    fn step<S: Simd>(self, average: S, _: [S; 0], weight: S) -> (S, [S; 0]) {
        (followed(average, weight, self.decay), [])
    }

    #[cfg(test)]
    fn reference(self, average: f64, _: [f64; 0], weight: f64) -> (f64, [f64; 0]) {
        (followed_reference(average, weight, self.decay), [])
    }
}

/// `averages -= (1 - decay) · (averages - weights)`, value by value.
///
/// # Panics
/// When the slices differ in length.
pub fn average(cpu: &Cpu, averages: &mut [f32], weights: &[f32], decay: f32) {
    super::step(cpu, Follow { decay }, averages, [], weights);
}
