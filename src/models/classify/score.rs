//! How well a classifier does on a set of examples.

use std::ops::Range;

use anyhow::{Result, ensure};

use super::Classifier;
use crate::console;
use crate::metrics::picture::{ConfusionMatrix, Mistake, TopLosses};
use crate::ops::precision::argmax;
use crate::ops::{Buffer, Cpu, ensure_finite, softmax};
use crate::train::ShutdownFlag;

/// The maximum number of mistakes that are kept.
const MAX_MISTAKES: usize = 36;

/// The counts of an evaluation.
#[derive(Clone, Debug)]
pub struct Score {
    /// How often each class was taken for each.
    pub confusion: ConfusionMatrix,
    /// Examples whose label is the first of the largest logit. TensorFlow's `in_top_k` takes the others
    /// of equal ones for right too, and a network without a signal for perfect.
    pub correct: u64,
    /// Σ of the cross-entropies, in nats.
    pub loss: f64,
    /// The most confident mistakes.
    pub worst: TopLosses,
}

impl Score {
    /// No examples yet, of classes of these names.
    pub fn new(classes: &[String]) -> Self {
        let (confusion, worst) =
            (ConfusionMatrix::new(classes.to_vec()), TopLosses::new(MAX_MISTAKES));
        Self { confusion, correct: 0, loss: 0.0, worst }
    }

    /// Examples in all.
    pub fn total(&self) -> u64 {
        self.confusion.total()
    }

    /// The share of examples that are right; the console calls it "precision @ 1".
    pub fn top1_accuracy(&self) -> f64 {
        self.correct as f64 / self.total().max(1) as f64
    }

    /// The percentage of examples that are wrong.
    pub fn error_rate(&self) -> f64 {
        100.0 - 100.0 * self.top1_accuracy()
    }

    /// The mean cross-entropy in nats.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.total().max(1) as f64
    }

    /// Takes in the logits (examples, classes) of examples from number `first` on.
    pub fn add(&mut self, cpu: &Cpu, first: usize, logits: &mut [f32], labels: &[u32]) {
        let classes = self.confusion.classes().len();
        let predicted: Vec<u32> = argmax(logits, classes).map(|class| class as u32).collect();
        let mut losses = vec![0.0; labels.len()];
        softmax::cross_entropy(cpu, logits, labels, None, &mut losses);
        self.loss += losses.iter().copied().map(f64::from).sum::<f64>();
        // The probability of a class is e to the power of minus its cross-entropy.
        softmax::cross_entropy(cpu, logits, &predicted[..], None, &mut losses);
        for (i, (&truth, &predicted)) in labels.iter().zip(&predicted).enumerate() {
            let (truth, predicted) = (truth as usize, predicted as usize);
            self.confusion.add(truth, predicted);
            self.correct += u64::from(truth == predicted);
            if truth != predicted {
                let (index, probability) = ((first + i) as u64, (-losses[i]).exp());
                self.worst.add(Mistake { index, truth, predicted, probability });
            }
        }
    }
}

/// Examples with labels, as a network takes them.
pub trait LabelledInputs {
    /// How many there are.
    fn count(&self) -> usize;
    /// Values of an example.
    fn values(&self) -> usize;
    /// Writes the inputs (examples, values) and labels of a range of examples.
    fn fill(&self, examples: Range<usize>, inputs: &mut [f32], labels: &mut [u32]);
}

/// Classifies every example, `batch` of them at a time; `classes` are the names. `None` when
/// a shutdown is requested.
///
/// # Errors
/// When there are no examples, or a loss is not finite.
pub fn evaluate(
    cpu: &Cpu,
    classifier: &mut Classifier,
    examples: &impl LabelledInputs,
    classes: &[String],
    batch: usize,
    shutdown: &ShutdownFlag,
) -> Result<Option<Score>> {
    let count = examples.count();
    ensure!(count > 0, "there are no examples to classify");
    let mut score = Score::new(classes);
    let mut images = Buffer::default();
    let mut labels = vec![0; batch];
    for first in (0..count).step_by(batch) {
        if shutdown.requested() {
            return Ok(None);
        }
        if first > 0 {
            console::progress("evaluating", first as u64, count as u64);
        }
        let range = first..count.min(first + batch);
        let images = images.at_least(range.len() * examples.values());
        let labels = &mut labels[..range.len()];
        examples.fill(range, images, labels);
        score.add(cpu, first, classifier.logits(cpu, images)?, labels);
    }
    ensure_finite(score.loss, "the loss of the evaluation")?;
    Ok(Some(score))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Labelled;
    use crate::data::augment::Shape;
    use crate::models::classify::{Examples, Input};
    use crate::ops::Isa;

    const SHAPE: Shape = Shape { height: 1, width: 1, depth: 3 };

    /// Bytes as they are.
    #[derive(Clone)]
    struct Plain;

    impl Input for Plain {
        fn shape(&self) -> Shape {
            SHAPE
        }

        fn write(&self, images: &Labelled, range: Range<usize>, inputs: &mut [f32]) {
            let pixels = images.pixels(range).iter();
            inputs.iter_mut().zip(pixels).for_each(|(to, &pixel)| *to = f32::from(pixel));
        }
    }

    #[test]
    fn counts_are_those_of_the_examples_for_any_batch() {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let pixels = [[2, 0, 0], [0, 5, 0], [9, 0, 1], [0, 0, 1]].concat();
        let images = Labelled::new(SHAPE, pixels, vec![0, 2, 2, 2]);
        let examples = Examples { images, input: Plain };
        for batch in [1, 3, 4, 100] {
            let never = ShutdownFlag::default();
            let classes = ["a", "b", "c"].map(String::from);
            // It takes the image for the logits.
            let mut identity = Classifier::new(SHAPE, 1, |images| images.flatten()).unwrap();
            let score = evaluate(&cpu, &mut identity, &examples, &classes, batch, &never);
            let score = score.unwrap().unwrap();
            let count = |i: usize| score.confusion.count(i / 3, i % 3);
            assert_eq!(std::array::from_fn(count), [1, 0, 0, 0, 0, 0, 1, 1, 1]);
            assert_eq!((score.correct, score.total(), score.top1_accuracy()), (2, 4, 0.5));
            assert_eq!(score.error_rate(), 50.0);
            let recall = [0, 1, 2].map(|class| score.confusion.recall(class));
            assert_eq!(recall, [Some(1.0), None, Some(1.0 / 3.0)]);
            let mistakes = score.worst.mistakes();
            let worst: Vec<_> = mistakes.iter().map(|m| (m.index, m.predicted)).collect();
            assert_eq!(worst, [(2, 0), (1, 1)]);
            let p = f64::from(mistakes[0].probability);
            assert!((p - 1.0 / (1.0 + (-8f64).exp() + (-9f64).exp())).abs() < 1e-6);
        }
    }
}
