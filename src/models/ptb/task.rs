//! Training, as the loop of [`crate::train`] sees it.

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Map, Value};

use super::ENTRY;
use super::config::{PtbConfig, Train};
use super::corpus::Corpus;
use super::evaluate::{every_word, in_batches};
use super::model::{LanguageModel, State, Window};
use crate::checkpoint::Checkpoint;
use crate::data::batches::Batches;
use crate::metrics::perplexity_in_words;
use crate::models::weights;
use crate::nn::optimizer::{Optimizer, OptimizerConfig, Settings};
use crate::nn::{Mode, Parameter, Replicas};
use crate::ops::{Cpu, ensure_finite};
use crate::system::wording::counted;
use crate::train::{EpochReport, Evaluation, Progress, ShutdownFlag, Task};

/// A language model on its way through a text.
pub struct PtbTask<'a> {
    cpu: &'a Cpu,
    config: &'a PtbConfig,
    corpus: &'a Corpus,
    batches: Batches,
    trainer: Trainer,
    state: State,
    window: (Vec<u32>, Vec<u32>),
    costs: Costs,
}

/// The cost of an epoch so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Costs {
    /// Σ over windows of the cost, in nats.
    sum: f64,
    /// Time steps.
    steps: u64,
    /// The cost of the last window.
    last: f64,
}

impl Costs {
    fn perplexity(&self) -> f64 {
        (self.sum / self.steps.max(1) as f64).exp()
    }
}

/// A model with what trains it.
pub struct Trainer {
    /// The model.
    pub model: LanguageModel,
    replicas: Replicas,
    optimizer: Optimizer,
}

impl Trainer {
    /// A model and its optimizer, which clips the gradients to a global norm of `max_norm`; each
    /// step in `towers` equal parts of a batch.
    ///
    /// # Errors
    /// When the threads of the towers cannot be started.
    pub fn new(
        cpu: &Cpu,
        model: LanguageModel,
        optimizer: &OptimizerConfig,
        towers: usize,
        max_norm: f64,
    ) -> Result<Self> {
        let replicas = Replicas::new(cpu, &model.network, towers)?;
        let settings = Settings { max_norm: Some(max_norm), ..Default::default() };
        let optimizer = Optimizer::new(optimizer, settings, model.network.parameters())?;
        Ok(Self { model, replicas, optimizer })
    }

    /// Trains on a window: the cost, which is the sum of the losses over time averaged over the
    /// batch.
    ///
    /// # Errors
    /// A cost or a gradient that is not finite, by its name; no parameter has then changed.
    pub fn step(
        &mut self,
        cpu: &Cpu,
        window: Window,
        state: &mut State,
        step: u64,
        rate: f64,
    ) -> Result<f64> {
        let mode = Mode::Gradients { step, scale: 1.0 / window.batch as f32 };
        let LanguageModel { network, losses, .. } = &mut self.model;
        let sum = self.replicas.gradients(cpu, network, mode, *losses, window.feed(state))?;
        let cost = sum / window.batch as f64;
        ensure_finite(cost, "the loss")?;
        let (parameters, gradients) = (network.parameters(), network.gradients());
        self.optimizer.step(cpu, parameters, gradients, rate, step)?;
        Ok(cost)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.model.network.parameters().iter().chain(self.optimizer.state()).collect()
    }
}

/// The test perplexity, with the lower bound if it is known.
pub fn headline(perplexity: f64, bound: Option<f64>) -> String {
    let above = |bound| 100.0 * (perplexity / bound - 1.0);
    let bound = bound
        .filter(|bound| above(*bound) < 1e7)
        .map(|bound| format!(" (the grammar's own: {bound:.3}, {:.1} % above it)", above(bound)));
    format!("test perplexity {}{}", perplexity_in_words(perplexity), bound.unwrap_or_default())
}

impl<'a> PtbTask<'a> {
    /// A task from the first step.
    ///
    /// # Errors
    /// When a text is too short for one window.
    pub fn new(
        cpu: &'a Cpu,
        config: &'a PtbConfig,
        corpus: &'a Corpus,
        model: LanguageModel,
    ) -> Result<Self> {
        let (batch, steps) = (config.train.batch_size, config.train.num_steps);
        let batches = Batches::new(corpus.train.len(), batch, steps).context("training text")?;
        Batches::new(corpus.valid.len(), batch, steps).context("validation text")?;
        ensure!(corpus.test.len() > 1, "test text: epoch_size == 0: it has no word to predict");
        let (state, window, costs) =
            (model.zero_state(batch), Default::default(), Costs::default());
        let Train { towers, max_grad_norm, .. } = config.train;
        let trainer = Trainer::new(cpu, model, &config.optimizer, towers, max_grad_norm)?;
        Ok(Self { cpu, config, corpus, batches, trainer, state, window, costs })
    }

    /// The model in its current state.
    pub fn into_model(self) -> LanguageModel {
        self.trainer.model
    }

    fn learning_rate(&self, epoch: u64) -> f64 {
        self.config.train.learning_rate_of(epoch)
    }
}

impl Task for PtbTask<'_> {
    fn model(&self) -> &'static str {
        ENTRY.name
    }

    fn steps_per_epoch(&self) -> u64 {
        self.batches.windows() as u64
    }

    fn total_steps(&self) -> u64 {
        let all = self.steps_per_epoch().saturating_mul(self.config.train.max_max_epoch);
        match self.config.train.max_steps {
            0 => all,
            limit => limit.min(all),
        }
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("words", (self.config.train.batch_size * self.config.train.num_steps) as u64)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        self.state = self.trainer.model.zero_state(self.config.train.batch_size);
        self.costs = Costs::default();
        format!("Epoch: {} Learning rate: {:.3}", epoch + 1, self.learning_rate(epoch))
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let index = (step % self.steps_per_epoch()) as usize;
        let (inputs, targets) = &mut self.window;
        self.batches.copy(&self.corpus.train, index, inputs, targets);
        let window = Window { batch: self.config.train.batch_size, inputs, targets };
        let rate = self.config.train.learning_rate_of(step / self.batches.windows() as u64);
        let cost = self.trainer.step(self.cpu, window, &mut self.state, step, rate)?;
        self.costs.sum += cost;
        self.costs.steps += self.config.train.num_steps as u64;
        self.costs.last = cost;
        Ok(())
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("perplexity", self.costs.perplexity())]
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        let rate = self.learning_rate(self.epoch_at(step));
        vec![
            ("perplexity", self.costs.perplexity()),
            // Nats per word, as everywhere; the training loss is their sum over the window.
            ("loss", self.costs.last / self.config.train.num_steps as f64),
            ("learning_rate", rate),
        ]
    }

    fn report(&mut self, Progress { fraction, rate, .. }: Progress) -> Result<String> {
        let perplexity = self.costs.perplexity();
        let perplexity = perplexity_in_words(perplexity);
        Ok(format!("{fraction:.3} perplexity: {perplexity} speed: {rate:.0} wps"))
    }

    fn end_epoch(&mut self, _: u64, shutdown: &ShutdownFlag) -> Result<Option<EpochReport>> {
        let (batch, steps) = (self.config.train.batch_size, self.config.train.num_steps);
        let valid = in_batches(
            self.cpu,
            &mut self.trainer.model,
            &self.corpus.valid,
            batch,
            steps,
            shutdown,
        )?;
        let Some(valid) = valid else { return Ok(None) };
        ensure_finite(valid.loss, "the validation loss")?;
        let measured = |phase, name: &str, perplexity: f64| Evaluation {
            phase,
            metrics: vec![("perplexity", perplexity)],
            line: format!("{name} perplexity {}", perplexity_in_words(perplexity)),
        };
        let measured = vec![
            measured("epoch", "train", self.costs.perplexity()),
            measured("valid", "valid", valid.perplexity()),
        ];
        Ok(Some(EpochReport { measured, score: Some(valid.perplexity()) }))
    }

    fn finish(&mut self, shutdown: &ShutdownFlag) -> Result<Option<Vec<Evaluation>>> {
        let test = every_word(self.cpu, &mut self.trainer.model, &self.corpus.test, shutdown)?;
        let Some(perplexity) = test.map(|score| score.perplexity()) else { return Ok(None) };
        let mut metrics = vec![("perplexity", perplexity)];
        metrics.extend(self.corpus.perplexity_bound.map(|bound| ("floor", bound)));
        let line = headline(perplexity, self.corpus.perplexity_bound);
        Ok(Some(vec![Evaluation { phase: "test", metrics, line }]))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = weights::of(&self.trainer.parameters())?;
        for (spec, values) in self.trainer.model.network.graph().states.iter().zip(&self.state) {
            let shape = (self.config.train.batch_size, spec.width);
            tensors.push((spec.name.clone(), Tensor::from_slice(values, shape, &Device::Cpu)?));
        }
        Ok(tensors)
    }

    fn state(&self) -> Map<String, Value> {
        // The streams are functions of seed and step; the cursor is the step too.
        Map::from_iter([
            ("seed".to_string(), self.config.seed.into()),
            ("windows_per_epoch".to_string(), self.steps_per_epoch().into()),
            ("costs".to_string(), serde_json::json!(self.costs)),
        ])
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        weights::check_exactly(self.model(), checkpoint, &self.tensors()?)?;
        let windows = state.get("windows_per_epoch").and_then(Value::as_u64);
        ensure!(
            windows == Some(self.steps_per_epoch()),
            "the checkpoint counts {} an epoch, this text has {}",
            counted(windows.unwrap_or_default(), "window"),
            self.steps_per_epoch()
        );
        let costs = state.get("costs").context("the checkpoint holds no costs")?;
        self.costs = serde_json::from_value(costs.clone())?;
        weights::load(self.model(), &self.trainer.parameters(), checkpoint)?;
        for (spec, values) in self.trainer.model.network.graph().states.iter().zip(&mut self.state)
        {
            *values = weights::values(checkpoint, &spec.name)?;
        }
        Ok(())
    }
}
