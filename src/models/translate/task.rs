//! Training, as the loop of [`crate::train`] sees it.

use std::collections::VecDeque;

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
use super::evaluate::{self, BucketScore};
use super::model::TranslationModel;
use crate::checkpoint::Checkpoint;
use crate::data::tokenizer::Side;
use crate::metrics::{Content, Summary, perplexity_in_words};
use crate::models::weights;
use crate::nn::Parameter;
use crate::nn::optimizer::{Optimizer, Schedule, Settings};
use crate::ops::{Cpu, NotFinite, ensure_finite};
use crate::train::{EpochReport, Evaluation, Progress, ShutdownFlag, Task, is_reported};

/// The most words of a sentence whose attention TensorBoard shows.
const MAX_SHOWN: usize = 60;
/// Windows of steps that the mean loss has to fall below.
const WINDOWS: usize = 3;

/// A translation model on its way through its text.
pub struct TranslateTask<'a> {
    cpu: &'a Cpu,
    config: &'a TranslateConfig,
    data: &'a Dataset,
    model: TranslationModel,
    optimizer: Optimizer,
    rate: LearningRate,
    losses: Losses,
    memory: BatchMemory,
    steps_per_epoch: u64,
    best: Best,
}

/// The learning rate of the reference: it decays when the mean loss of a window of steps is above each
/// of the three previous windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRate {
    rate: f64,
    /// Σ losses of the window so far.
    sum: f64,
    steps: u64,
    /// The mean losses of the windows before.
    before: VecDeque<f64>,
}

/// The losses of an epoch so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Losses {
    sum: f64,
    steps: u64,
    last: f64,
}

impl LearningRate {
    /// Begins at `rate`.
    pub fn new(rate: f64) -> Self {
        Self { rate, sum: 0.0, steps: 0, before: VecDeque::new() }
    }

    /// Takes the loss of a step. A window has `every` steps.
    pub fn add(&mut self, loss: f64, every: u64, decay: f64) {
        self.sum += loss;
        self.steps += 1;
        if self.steps < every {
            return;
        }
        let mean = self.sum / self.steps as f64;
        let largest = self.before.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if self.before.len() == WINDOWS && mean > largest {
            self.rate *= decay;
        }
        self.before.push_back(mean);
        if self.before.len() > WINDOWS {
            self.before.pop_front();
        }
        (self.sum, self.steps) = (0.0, 0);
    }
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
            losses: Losses::default(),
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
        let Train { learning_rate: rate, warmup_steps: warmup, .. } = self.config.train;
        match warmup {
            0 => self.rate.rate,
            _ => Schedule::Root { rate, warmup }.rate(step),
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
        let drawn = evaluate::reference_losses(self.cpu, model, dev, step)?;
        for (bucket, loss) in &drawn {
            let batch = self.config.train.batch_size;
            tracing::info!("eval: bucket {bucket} perplexity {:.2} (of {batch} pairs)", loss.exp());
        }
        let mut translator =
            Translator::new(model.architecture(), model.network(), &self.config.buckets())?;
        let (tokenizer, text) = (&self.data.tokenizer, &self.data.dev_text);
        let found =
            evaluate::bleu(self.cpu, &mut translator, tokenizer, text, Search::GREEDY, shutdown)?;
        let Some((bleu, _)) = found else { return Ok(None) };
        let perplexity = dev_score.perplexity();
        let mut metrics = vec![("perplexity", perplexity), ("bleu", bleu)];
        if !drawn.is_empty() {
            let mean = drawn.iter().map(|(_, loss)| loss).sum::<f64>() / drawn.len() as f64;
            metrics.push(("batch_perplexity", mean.exp()));
        }
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
        let all = self.steps_per_epoch.saturating_mul(self.config.train.num_epochs);
        let end = self.best.ends_at(self.config.train.patience);
        let all = end.map_or(all, |end| end.min(all));
        match self.config.train.max_steps {
            0 => all,
            limit => limit.min(all),
        }
    }

    fn how_to_continue(&self) -> &'static str {
        match self.best.ends_at(self.config.train.patience) {
            Some(_) => "to continue, give a larger --set train.patience=N",
            None => "to continue, give --epochs or --steps more",
        }
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("pairs", self.data.train.pairs_per_batch() as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        self.losses = Losses::default();
        let rate = self.rate(epoch * self.steps_per_epoch);
        // Rates of Adam, and those of the first steps, are small.
        let rate = if rate < 0.01 { format!("{rate:.2e}") } else { format!("{rate:.4}") };
        format!("Epoch: {} Learning rate: {rate}", epoch + 1)
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let Train { decay_every, lr_decay, .. } = self.config.train;
        let rate = self.rate(step);
        let batch = self.data.train.batch(step, &mut self.memory);
        let loss = self.model.step(self.cpu, &batch, &mut self.optimizer, rate, step)?;
        self.rate.add(loss, decay_every, lr_decay);
        self.losses.sum += loss;
        self.losses.steps += 1;
        self.losses.last = loss;
        Ok(())
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("perplexity", self.mean_loss().exp())]
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        vec![
            ("perplexity", self.mean_loss().exp()),
            ("loss", self.losses.last),
            ("learning_rate", self.rate(step)),
        ]
    }

    /// As the reference too: the reference's network at the end of each window of its learning rate.
    fn is_reported(&self, step: u64) -> bool {
        let per_epoch = self.steps_per_epoch;
        self.ends_window(step) || is_reported(step % per_epoch, per_epoch)
    }

    fn report(&mut self, Progress { step, fraction, rate }: Progress) -> Result<String> {
        if self.ends_window(step)
            && let Some(loss) = self.rate.before.back()
        {
            let step_time = self.items_per_step().1 as f64 / rate;
            return Ok(format!(
                "global step {} learning rate {:.4} step-time {step_time:.2} perplexity {}",
                step + 1,
                self.rate.rate,
                perplexity_in_words(loss.exp())
            ));
        }
        let perplexity = perplexity_in_words(self.mean_loss().exp());
        Ok(format!("{fraction:.3} perplexity: {perplexity} speed: {rate:.0} pairs/s"))
    }

    /// The attention of the first development sentence that is not too long, at the end of an epoch.
    fn summaries(&mut self, step: u64) -> Result<Vec<Summary>> {
        let is_end = (step + 1).is_multiple_of(self.steps_per_epoch);
        let tokenizer = &self.data.tokenizer;
        let shown = self.data.dev_text.iter().filter(|_| is_end).find_map(|[source, _]| {
            let words = tokenizer.encode(Side::Source, source);
            (1..=MAX_SHOWN).contains(&words.len()).then_some((source, words))
        });
        let Some((source, words)) = shown else { return Ok(Vec::new()) };
        let averaged = self.averaged();
        let model = averaged.as_ref().unwrap_or(&self.model);
        let mut translator =
            Translator::new(model.architecture(), model.network(), &self.config.buckets())?;
        let never = ShutdownFlag::default();
        let found = translator.translate_all(self.cpu, &[words], Search::GREEDY, &never)?;
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
        self.best.say(self.config.train.patience);
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
        self.losses = serde_json::from_value(of("losses")?)?;
        self.rate = serde_json::from_value(of("learning_rate")?)?;
        self.best = match state.get("best") {
            Some(best) => serde_json::from_value(best.clone())?,
            // Of a checkpoint that is older than early stopping.
            None => Best::default(),
        };
        self.best.say(self.config.train.patience);
        weights::load(self.model(), &self.parameters(), checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_where_a_window_is_above_the_three_before() {
        let mut rate = LearningRate::new(1.0);
        let mut rates = Vec::new();
        // Windows of two steps with these mean losses.
        for mean in [5.0, 4.0, 6.0, 7.0, 6.5, 8.0, 3.0, 3.5] {
            rate.add(mean - 1.0, 2, 0.5);
            rate.add(mean + 1.0, 2, 0.5);
            rates.push(rate.rate);
        }
        // The fourth is above the three before, the sixth too.
        assert_eq!(rates, [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25]);
        let saved = serde_json::to_value(&rate).unwrap();
        assert_eq!(serde_json::from_value::<LearningRate>(saved).unwrap(), rate);
    }
}
