//! One step of gradient descent that keeps a state beside every parameter, in place and in one
//! pass over both.

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, Shared};

/// Values a thread takes at a time.
const BLOCK: usize = 16 * 1024;

/// How weights and their state change.
pub trait Rule: Copy + Sync {
    /// The new weights and their new state.
    fn step<S: Simd>(self, weight: S, state: S, gradient: S) -> [S; 2];
}

struct Pass<'a, R> {
    weights: &'a mut [f32],
    states: &'a mut [f32],
    gradient: &'a [f32],
    rule: R,
}

impl<R: Rule> Kernel for Pass<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let both = self.weights.chunks_mut(LANES).zip(self.states.chunks_mut(LANES));
        for ((w, s), g) in both.zip(self.gradient.chunks(LANES)) {
            let [weight, state, gradient] = [&*w, &*s, g].map(|v| S::load_slice(v, 0.0));
            let [weight, state] = self.rule.step(weight, state, gradient);
            weight.store_slice(w);
            state.store_slice(s);
        }
    }
}

/// Takes a step by `rule`, value by value.
///
/// # Panics
/// When the slices differ in length.
pub fn descend_by(
    cpu: &Cpu,
    rule: impl Rule,
    weights: &mut [f32],
    states: &mut [f32],
    gradient: &[f32],
) {
    assert_eq!(weights.len(), gradient.len(), "weights and gradient differ in size");
    assert_eq!(weights.len(), states.len(), "weights and their state differ in size");
    let (weights, states) = (Shared::new(weights), Shared::new(states));
    cpu.for_blocks(gradient.len(), BLOCK, |block| {
        let gradient = &gradient[block.clone()];
        // SAFETY: blocks are disjoint.
        let (weights, states) = unsafe { (weights.range(block.clone()), states.range(block)) };
        cpu.isa().run(Pass { weights, states, gradient, rule });
    });
}
