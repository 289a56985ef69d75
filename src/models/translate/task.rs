//! Training, as the loop of [`crate::train`] sees it.

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
use super::learning_rate::{self, LearningRate};
use super::model::TranslationModel;
use crate::checkpoint::Checkpoint;
use crate::data::tokenizer::Side;
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
            let perplexity = perplexity_in_words(loss.exp());
            tracing::info!("eval: bucket {bucket} perplexity {perplexity} (of {batch} pairs)");
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
        let all = self.epochs_end();
        let end = self.best.ends_at(self.config.train.patience);
        let all = end.map_or(all, |end| end.min(all));
        match self.config.train.max_steps {
            0 => all,
            limit => limit.min(all),
        }
    }

    fn how_to_continue(&self) -> &'static str {
        let Train { patience, max_steps, .. } = self.config.train;
        match self.best.ends_at(patience) {
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
        let Train { decay_every, lr_decay, .. } = self.config.train;
        self.used = self.rate(step);
        let batch = self.data.train.batch(step, &mut self.memory);
        let loss = self.model.step(self.cpu, &batch, &mut self.optimizer, self.used, step)?;
        self.rate.add(loss, decay_every, lr_decay);
        self.losses.sum += loss;
        self.losses.steps += 1;
        self.losses.last = loss;
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

    /// As the reference too: the reference's network at the end of each window of its learning rate.
    fn is_reported(&self, step: u64) -> bool {
        let per_epoch = self.steps_per_epoch;
        self.ends_window(step) || is_reported(step % per_epoch, per_epoch)
    }

    fn report(&mut self, Progress { step, fraction, rate }: Progress) -> Result<String> {
        if self.ends_window(step)
            && let Some(loss) = self.rate.last_window()
        {
            let step_time = self.items_per_step().1 as f64 / rate;
            return Ok(format!(
                "global step {} learning rate {} step-time {step_time:.2} perplexity {}",
                step + 1,
                learning_rate::in_words(self.used),
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
        self.best.say(self.config.train.patience);
        weights::load(self.model(), &self.parameters(), checkpoint)
    }
}
