//! Gradient descent in place.

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, Shared};

/// Values a thread takes at a time.
const BLOCK: usize = 32 * 1024;

struct Descend<'a> {
    weights: &'a mut [f32],
    gradient: &'a [f32],
    clip: f32,
    rate: f32,
}

impl Kernel for Descend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (clip, rate) = (S::splat(self.clip), S::splat(-self.rate));
        for (w, g) in self.weights.chunks_mut(LANES).zip(self.gradient.chunks(LANES)) {
            let clipped = S::load_slice(g, 0.0).mul(clip);
            clipped.mul_add(rate, S::load_slice(w, 0.0)).store_slice(w);
        }
    }
}

/// `weights -= rate · (clip · gradient)`, value by value.
///
/// # Panics
/// When the slices differ in length.
pub fn descend(cpu: &Cpu, weights: &mut [f32], gradient: &[f32], clip: f32, rate: f32) {
    assert_eq!(weights.len(), gradient.len(), "weights and gradient differ in size");
    let shared = Shared::new(weights);
    cpu.for_blocks(gradient.len(), BLOCK, |block| {
        let gradient = &gradient[block.clone()];
        // SAFETY: blocks are disjoint.
        let weights = unsafe { shared.range(block) };
        cpu.isa().run(Descend { weights, gradient, clip, rate });
    });
}

/// `table[id] -= rate · (clip · gradient[token])` for one token after another: a sparse
/// update of a table (ids, `width`) by gradients (tokens, `width`).
///
/// # Panics
/// When an id is outside the table or the gradients have another size.
pub fn descend_rows(
    cpu: &Cpu,
    table: &mut [f32],
    width: usize,
    ids: &[u32],
    gradient: &[f32],
    clip: f32,
    rate: f32,
) {
    assert_eq!(gradient.len(), ids.len() * width, "gradients have another size");
    let shared = Shared::new(table);
    cpu.team(2 * gradient.len(), |member| {
        // A thread takes columns, not tokens: a word that occurs twice is then added to in
        // one fixed order.
        let columns = member.share(width);
        for (token, &id) in ids.iter().enumerate() {
            let row = |start: usize| start * width + columns.start..start * width + columns.end;
            let gradient = &gradient[row(token)];
            // SAFETY: every thread has its own columns.
            let weights = unsafe { shared.range(row(id as usize)) };
            cpu.isa().run(Descend { weights, gradient, clip, rate });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Isa;

    #[test]
    fn follows_the_formula_at_every_level() {
        let gradient: Vec<f32> = (0..77).map(|i| i as f32 * 0.1 - 3.0).collect();
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let mut weights = vec![1.0; 77];
            descend(&cpu, &mut weights, &gradient, 0.5, 0.2);
            for (w, g) in weights.iter().zip(&gradient) {
                assert!((w - (1.0 - 0.1 * g)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn adds_up_the_gradients_of_a_word_that_occurs_twice() {
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let mut table = vec![0.0; 3 * 20];
            descend_rows(&cpu, &mut table, 20, &[2, 0, 2], &[1.0; 60], 1.0, 0.5);
            assert!(table[..20].iter().all(|&w| w == -0.5));
            assert!(table[20..40].iter().all(|&w| w == 0.0));
            assert!(table[40..].iter().all(|&w| w == -1.0));
        }
    }
}
