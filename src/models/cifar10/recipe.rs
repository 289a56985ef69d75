//! Training as in the reference: shuffled and distorted batches prepared in the background, moving
//! averages of the losses, evaluation with the moving averages of the parameters.

use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Cifar10;
use crate::data::Split;
use crate::data::shuffle::Shuffle;
use crate::models::classify::{Batch, MakeBatch, Recipe, Run, Score, Trainer};
use crate::rng::Stream;
use crate::train::Progress;

/// The CIFAR-10-specific part of training.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Cifar10Recipe {
    losses: Losses,
    /// The step of the last evaluation on the test images.
    #[serde(default)]
    evaluated: u64,
}

/// The losses of the last step, and their averages as TensorBoard shows them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Losses {
    cross_entropy: f64,
    total: f64,
    /// Moving averages of both, which begin at zero.
    averages: [f64; 2],
    /// The weight that the averages hold so far.
    weight: f64,
}

impl Losses {
    /// The reference's decay.
    const DECAY: f64 = 0.9;

    fn take(&mut self, cross_entropy: f64, total: f64) {
        (self.cross_entropy, self.total) = (cross_entropy, total);
        for (average, value) in self.averages.iter_mut().zip([cross_entropy, total]) {
            *average = Self::DECAY * *average + (1.0 - Self::DECAY) * value;
        }
        self.weight = Self::DECAY * self.weight + 1.0 - Self::DECAY;
    }

    fn average(&self, i: usize) -> f64 {
        self.averages[i] / self.weight.max(f64::MIN_POSITIVE)
    }
}

impl Recipe<Cifar10> for Cifar10Recipe {
    const RATE_DECIMALS: usize = 4;

    fn batches(run: &Run<Cifar10>) -> Result<Box<MakeBatch>> {
        let train = Arc::clone(&run.pictures.train);
        let order = Shuffle::new(run.config.seed, "order", train.images.len())?;
        let stream = Stream::new(run.config.seed, "distortion");
        Ok(Box::new(move |step, Batch { images, labels }| {
            let first = step * labels.len() as u64;
            train.input.distorted_inputs(&train.images, &order, &stream, first, images, labels);
        }))
    }

    fn take(&mut self, cross_entropy: f64, loss: f64) {
        self.losses.take(cross_entropy, loss);
    }

    fn loss(&self) -> f64 {
        self.losses.average(1)
    }

    fn record(&self, run: &Run<Cifar10>, step: u64) -> Vec<(&'static str, f64)> {
        vec![
            ("loss", self.losses.average(1)),
            ("loss_raw", self.losses.total),
            ("cross_entropy", self.losses.average(0)),
            ("cross_entropy_raw", self.losses.cross_entropy),
            ("learning_rate", run.learning_rate(step)),
        ]
    }

    fn report(
        &mut self,
        run: &Run<Cifar10>,
        _: &mut Trainer,
        _: &Batch,
        Progress { step, rate, .. }: Progress,
    ) -> Result<String> {
        Ok(format!(
            "step {step}, loss = {:.2} ({rate:.1} examples/sec; {:.3} sec/batch)",
            self.losses.total,
            run.batch_size() as f64 / rate
        ))
    }

    fn metric(score: &Score) -> f64 {
        score.top1_accuracy()
    }

    fn in_words(split: Split, precision: f64) -> String {
        format!("{split} precision @ 1 = {precision:.4}")
    }

    fn tested(&mut self) -> Option<&mut u64> {
        Some(&mut self.evaluated)
    }
}
