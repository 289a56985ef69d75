//! Training, as the loop of [`crate::train`] sees it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ENTRY;
use super::batch::BatchMemory;
use super::beam::Search;
use super::config::{Train, TranslateConfig};
use super::dataset::Dataset;
use super::decode::Translator;
use super::early_stopping::Best;
use super::evaluate::{self, BucketScore, DrawnBatches};
use super::learning_rate::{self, LearningRate};
use super::model::TranslationModel;
use crate::checkpoint::Checkpoint;
use crate::data::tokenizer::Side;
use crate::metrics::bleu::Bleu;
use crate::metrics::corpus::{CorpusMetric, sum};
use crate::metrics::{Content, Summary, perplexity_in_words};
use crate::models::weights;
use crate::nn::Parameter;
use crate::nn::optimizer::{Optimizer, Settings};
use crate::ops::{Cpu, NotFinite, ensure_finite};
use crate::train::{EpochReport, Evaluation, Progress, ShutdownFlag, Task, is_reported};

/// The most words of a sentence whose attention TensorBoard shows.
const MAX_SHOWN: usize = 60;

/// A translation model on its way through its text.
pub struct TranslateTask<'a> {
    cpu: &'a Cpu,
    config: &'a TranslateConfig,
    data: &'a Dataset,
    model: TranslationModel,
    optimizer: Optimizer,
    rate: LearningRate,
    /// The learning rate of the last step.
    used: f64,
    losses: Losses,
    /// The time of this process's steps since the last window, and how many they are.
    timed: (Duration, u32),
    /// The reference's evaluation of the last line of progress, if it had one.
    drawn: Option<DrawnBatches>,
    memory: BatchMemory,
    steps_per_epoch: u64,
    best: Best,
}

/// The losses of an epoch so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Losses {
    sum: f64,
    steps: u64,
    last: f64,
}

impl<'a> TranslateTask<'a> {
    /// A task from the first step.
    ///
    /// # Errors
    /// When the optimizer's state cannot be made.
    pub fn new(
        cpu: &'a Cpu,
        config: &'a TranslateConfig,
        data: &'a Dataset,
        model: TranslationModel,
    ) -> Result<Self> {
        let settings = Settings {
            max_norm: Some(config.train.max_grad_norm),
            average_decay: Some(config.train.average_decay).filter(|&decay| decay > 0.0),
            ..Settings::default()
        };
        let optimizer = Optimizer::new(&config.optimizer, settings, model.network().parameters())?;
        Ok(Self {
            cpu,
            config,
            data,
            model,
            optimizer,
            rate: LearningRate::new(config.train.learning_rate),
            used: config.train.learning_rate,
            losses: Losses::default(),
            timed: Default::default(),
            drawn: None,
            memory: BatchMemory::default(),
            steps_per_epoch: data.train.batches_per_epoch() as u64,
            best: Best::default(),
        })
    }

    /// The model.
    pub fn config(&self) -> &TranslateConfig {
        self.config
    }

    /// The model in its current state.
    pub fn into_model(self) -> TranslationModel {
        self.averaged().unwrap_or(self.model)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.model.network().parameters().iter().chain(self.optimizer.state()).collect()
    }

    /// The learning rate of a step.
    fn rate(&self, step: u64) -> f64 {
        let schedule = learning_rate::schedule(&self.config.train, self.epochs_end());
        schedule.map_or(self.rate.rate(), |schedule| schedule.rate(step))
    }

    /// The steps of all epochs.
    fn epochs_end(&self) -> u64 {
        self.steps_per_epoch.saturating_mul(self.config.train.num_epochs)
    }

    /// The steps that the config asks for.
    fn planned_steps(&self) -> u64 {
        match self.config.train.max_steps {
            0 => self.epochs_end(),
            limit => limit.min(self.epochs_end()),
        }
    }

    /// The step after which training stops early.
    fn stops_early(&self) -> Option<u64> {
        let end = self.best.ends_at(self.config.train.patience);
        end.filter(|&end| end < self.planned_steps())
    }

    fn say_early_stop(&self) {
        if self.stops_early().is_some() {
            self.best.say();
        }
    }

    /// The model used for translation: its moving averages, if there are any.
    fn averaged(&self) -> Option<TranslationModel> {
        let averages = self.optimizer.averages();
        (!averages.is_empty()).then(|| self.model.with_values(averages))
    }

    /// Whether a window of the reference's learning rate ends with a step.
    fn ends_window(&self, step: u64) -> bool {
        !self.config.is_bidirectional() && (step + 1).is_multiple_of(self.config.train.decay_every)
    }

    fn mean_loss(&self) -> f64 {
        self.losses.sum / self.losses.steps.max(1) as f64
    }

    /// The scores of the development text after this many steps, and its BLEU; `None` if a shutdown is
    /// requested.
    fn measure(&mut self, step: u64, shutdown: &ShutdownFlag) -> Result<Option<(Evaluation, f64)>> {
        let dev = &self.data.dev;
        let mut averaged = self.averaged();
        let model = averaged.as_mut().unwrap_or(&mut self.model);
        let Some(scores) = evaluate::perplexity(self.cpu, model, dev, shutdown)? else {
            return Ok(None);
        };
        let dev_score = BucketScore::total(&scores);
        ensure_finite(dev_score.loss, "the development loss")?;
        let drawn = DrawnBatches::score(self.cpu, model, dev, step)?;
        drawn.lines().for_each(|line| tracing::info!("{line}"));
        let mut translator =
            Translator::new(model.architecture(), model.network(), &self.config.buckets())?;
        let (tokenizer, text) = (&self.data.tokenizer, &self.data.dev_text);
        let search = Search::GREEDY;
        let Some(translations) =
            evaluate::translations(self.cpu, &mut translator, tokenizer, text, search, shutdown)?
        else {
            return Ok(None);
        };
        let metric = Bleu::default();
        let bleu = metric.score(&sum(&evaluate::statistics(&metric, text, &translations)));
        let perplexity = dev_score.perplexity();
        let mut metrics = vec![("perplexity", perplexity), ("bleu", bleu)];
        metrics.extend(drawn.metric());
        let line = headline(perplexity, bleu);
        Ok(Some((Evaluation { phase: "dev", metrics, line }, bleu)))
    }
}

/// The headline result of a run.
pub fn headline(perplexity: f64, bleu: f64) -> String {
    format!("dev perplexity {}, dev BLEU {bleu:.2}", perplexity_in_words(perplexity))
}

impl Task for TranslateTask<'_> {
    fn model(&self) -> &'static str {
        ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    fn total_steps(&self) -> u64 {
        self.stops_early().unwrap_or_else(|| self.planned_steps())
    }

    fn how_to_continue(&self) -> &'static str {
        let max_steps = self.config.train.max_steps;
        match self.stops_early() {
            Some(_) => "to continue, give a larger --set train.patience=N",
            None if !self.config.train.is_cosine() => "to continue, give --epochs or --steps more",
            None if max_steps > 0 && max_steps < self.epochs_end() => {
                "to continue, give more --steps"
            }
            None => {
                "its length is fixed, since the learning rate depends on it; --init-from starts a new \
                run from it"
            }
        }
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("pairs", self.data.train.pairs_per_batch() as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        let (train, steps) = (&self.config.train, self.epochs_end());
        if epoch == 0 && train.is_cosine() && train.warmup_steps >= steps {
            tracing::warn!(
                "train.warmup_steps = {} takes all {steps} steps of the epochs: the learning rate rises to \
                their end",
                train.warmup_steps
            );
        }
        self.losses = Losses::default();
        let rate = self.rate(epoch * self.steps_per_epoch);
        format!("Epoch: {} Learning rate: {}", epoch + 1, learning_rate::in_words(rate))
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let start = Instant::now();
        let Train { decay_every, lr_decay, .. } = self.config.train;
        self.used = self.rate(step);
        let batch = self.data.train.batch(step, &mut self.memory);
        let loss = self.model.step(self.cpu, &batch, &mut self.optimizer, self.used, step)?;
        self.rate.add(loss, decay_every, lr_decay);
        self.losses.sum += loss;
        self.losses.steps += 1;
        self.losses.last = loss;
        self.timed = (self.timed.0 + start.elapsed(), self.timed.1 + 1);
        Ok(())
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("perplexity", self.mean_loss().exp())]
    }

    fn record(&self, _: u64) -> Vec<(&'static str, f64)> {
        vec![
            ("perplexity", self.mean_loss().exp()),
            ("loss", self.losses.last),
            ("learning_rate", self.used),
        ]
    }

    fn validation(&self) -> Vec<(&'static str, f64)> {
        self.drawn.iter().filter_map(DrawnBatches::metric).collect()
    }

    /// As the reference too: the reference's network at the end of each window of its learning rate.
    fn is_reported(&self, step: u64) -> bool {
        let per_epoch = self.steps_per_epoch;
        self.ends_window(step) || is_reported(step % per_epoch, per_epoch)
    }

    fn report(&mut self, Progress { step, fraction, rate }: Progress) -> Result<String> {
        self.drawn = None;
        if self.ends_window(step)
            && let Some(loss) = self.rate.last_window()
        {
            let (time, steps) = std::mem::take(&mut self.timed);
            let step_time = (time / steps.max(1)).as_secs_f64();
            let mut lines = format!(
                "global step {} learning rate {} step-time {step_time:.2} perplexity {}",
                step + 1,
                learning_rate::in_words(self.used),
                perplexity_in_words(loss.exp())
            );
            let mut averaged = self.averaged();
            let model = averaged.as_mut().unwrap_or(&mut self.model);
            let drawn = DrawnBatches::score(self.cpu, model, &self.data.dev, step + 1)?;
            lines.extend(drawn.lines().map(|line| format!("\n{line}")));
            self.drawn = Some(drawn);
            return Ok(lines);
        }
        let perplexity = perplexity_in_words(self.mean_loss().exp());
        Ok(format!("{fraction:.3} perplexity: {perplexity} speed: {rate:.0} pairs/s"))
    }

    /// The attention of the first development sentence that is not too long, at the end of an epoch.
    fn summaries(&mut self, step: u64) -> Result<Vec<Summary>> {
        if !(step + 1).is_multiple_of(self.steps_per_epoch) {
            return Ok(Vec::new());
        }
        let tokenizer = &self.data.tokenizer;
        let shown = self.data.dev_text.iter().find_map(|[source, _]| {
            let words = tokenizer.encode(Side::Source, source);
            (1..=MAX_SHOWN).contains(&words.len()).then_some((source, words))
        });
        let Some((source, words)) = shown else { return Ok(Vec::new()) };
        let averaged = self.averaged();
        let model = averaged.as_ref().unwrap_or(&self.model);
        let mut translator =
            Translator::new(model.architecture(), model.network(), &self.config.buckets())?;
        let never = ShutdownFlag::default();
        let search = Search { keeps_attention: true, ..Search::GREEDY };
        let found = translator.translate_all(self.cpu, &[words], search, &never)?;
        let Some(best) = found.and_then(|mut found| found.pop()?.into_iter().next()) else {
            return Ok(Vec::new());
        };
        let is_finite = best.attention.iter().flatten().all(|weight| weight.is_finite());
        ensure!(is_finite, NotFinite::new("a weight of the attention"));
        let attention = translator.attention(tokenizer, source, &best);
        let content = Content::Picture(attention.summary()?);
        Ok(vec![Summary { tag: "attention".to_string(), content }])
    }

    fn end_epoch(&mut self, epoch: u64, shutdown: &ShutdownFlag) -> Result<Option<EpochReport>> {
        let step = (epoch + 1) * self.steps_per_epoch;
        let Some((dev, bleu)) = self.measure(step, shutdown)? else { return Ok(None) };
        self.best.add(bleu, step);
        self.say_early_stop();
        let trained = self.mean_loss().exp();
        let epoch = Evaluation {
            phase: "epoch",
            metrics: vec![("perplexity", trained)],
            line: format!("train perplexity {}", perplexity_in_words(trained)),
        };
        Ok(Some(EpochReport { measured: vec![epoch, dev], score: Some(-bleu) }))
    }

    /// Within an epoch the last step has no scores yet.
    fn finish(&mut self, shutdown: &ShutdownFlag) -> Result<Option<Vec<Evaluation>>> {
        let step = self.total_steps();
        if step.is_multiple_of(self.steps_per_epoch) {
            return Ok(Some(Vec::new()));
        }
        Ok(self.measure(step, shutdown)?.map(|(dev, _)| vec![dev]))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        weights::of(&self.parameters())
    }

    fn state(&self) -> Map<String, Value> {
        // The streams are functions of seed and step.
        Map::from_iter([
            ("seed".to_string(), self.config.seed.into()),
            ("steps_per_epoch".to_string(), self.steps_per_epoch.into()),
            ("num_epochs".to_string(), self.config.train.num_epochs.into()),
            ("losses".to_string(), serde_json::json!(self.losses)),
            ("learning_rate".to_string(), serde_json::json!(self.rate)),
            ("best".to_string(), serde_json::json!(self.best)),
        ])
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        let steps = state.get("steps_per_epoch").and_then(Value::as_u64);
        ensure!(
            steps == Some(self.steps_per_epoch),
            "the checkpoint counts {} steps an epoch, this text has {}",
            steps.unwrap_or_default(),
            self.steps_per_epoch
        );
        let of = |key: &str| {
            let value = state.get(key).with_context(|| format!("the checkpoint holds no {key}"));
            value.cloned()
        };
        if let Some(epochs) = state.get("num_epochs").filter(|_| self.config.train.is_cosine()) {
            let now = self.config.train.num_epochs;
            ensure!(
                *epochs == now,
                "train.num_epochs = {now}: with train.schedule = \"cosine\" the learning rate depends on \
                it, so it stays {epochs} when the run is resumed; --init-from starts a new run from it"
            );
        }
        self.losses = serde_json::from_value(of("losses")?)?;
        self.rate = serde_json::from_value(of("learning_rate")?)?;
        self.best = match state.get("best") {
            Some(best) => serde_json::from_value(best.clone())?,
            // Of a checkpoint that is older than early stopping.
            None => Best::default(),
        };
        self.say_early_stop();
        weights::load(self.model(), &self.parameters(), checkpoint)
    }
}
