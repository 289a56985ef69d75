//! Steps of optimizers, in place and in one pass over a parameter and its state.

mod adam;
mod average;
mod momentum;
mod rows;
mod sgd;
#[cfg(test)]
mod tests;

#[cfg(test)]
use std::array;

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, rows_mut};

pub use adam::Adam;
pub use average::{Averaged, average, decay_at};
pub use momentum::Momentum;
pub use rows::step_rows;
pub use sgd::Sgd;

/// Values a thread takes at a time.
const BLOCK: usize = 16 * 1024;

/// How a weight and its `STATES` values of state change.
pub trait Rule<const STATES: usize>: Copy + Sync {
    /// The new weights and their new state.
    fn step<S: Simd>(self, weight: S, states: [S; STATES], gradient: S) -> (S, [S; STATES]);

    /// The same of one weight in `f64`.
    #[cfg(test)]
    fn reference(self, weight: f64, states: [f64; STATES], gradient: f64) -> (f64, [f64; STATES]);

    /// Whether two steps by two gradients are one step by their sum. [`step_rows`] then takes a
    /// step a token, and else sums the rows of a word first.
    fn adds_up(self) -> bool {
        false
    }
}

/// The factor on a gradient, and λw added to it.
#[inline(always)]
fn clipped_and_decayed<S: Simd>(weight: S, gradient: S, [clip, weight_decay]: [f32; 2]) -> S {
    weight.mul_add(S::splat(weight_decay), gradient.mul(S::splat(clip)))
}

/// The same in `f64`.
#[cfg(test)]
fn clipped_and_decayed_reference(weight: f64, gradient: f64, factors: [f32; 2]) -> f64 {
    let [clip, weight_decay] = factors.map(f64::from);
    clip * gradient + weight_decay * weight
}

/// A step of at most [`LANES`] weights.
#[inline(always)]
fn step_vector<S: Simd, const N: usize>(
    rule: impl Rule<N>,
    weights: &mut [f32],
    states: [&mut [f32]; N],
    gradient: S,
) {
    let mut state = [S::splat(0.0); N];
    for (to, from) in state.iter_mut().zip(&states) {
        *to = S::load_slice(from, 0.0);
    }
    let (weight, state) = rule.step(S::load_slice(weights, 0.0), state, gradient);
    weight.store_slice(weights);
    for (to, from) in states.into_iter().zip(state) {
        from.store_slice(to);
    }
}

struct Pass<'a, R, const N: usize> {
    rule: R,
    weights: &'a mut [f32],
    states: [&'a mut [f32]; N],
    gradient: &'a [f32],
}

impl<R: Rule<N>, const N: usize> Kernel for Pass<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let vectors = self.weights.chunks_mut(LANES).zip(self.gradient.chunks(LANES));
        for (i, (weights, gradient)) in vectors.enumerate() {
            let part = i * LANES..i * LANES + weights.len();
            let states = self.states.each_mut().map(|state| &mut state[part.clone()]);
            step_vector(self.rule, weights, states, S::load_slice(gradient, 0.0));
        }
    }
}

/// Takes a step by `rule`, value by value: all slices have the parameter's shape.
///
/// # Panics
/// When the slices differ in length.
pub fn step<const N: usize>(
    cpu: &Cpu,
    rule: impl Rule<N>,
    weights: &mut [f32],
    states: [&mut [f32]; N],
    gradient: &[f32],
) {
    assert_eq!(weights.len(), gradient.len(), "weights and gradient differ in size");
    check_states(weights, &states);
    let rows = (rows_mut(weights, 1), states.map(|state| rows_mut(state, 1)));
    cpu.for_rows(gradient.len(), BLOCK, rows, |block, (weights, states)| {
        cpu.isa().run(Pass { rule, weights, states, gradient: &gradient[block] });
    });
}

/// The same in plain `f64` loops.
#[cfg(test)]
pub fn step_reference<const N: usize>(
    rule: impl Rule<N>,
    weights: &mut [f64],
    mut states: [&mut [f64]; N],
    gradient: &[f64],
) {
    for (i, (weight, gradient)) in weights.iter_mut().zip(gradient).enumerate() {
        let (new, state) = rule.reference(*weight, array::from_fn(|n| states[n][i]), *gradient);
        *weight = new;
        states.iter_mut().zip(state).for_each(|(to, value)| to[i] = value);
    }
}

fn check_states<const N: usize>(weights: &[f32], states: &[&mut [f32]; N]) {
    let same = states.iter().all(|state| state.len() == weights.len());
    assert!(same, "weights and their state differ in size");
}
