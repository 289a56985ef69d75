//! Perplexities of whole texts.

use super::model::{LanguageModel, State, Window};
use crate::console;
use crate::data::batches::Batches;
use crate::ops::Cpu;
use crate::train::ShutdownFlag;

/// Words per forward pass with a batch size of one.
const CHUNK: usize = 700;

/// The sum of losses over a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TextScore {
    /// Nats.
    pub loss: f64,
    /// Words predicted.
    pub words: u64,
}

impl TextScore {
    /// e to the mean loss.
    pub fn perplexity(&self) -> f64 {
        (self.loss / self.words.max(1) as f64).exp()
    }
}

/// The score as the reference's `run_epoch` has it: contiguous batches with carried state,
/// the tail after the last whole window left out. `None` where a shutdown is requested.
///
/// # Errors
/// When the text is too short for one window.
pub fn in_batches(
    cpu: &Cpu,
    model: &mut LanguageModel,
    tokens: &[u32],
    batch: usize,
    steps: usize,
    shutdown: &ShutdownFlag,
) -> anyhow::Result<Option<TextScore>> {
    let batches = Batches::new(tokens.len(), batch, steps)?;
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    let mut state = model.zero_state(batch);
    let mut score = TextScore::default();
    for index in 0..batches.windows() {
        if shutdown.requested() {
            return Ok(None);
        }
        console::progress("evaluating", index as u64, batches.windows() as u64);
        batches.copy(tokens, index, &mut inputs, &mut targets);
        let window = Window { batch, inputs: &inputs, targets: &targets };
        add(&mut score, model.evaluate(cpu, window, &mut state)?);
    }
    Ok(Some(score))
}

/// The score over every word except the first, in one sequence with carried state, as with batch
/// size 1 and window 1. `None` if a shutdown is requested.
///
/// # Errors
/// Sizes that do not fit.
pub fn every_word(
    cpu: &Cpu,
    model: &mut LanguageModel,
    tokens: &[u32],
    shutdown: &ShutdownFlag,
) -> anyhow::Result<Option<TextScore>> {
    let mut sequence = Scored::new(model);
    for &token in tokens {
        if shutdown.requested() {
            return Ok(None);
        }
        sequence.add(cpu, model, token)?;
    }
    sequence.finish(cpu, model).map(Some)
}

/// The score of a sequence that comes word by word. Many words go through the model at a time, and
/// no more than these are held.
pub struct Scored {
    state: State,
    words: Vec<u32>,
    score: TextScore,
}

impl Scored {
    /// A sequence that begins in the zero state; its first word is not predicted.
    pub fn new(model: &LanguageModel) -> Self {
        Self { state: model.zero_state(1), words: Vec::new(), score: TextScore::default() }
    }

    /// Takes in the next word.
    ///
    /// # Errors
    /// A word that the model does not know.
    pub fn add(&mut self, cpu: &Cpu, model: &mut LanguageModel, word: u32) -> anyhow::Result<()> {
        if self.words.len() > CHUNK {
            self.predict(cpu, model)?;
        }
        self.words.push(word);
        Ok(())
    }

    /// The score of the whole.
    ///
    /// # Errors
    /// As [`Scored::add`].
    pub fn finish(mut self, cpu: &Cpu, model: &mut LanguageModel) -> anyhow::Result<TextScore> {
        if self.words.len() > 1 {
            self.predict(cpu, model)?;
        }
        Ok(self.score)
    }

    /// Predicts the buffered words except the first, and continues from the last.
    fn predict(&mut self, cpu: &Cpu, model: &mut LanguageModel) -> anyhow::Result<()> {
        let last = self.words.len() - 1;
        let (inputs, targets) = (&self.words[..last], &self.words[1..]);
        let window = Window { batch: 1, inputs, targets };
        add(&mut self.score, model.evaluate(cpu, window, &mut self.state)?);
        self.words.drain(..last);
        Ok(())
    }
}

fn add(score: &mut TextScore, losses: &[f32]) {
    score.loss += losses.iter().copied().map(f64::from).sum::<f64>();
    score.words += losses.len() as u64;
}
