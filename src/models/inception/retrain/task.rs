//! The training of a last layer, as the loop of [`crate::train`] sees it.

use anyhow::{Context, Result};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::config::InceptionConfig;
use super::dataset::FeatureDataset;
use crate::checkpoint::Checkpoint;
use crate::data::Split;
use crate::data::augment::Shape;
use crate::models::classify::{Batch, Classifier, Score, Trainer};
use crate::models::weights;
use crate::nn::optimizer::Settings;
use crate::nn::{Init, Mode};
use crate::ops::{Cpu, ensure_finite};
use crate::rng::Stream;
use crate::train::{EpochReport, Evaluation, Progress, ShutdownFlag, Task};

/// The standard deviation of the first weights, as in the reference.
const STDDEV: f64 = 0.001;

/// The last layer: from features (batch, `values`) to the logits of classes, one product.
///
/// # Errors
/// No features.
pub fn last_layer(values: usize, seed: u64, classes: usize) -> Result<Classifier> {
    let features = Shape { height: 1, width: 1, depth: values };
    let init = Init::truncated_normal(STDDEV).decay_weights();
    Classifier::new(features, seed, |features| features.linear("final_layer", classes, init))
}

/// A last layer in training.
pub struct RetrainTask<'a> {
    on: Trainer<'a>,
    config: &'a InceptionConfig,
    data: &'a FeatureDataset,
    /// The training examples of each class.
    by_class: Vec<Vec<usize>>,
    batch: Batch,
    last: Last,
}

/// The measurements of the last step and of the last line of progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Last {
    loss: f64,
    /// Of the last batch, with the parameters after its step.
    accuracy: f64,
    cross_entropy: f64,
    validation: Option<(f64, f64)>,
}

impl<'a> RetrainTask<'a> {
    /// The layer at its first step.
    ///
    /// # Errors
    /// A class without a training image.
    pub fn new(
        cpu: &'a Cpu,
        config: &'a InceptionConfig,
        data: &'a FeatureDataset,
        layer: Classifier,
    ) -> Result<Self> {
        let weight_decay = config.train.weight_decay;
        let settings = Settings { weight_decay, ..Settings::default() };
        let optimizer = (&config.optimizer, settings);
        let on = Trainer::of(cpu, layer, data.classes.clone(), optimizer, 1)?;
        let by_class = data.train.by_class(&data.classes)?;
        let batch = Batch::zeros(config.train.batch_size, data.source.values);
        Ok(Self { on, config, data, by_class, batch, last: Last::default() })
    }

    /// Draws the batch of a step: for each example a class, then an image of that class.
    fn draw(&mut self, step: u64) {
        let mut numbers = Stream::new(self.config.seed, "examples").at(step);
        let Batch { images, labels } = &mut self.batch;
        for (row, label) in images.chunks_mut(self.data.source.values).zip(labels) {
            let class = numbers.below(self.by_class.len() as u32);
            let examples = &self.by_class[class as usize];
            let example = examples[numbers.below(examples.len() as u32) as usize];
            row.copy_from_slice(self.data.train.row(example));
            *label = class;
        }
    }

    /// The score on a split, `None` if it is empty. The outer `None` means that a shutdown came.
    fn score(&mut self, split: Split, shutdown: &ShutdownFlag) -> Result<Option<Option<Score>>> {
        let examples = self.data.split(split);
        if examples.labels.is_empty() {
            return Ok(Some(None));
        }
        Ok(self.on.score(examples, shutdown)?.map(Some))
    }

    fn measured(split: Split, score: &Score) -> Evaluation {
        let (accuracy, loss) = (score.top1_accuracy(), score.mean_loss());
        let metrics = vec![("accuracy", accuracy), ("cross_entropy", loss)];
        Evaluation { phase: split.name(), metrics, line: in_words(split, accuracy, score.total()) }
    }
}

/// `test accuracy 91.2 % (N=42)`
fn in_words(split: Split, accuracy: f64, n: u64) -> String {
    format!("{split} accuracy {:.1} % (N={n})", 100.0 * accuracy)
}

impl Task for RetrainTask<'_> {
    fn model(&self) -> &'static str {
        super::super::ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        self.config.train.steps_per_epoch
    }

    fn total_steps(&self) -> u64 {
        self.config.train.max_steps
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("pictures", self.config.train.batch_size as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        format!("Epoch: {} Learning rate: {}", epoch + 1, self.config.train.learning_rate)
    }

    fn step(&mut self, step: u64) -> Result<()> {
        self.draw(step);
        let cross_entropy = self.on.gradients(&self.batch, step)?;
        self.last.loss = cross_entropy + self.on.l2_loss();
        ensure_finite(self.last.loss, "the loss")?;
        self.on.update(self.config.train.learning_rate, step)
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("loss", self.last.loss)]
    }

    fn record(&self, _: u64) -> Vec<(&'static str, f64)> {
        vec![
            ("loss", self.last.loss),
            ("accuracy", self.last.accuracy),
            ("cross_entropy", self.last.cross_entropy),
            ("learning_rate", self.config.train.learning_rate),
        ]
    }

    fn validation(&self) -> Vec<(&'static str, f64)> {
        let named = |(accuracy, loss)| vec![("accuracy", accuracy), ("cross_entropy", loss)];
        self.last.validation.map(named).unwrap_or_default()
    }

    fn is_reported(&self, step: u64) -> bool {
        step.is_multiple_of(self.config.train.eval_frequency)
    }

    fn reports_last_step(&self) -> bool {
        true
    }

    /// Scores the batch again after its step, as in the reference, and all validation images; the
    /// reference draws only a hundred.
    fn report(&mut self, Progress { step, .. }: Progress) -> Result<String> {
        // A run that was resumed for its end has not drawn the batch of its last step.
        self.draw(step);
        let score = self.on.score_batch(&self.batch, Mode::Inference)?;
        (self.last.accuracy, self.last.cross_entropy) = (score.top1_accuracy(), score.mean_loss());
        let valid = self.score(Split::Valid, &ShutdownFlag::default())?.flatten();
        self.last.validation = valid.as_ref().map(|it| (it.top1_accuracy(), it.mean_loss()));
        let valid = valid.map_or_else(String::new, |valid| {
            let (accuracy, n) = (100.0 * valid.top1_accuracy(), valid.total());
            format!(", Validation accuracy = {accuracy:.1}% (N={n})")
        });
        Ok(format!(
            "Step {step}: Train accuracy = {:.1}%, Cross entropy = {:.6}{valid}",
            100.0 * self.last.accuracy,
            self.last.cross_entropy
        ))
    }

    fn is_evaluated(&self, _: u64) -> bool {
        !self.data.valid.labels.is_empty()
    }

    fn end_epoch(&mut self, _: u64, shutdown: &ShutdownFlag) -> Result<Option<EpochReport>> {
        match self.score(Split::Valid, shutdown)? {
            None => Ok(None),
            Some(None) => Ok(Some(EpochReport::default())),
            Some(Some(score)) => {
                let error = 1.0 - score.top1_accuracy();
                let measured = vec![Self::measured(Split::Valid, &score)];
                Ok(Some(EpochReport { measured, score: Some(error) }))
            }
        }
    }

    fn finish(&mut self, shutdown: &ShutdownFlag) -> Result<Option<Vec<Evaluation>>> {
        let Some(score) = self.score(Split::Test, shutdown)? else { return Ok(None) };
        Ok(Some(score.iter().map(|score| Self::measured(Split::Test, score)).collect()))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        weights::of(&self.on.tensors())
    }

    fn state(&self) -> Map<String, Value> {
        // The streams are functions of seed and step.
        Map::from_iter([
            ("seed".to_owned(), self.config.seed.into()),
            ("classes".to_owned(), json!(self.data.classes)),
            ("features".to_owned(), json!(self.data.source)),
            ("last".to_owned(), json!(self.last)),
        ])
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        let last = state.get("last").cloned().unwrap_or_default();
        self.last =
            serde_json::from_value(last).context("the training measurements in the checkpoint")?;
        weights::load(self.model(), &self.on.tensors(), checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::inception::ENTRY;
    use crate::models::inception::retrain::cache::Row;
    use crate::models::inception::retrain::dataset::Examples;
    use crate::ops::Isa;

    /// Three classes of unlike size, whose features say the class.
    fn dataset() -> FeatureDataset {
        let part = |labels: &[u32]| {
            let row = |&label: &u32| Row::from([0, 1, 2].map(|i| f32::from(u8::from(i == label))));
            Examples::of(3, labels.iter().map(row).collect(), labels.to_vec())
        };
        FeatureDataset::of_parts(
            ["a", "b", "c"].map(str::to_owned).to_vec(),
            [part(&[0, 0, 0, 0, 0, 0, 1, 2]), part(&[0, 1, 2]), part(&[])],
        )
    }

    fn config(sets: &[&str]) -> InceptionConfig {
        let sets: Vec<_> = sets.iter().map(|set| (*set).to_owned()).collect();
        ENTRY.load(None, &sets).unwrap().config
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a InceptionConfig,
        data: &'a FeatureDataset,
    ) -> RetrainTask<'a> {
        RetrainTask::new(cpu, config, data, last_layer(3, 1, 3).unwrap()).unwrap()
    }

    #[test]
    fn every_class_is_drawn_as_often() {
        let (cpu, config, data) = (Cpu::new(Isa::Portable, 1).unwrap(), config(&[]), dataset());
        let mut task = task(&cpu, &config, &data);
        let mut counts = [0; 3];
        for step in 0..30 {
            task.draw(step);
            for (row, &label) in task.batch.images.chunks(3).zip(&task.batch.labels) {
                counts[label as usize] += 1;
                assert_eq!(row[label as usize], 1.0);
            }
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
        let first = task.batch.labels.clone();
        task.draw(7);
        assert_ne!(task.batch.labels, first);
        task.draw(29);
        assert_eq!(task.batch.labels, first);
    }

    #[test]
    fn what_can_be_learnt_is_learnt_and_a_part_may_be_empty() {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let (config, data) = (config(&["train.learning_rate=1", "train.batch_size=20"]), dataset());
        let mut task = task(&cpu, &config, &data);
        for step in 0..50 {
            task.step(step).unwrap();
        }
        let line = task.report(Progress { step: 50, fraction: 0.5, rate: 1.0 }).unwrap();
        assert!(line.starts_with("Step 50: Train accuracy = 100.0%, Cross entropy = 0."), "{line}");
        assert!(line.ends_with("Validation accuracy = 100.0% (N=3)"), "{line}");
        assert_eq!(task.validation()[0], ("accuracy", 1.0));
        let never = ShutdownFlag::default();
        let end = task.end_epoch(0, &never).unwrap().unwrap();
        assert_eq!((end.score, end.measured[0].phase), (Some(0.0), "valid"));
        assert_eq!(end.measured[0].line, "valid accuracy 100.0 % (N=3)");
        // No test pictures: nothing is measured.
        assert_eq!(task.finish(&never).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn a_first_layer_is_the_reference_s() {
        let layer = last_layer(2048, 1, 5).unwrap();
        let parameters = layer.network.parameters();
        let (weights, biases) = (parameters[0].values(), parameters[1].values());
        assert_eq!((weights.len(), biases.len()), (2048 * 5, 5));
        assert!(biases.iter().all(|bias| *bias == 0.0));
        let mean_square =
            weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / weights.len() as f64;
        // A normal distribution that is cut at two deviations has 0.88 of its deviation.
        assert!((mean_square.sqrt() / STDDEV - 0.88).abs() < 0.02, "{mean_square}");
        assert!(weights.iter().all(|weight| weight.abs() <= 2.0 * STDDEV as f32));
    }
}
