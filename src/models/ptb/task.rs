//! Training, as the loop of [`crate::train`] sees it.

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Map, Value};

use super::ENTRY;
use super::config::PtbConfig;
use super::corpus::Corpus;
use super::evaluate::{every_word, in_batches};
use super::model::{LanguageModel, State, Window};
use crate::checkpoint::Checkpoint;
use crate::data::batches::Batches;
use crate::models::weights;
use crate::ops::Cpu;
use crate::train::{EpochEnd, Interrupt, Measured, Progress, Task};

/// A language model on its way through a text.
pub struct PtbTask<'a> {
    cpu: &'a Cpu,
    config: &'a PtbConfig,
    corpus: &'a Corpus,
    batches: Batches,
    model: LanguageModel,
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
        let state = model.zero_state(batch);
        let window = Default::default();
        Ok(Self { cpu, config, corpus, batches, model, state, window, costs: Costs::default() })
    }

    /// The model, trained as far as it is.
    pub fn into_model(self) -> LanguageModel {
        self.model
    }

    fn epoch_of(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
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
        self.state = self.model.zero_state(self.config.train.batch_size);
        self.costs = Costs::default();
        format!("Epoch: {} Learning rate: {:.3}", epoch + 1, self.learning_rate(epoch))
    }

    fn step(&mut self, step: u64) -> Result<()> {
        let index = (step % self.steps_per_epoch()) as usize;
        let (inputs, targets) = &mut self.window;
        self.batches.copy(&self.corpus.train, index, inputs, targets);
        let window = Window { batch: self.config.train.batch_size, inputs, targets };
        let rate = self.config.train.learning_rate_of(step / self.batches.windows() as u64);
        let max_norm = self.config.train.max_grad_norm;
        match self.model.train(self.cpu, window, &mut self.state, step, rate, max_norm)? {
            Ok(cost) => {
                self.costs.sum += cost;
                self.costs.steps += self.config.train.num_steps as u64;
                self.costs.last = cost;
                Ok(())
            }
            Err(not_finite) => bail!("the {} is not finite", not_finite.tensor),
        }
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("perplexity", self.costs.perplexity())]
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        let rate = self.learning_rate(self.epoch_of(step));
        vec![
            ("perplexity", self.costs.perplexity()),
            ("loss", self.costs.last),
            ("learning_rate", rate),
        ]
    }

    fn report(&mut self, Progress { fraction, rate, .. }: Progress) -> Result<String> {
        let perplexity = self.costs.perplexity();
        Ok(format!("{fraction:.3} perplexity: {perplexity:.3} speed: {rate:.0} wps"))
    }

    fn end_epoch(&mut self, epoch: u64, interrupt: &Interrupt) -> Result<Option<EpochEnd>> {
        let (batch, steps) = (self.config.train.batch_size, self.config.train.num_steps);
        let valid =
            in_batches(self.cpu, &mut self.model, &self.corpus.valid, batch, steps, interrupt)?;
        let Some(valid) = valid else { return Ok(None) };
        ensure!(valid.loss.is_finite(), "the validation loss is not finite");
        let measured = |phase, name: &str, perplexity: f64| Measured {
            phase,
            metrics: vec![("perplexity", perplexity)],
            line: format!("Epoch: {} {name} Perplexity: {perplexity:.3}", epoch + 1),
        };
        let measured = vec![
            measured("epoch", "Train", self.costs.perplexity()),
            measured("valid", "Valid", valid.perplexity()),
        ];
        Ok(Some(EpochEnd { measured, score: Some(valid.perplexity()) }))
    }

    fn finish(&mut self, interrupt: &Interrupt) -> Result<Option<Vec<Measured>>> {
        let test = every_word(self.cpu, &mut self.model, &self.corpus.test, interrupt);
        let Some(perplexity) = test.map(|score| score.perplexity()) else { return Ok(None) };
        let mut metrics = vec![("perplexity", perplexity)];
        let mut line = format!("Test Perplexity: {perplexity:.3}");
        if let Some(floor) = self.corpus.floor {
            metrics.push(("floor", floor));
            let above = 100.0 * (perplexity / floor - 1.0);
            line += &format!(" (the grammar's own: {floor:.3}, {above:.1} % above it)");
        }
        Ok(Some(vec![Measured { phase: "test", metrics, line }]))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = weights::of(&self.model.parameters())?;
        for (i, layer) in self.state.iter().enumerate() {
            let shape = (self.config.train.batch_size, self.config.network.hidden_size);
            for (part, values) in [("cell", &layer.cell), ("hidden", &layer.hidden)] {
                let tensor = Tensor::from_slice(values, shape, &Device::Cpu)?;
                tensors.push((state_name(i, part), tensor));
            }
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
            "the checkpoint counts {} windows an epoch, this text has {}",
            windows.unwrap_or_default(),
            self.steps_per_epoch()
        );
        let costs = state.get("costs").context("the checkpoint holds no costs")?;
        self.costs = serde_json::from_value(costs.clone())?;
        weights::load(self.model(), &self.model.parameters(), checkpoint)?;
        for (i, layer) in self.state.iter_mut().enumerate() {
            layer.cell = weights::values(checkpoint, &state_name(i, "cell"))?;
            layer.hidden = weights::values(checkpoint, &state_name(i, "hidden"))?;
        }
        Ok(())
    }
}

fn state_name(layer: usize, part: &str) -> String {
    format!("state/lstm_{layer}/{part}")
}
