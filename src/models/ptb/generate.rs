//! Text from a model, a word at a time.

use std::ops::ControlFlow;

use anyhow::Result;

use super::model::LanguageModel;
use crate::ops::Cpu;
use crate::rng::{Sequence, Stream};

/// How the next word is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Logits are divided by this first; 0 takes the most probable word.
    pub temperature: f64,
    /// Samples from this many of the most probable words; 0: from all.
    pub top_k: usize,
    /// The seed of the stream "generate".
    pub seed: u64,
    /// A word that is never drawn.
    pub suppressed: Option<u32>,
}

impl Sampler {
    /// Hands the words that follow `prompt` to `each`, `n` of them or until it asks for no more;
    /// the state before the prompt is zero.
    ///
    /// # Errors
    /// A word outside the vocabulary, or an error of `each`.
    ///
    /// # Panics
    /// When the prompt is empty.
    pub fn generate(
        &self,
        cpu: &Cpu,
        model: &mut LanguageModel,
        prompt: &[u32],
        n: usize,
        mut each: impl FnMut(u32) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        assert!(!prompt.is_empty(), "a prompt has at least one word");
        let classes = model.architecture().vocab_size;
        let mut numbers = Stream::new(self.seed, "generate").at(0);
        let mut state = model.zero_state(1);
        let mut inputs = prompt.to_vec();
        for _ in 0..n {
            let logits = model.logits(cpu, 1, &inputs, &mut state)?;
            let word = self.draw(&logits[logits.len() - classes..], &mut numbers);
            if each(word)?.is_break() {
                break;
            }
            inputs = vec![word];
        }
        Ok(())
    }

    /// One word from its logits.
    fn draw(&self, logits: &[f32], numbers: &mut Sequence) -> u32 {
        let mut ranked: Vec<(u32, f64)> = (0..)
            .zip(logits.iter().copied().map(f64::from))
            .filter(|(id, _)| Some(*id) != self.suppressed)
            .collect();
        // Equal logits keep the order of the ids, so that the choice is determined.
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let Some(&(best, largest)) = ranked.first() else { return 0 };
        let uniform = numbers.uniform();
        if self.temperature == 0.0 {
            return best;
        }
        if self.top_k > 0 {
            ranked.truncate(self.top_k);
        }
        for (_, weight) in &mut ranked {
            *weight = ((*weight - largest) / self.temperature).exp();
        }
        let total: f64 = ranked.iter().map(|(_, weight)| weight).sum();
        let mut rest = uniform * total;
        for &(id, weight) in &ranked {
            rest -= weight;
            if rest < 0.0 {
                return id;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 4] = [0.0, 3.0, 1.0, 2.0];

    fn counts(sampler: Sampler) -> [u32; 4] {
        let mut numbers = Stream::new(1, "test").at(0);
        let mut counts = [0; 4];
        (0..4000).for_each(|_| counts[sampler.draw(&LOGITS, &mut numbers) as usize] += 1);
        counts
    }

    const PLAIN: Sampler = Sampler { temperature: 1.0, top_k: 0, seed: 1, suppressed: None };

    #[test]
    fn draws_by_probability() {
        let sum: f32 = LOGITS.iter().map(|z| z.exp()).sum();
        for (count, z) in counts(PLAIN).into_iter().zip(LOGITS) {
            assert!((count as f32 / 4000.0 - z.exp() / sum).abs() < 0.03);
        }
    }

    #[test]
    fn temperature_top_k_and_suppression_narrow_the_choice() {
        assert_eq!(counts(Sampler { temperature: 0.0, ..PLAIN }), [0, 4000, 0, 0]);
        let [a, b, c, d] = counts(Sampler { top_k: 2, ..PLAIN });
        assert!(a == 0 && c == 0 && b > d && d > 0);
        assert_eq!(counts(Sampler { suppressed: Some(1), ..PLAIN })[1], 0);
        let cold = counts(Sampler { temperature: 0.1, ..PLAIN });
        assert!(cold[1] > 3990, "{cold:?}");
    }
}
