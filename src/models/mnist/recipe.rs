//! Training as in the reference: batches in the order of the data, and every N steps a report on the
//! current batch and the validation images.

use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Mnist;
use crate::data::Split;
use crate::models::classify::{Batch, LabelledInputs, MakeBatch, Recipe, Run, Score, Trainer};
use crate::nn::Mode;
use crate::ops::ensure_finite;
use crate::train::{Progress, ShutdownFlag};

/// The MNIST-specific part of training.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct MnistRecipe {
    last: Last,
}

/// The measurements of the last step and of the last line of progress.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Last {
    loss: f64,
    /// Measured with every line of progress: no checkpoint needs it.
    #[serde(skip)]
    cross_entropy: f64,
    minibatch_error: f64,
    validation_error: f64,
}

/// The first example of a step's batch: the reference goes through the examples in their order,
/// without shuffling.
fn offset(step: u64, batch: usize, examples: usize) -> usize {
    let room = (examples - batch).max(1) as u64;
    (step * batch as u64 % room) as usize
}

impl MnistRecipe {
    /// Measures the current batch again, after its step, as the reference's second
    /// `session.run` does: with the new parameters, under the next mask of dropout.
    fn measure_minibatch(&mut self, on: &mut Trainer, batch: &Batch, step: u64) -> Result<()> {
        let score = on.score_batch(batch, Mode::Training { step: step + 1 })?;
        self.last.minibatch_error = 100.0 - 100.0 * score.correct as f64 / score.total() as f64;
        self.last.cross_entropy = score.mean_loss();
        self.last.loss = self.last.cross_entropy + on.l2_loss();
        ensure_finite(self.last.loss, "the loss")
    }
}

/// The learning rate as the reference prints it after step `step`: its counter has moved on.
fn next_learning_rate(run: &Run<Mnist>, step: u64) -> f64 {
    run.learning_rate(step + 1)
}

impl Recipe<Mnist> for MnistRecipe {
    const RATE_DECIMALS: usize = 6;

    fn batches(run: &Run<Mnist>) -> Result<Box<MakeBatch>> {
        let train = Arc::clone(&run.pictures.train);
        Ok(Box::new(move |step, Batch { images, labels }| {
            let first = offset(step, labels.len(), train.images.len());
            train.fill(first..first + labels.len(), images, labels);
        }))
    }

    fn take(&mut self, _: f64, loss: f64) {
        self.last.loss = loss;
    }

    fn loss(&self) -> f64 {
        self.last.loss
    }

    fn record(&self, run: &Run<Mnist>, step: u64) -> Vec<(&'static str, f64)> {
        vec![
            ("loss", self.last.loss),
            ("cross_entropy", self.last.cross_entropy),
            ("error", self.last.minibatch_error),
            ("learning_rate", next_learning_rate(run, step)),
        ]
    }

    fn validation(&self) -> Vec<(&'static str, f64)> {
        vec![("error", self.last.validation_error)]
    }

    fn report(
        &mut self,
        run: &Run<Mnist>,
        on: &mut Trainer,
        batch: &Batch,
        Progress { step, rate, .. }: Progress,
    ) -> Result<String> {
        self.measure_minibatch(on, batch, step)?;
        let valid = run.pictures.valid.as_ref();
        let score = valid.map(|valid| on.score(valid, &ShutdownFlag::default())).transpose()?;
        self.last.validation_error = score.flatten().map_or(f64::NAN, |score| score.error_rate());
        let batch = run.batch_size() as f64;
        let Last { loss, minibatch_error, validation_error, .. } = self.last;
        Ok(format!(
            "Step {step} (epoch {:.2}), {:.1} ms, minibatch loss: {loss:.3}, learning rate: {:.6}, \
             minibatch error: {minibatch_error:.1}%, validation error: {validation_error:.1}%",
            step as f64 * batch / run.examples() as f64,
            1e3 * batch / rate,
            next_learning_rate(run, step)
        ))
    }

    fn metric(score: &Score) -> f64 {
        score.error_rate()
    }

    fn in_words(split: Split, error: f64) -> String {
        format!("{split} error {error:.2} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_the_reference() {
        // (858 · 64) % (55000 - 64) and the step after
        assert_eq!((offset(858, 64, 55_000), offset(859, 64, 55_000)), (54_912, 40));
        // The whole set is one batch.
        assert_eq!(offset(9, 64, 64), 0);
    }
}
