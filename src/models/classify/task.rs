//! Training of classifiers, as the loop of [`crate::train`] sees it.

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use serde_json::{Map, Value, json};

use super::{
    Batch, Classifier, Config, Data, LabelledInputs, PictureModel, PictureSettings, Recipe, Run,
    Score, Trainer, summaries,
};
use crate::checkpoint::Checkpoint;
use crate::data::Split;
use crate::data::prefetch::Prefetch;
use crate::metrics::Summary;
use crate::models::experiment::Experiment;
use crate::models::{Better, Entry, weights};
use crate::ops::{Cpu, ensure_finite};
use crate::system::wording::by_number;
use crate::train::{EpochReport, Evaluation, Progress, ShutdownFlag, Task};

/// Batches that are prepared ahead of the step.
const BATCHES_AHEAD: usize = 3;

/// A classifier on its way through the batches of its recipe.
pub struct ClassifierTask<'a, M: PictureModel> {
    on: Trainer<'a>,
    run: Run<'a, M>,
    recipe: M::Recipe,
    batches: Option<Prefetch<Batch>>,
}

impl<'a, M: PictureModel> ClassifierTask<'a, M> {
    const ENTRY: &'static Entry = <M as Experiment>::ENTRY;

    /// The classifier at its first step.
    ///
    /// # Errors
    /// Fewer images than the batch size, or threads of the towers that cannot be started.
    pub fn new(
        cpu: &'a Cpu,
        config: &'a Config<M>,
        pictures: &'a Data<M>,
        classifier: Classifier,
    ) -> Result<Self> {
        let (all, batch) = (pictures.train.images.len(), config.descent().batch_size);
        ensure!(
            all >= batch,
            "{all} training {} fewer than train.batch_size = {batch}; decrease it",
            by_number(all, "image is", "images are")
        );
        let classes = pictures.classes.clone();
        let on = Trainer::new::<M>(cpu, config, classifier, classes)?;
        let run = Run { config, pictures };
        Ok(Self { on, run, recipe: M::Recipe::default(), batches: None })
    }

    /// The batches from `step` on, prepared in the background.
    fn batches_from(&self, step: u64) -> Result<Prefetch<Batch>> {
        let (batch, values) = (self.run.batch_size(), self.run.pictures.train.values());
        let make = M::Recipe::batches(&self.run)?;
        let allocate = move || Batch::zeros(batch, values);
        let prepare = move |step, to: &mut Batch| {
            make(step, to);
            Ok(())
        };
        Prefetch::new(self.run.config.workers(), BATCHES_AHEAD, step, allocate, prepare)
    }

    fn score(&mut self, split: Split, shutdown: &ShutdownFlag) -> Result<Option<Score>> {
        let examples = self.run.pictures.split(split);
        self.on.score(examples.with_context(|| format!("no {split} images"))?, shutdown)
    }

    fn measured(split: Split, score: &Score) -> Evaluation {
        let ((name, _), metric) = (Self::ENTRY.metrics[0], M::Recipe::metric(score));
        let metrics = vec![(name, metric), ("cross_entropy", score.mean_loss())];
        Evaluation { phase: split.name(), metrics, line: M::Recipe::in_words(split, metric) }
    }
}

impl<M: PictureModel> Task for ClassifierTask<'_, M> {
    fn model(&self) -> &'static str {
        Self::ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        (self.run.examples() / self.run.batch_size()) as u64
    }

    fn total_steps(&self) -> u64 {
        self.run.config.total_steps(self.run.examples())
    }

    fn epochs(&self) -> u64 {
        self.run.config.epochs().unwrap_or(self.total_steps().div_ceil(self.steps_per_epoch()))
    }

    fn how_to_continue(&self) -> &'static str {
        match self.run.config.epochs() {
            Some(_) => "to continue, give --epochs more",
            None => "to continue, give --epochs or --steps more",
        }
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("images", self.run.batch_size() as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        let rate = self.run.learning_rate(epoch * self.steps_per_epoch());
        format!("Epoch: {} Learning rate: {rate:.*}", epoch + 1, M::Recipe::RATE_DECIMALS)
    }

    fn step(&mut self, step: u64) -> Result<()> {
        if self.batches.as_ref().is_none_or(|batches| batches.step() != step) {
            self.batches = Some(self.batches_from(step)?);
        }
        let batches = self.batches.as_mut().context("there is no batch iterator yet")?;
        let cross_entropy = self.on.gradients(batches.next_batch()?, step)?;
        let loss = cross_entropy + self.on.l2_loss();
        ensure_finite(loss, "the loss")?;
        self.recipe.take(cross_entropy, loss);
        self.on.update(self.run.learning_rate(step), step)
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("loss", self.recipe.loss())]
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        self.recipe.record(&self.run, step)
    }

    fn validation(&self) -> Vec<(&'static str, f64)> {
        self.recipe.validation()
    }

    fn is_reported(&self, step: u64) -> bool {
        step.is_multiple_of(self.run.config.report_steps())
    }

    fn report(&mut self, progress: Progress) -> Result<String> {
        let batch = self.batches.as_ref().and_then(Prefetch::current);
        let batch = batch.context("there is no batch to report on")?;
        self.recipe.report(&self.run, &mut self.on, batch, progress)
    }

    fn summaries(&mut self, step: u64) -> Result<Vec<Summary>> {
        let every = self.run.config.summary_steps();
        match self.batches.as_ref().and_then(Prefetch::current) {
            Some(batch) if every > 0 && step.is_multiple_of(every) => {
                summaries::of(self.on.cpu, &mut self.on.classifier, &batch.images)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn is_evaluated(&self, epoch: u64) -> bool {
        self.run.config.judged_by(epoch).is_some()
    }

    fn end_epoch(&mut self, epoch: u64, shutdown: &ShutdownFlag) -> Result<Option<EpochReport>> {
        let Some(split) = self.run.config.judged_by(epoch) else {
            return Ok(Some(EpochReport { measured: Vec::new(), score: None }));
        };
        let Some(score) = self.score(split, shutdown)? else { return Ok(None) };
        let measured = vec![Self::measured(split, &score)];
        let step = (epoch + 1) * self.steps_per_epoch();
        if let Some(tested) = self.recipe.tested() {
            *tested = step;
        }
        let metric = M::Recipe::metric(&score);
        let score = match Self::ENTRY.metrics[0] {
            (_, Better::Lower) => metric,
            (_, Better::Higher) => 1.0 - metric,
        };
        Ok(Some(EpochReport { measured, score: Some(score) }))
    }

    fn finish(&mut self, shutdown: &ShutdownFlag) -> Result<Option<Vec<Evaluation>>> {
        let steps = self.total_steps();
        if self.recipe.tested().is_some_and(|tested| *tested == steps) {
            // The last epoch has ended with the same network.
            return Ok(Some(Vec::new()));
        }
        let Some(score) = self.score(Split::Test, shutdown)? else { return Ok(None) };
        Ok(Some(vec![Self::measured(Split::Test, &score)]))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        weights::of(&self.on.tensors())
    }

    fn state(&self) -> Map<String, Value> {
        // The streams are functions of seed and step; the cursor is the step too.
        let mut state = json!(self.recipe).as_object().cloned().unwrap_or_default();
        state.insert("seed".to_string(), self.run.config.seed.into());
        state.insert("classes".to_string(), json!(self.run.pictures.classes));
        state
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        self.recipe = serde_json::from_value(state.clone().into())
            .context("the training measurements in the checkpoint")?;
        weights::load(self.model(), &self.on.tensors(), checkpoint)
    }
}
