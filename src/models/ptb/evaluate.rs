//! Perplexities of whole texts.

use super::model::{LanguageModel, Window};
use crate::data::batches::Batches;
use crate::ops::Cpu;
use crate::train::Interrupt;

/// Words that go through the model at a time where the batch is one.
const CHUNK: usize = 700;

/// The sum of losses over a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Nats.
    pub loss: f64,
    /// Words predicted.
    pub words: u64,
}

impl Score {
    /// e to the mean loss.
    pub fn perplexity(&self) -> f64 {
        (self.loss / self.words.max(1) as f64).exp()
    }
}

/// The score as the reference's `run_epoch` has it: contiguous batches with carried state,
/// the tail after the last whole window left out. `None` when `interrupt` came.
///
/// # Errors
/// When the text is too short for one window.
pub fn in_batches(
    cpu: &Cpu,
    model: &mut LanguageModel,
    tokens: &[u32],
    batch: usize,
    steps: usize,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Score>> {
    let batches = Batches::new(tokens.len(), batch, steps)?;
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    let mut state = model.zero_state(batch);
    let mut score = Score::default();
    for index in 0..batches.windows() {
        if interrupt.requested() {
            return Ok(None);
        }
        batches.copy(tokens, index, &mut inputs, &mut targets);
        let window = Window { batch, inputs: &inputs, targets: &targets };
        add(&mut score, model.evaluate(cpu, window, &mut state)?);
    }
    Ok(Some(score))
}

/// The score over every word but the first, in one sequence with carried state: what batch
/// 1 and window 1 give, with the input projection and the softmax of many words at once.
/// `None` when `interrupt` came.
///
/// # Errors
/// Sizes that do not fit.
pub fn every_word(
    cpu: &Cpu,
    model: &mut LanguageModel,
    tokens: &[u32],
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Score>> {
    let mut state = model.zero_state(1);
    let mut score = Score::default();
    let predictable = tokens.len().saturating_sub(1);
    for start in (0..predictable).step_by(CHUNK) {
        if interrupt.requested() {
            return Ok(None);
        }
        let end = predictable.min(start + CHUNK);
        let (inputs, targets) = (&tokens[start..end], &tokens[start + 1..end + 1]);
        let window = Window { batch: 1, inputs, targets };
        add(&mut score, model.evaluate(cpu, window, &mut state)?);
    }
    Ok(Some(score))
}

fn add(score: &mut Score, losses: &[f32]) {
    score.loss += losses.iter().copied().map(f64::from).sum::<f64>();
    score.words += losses.len() as u64;
}
