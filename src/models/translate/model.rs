//! The network for every number of decoder positions, over the same parameters.

use anyhow::Result;

use super::ENTRY;
use super::architecture::{Architecture, Losses};
use super::batch::Batch;
use crate::checkpoint::Checkpoint;
use crate::models::weights;
use crate::nn::optimizer::Optimizer;
use crate::nn::{Feed, Mode, Network, Parameter, Replicas};
use crate::ops::Cpu;

/// A translation model: its parameters, and a network for each number of decoder positions that has
/// been asked for.
pub struct TranslationModel {
    architecture: Architecture,
    towers: usize,
    unrolled: Vec<Unrolled>,
    /// The network that ran last: it has the memory of all.
    last: usize,
    /// The network that was trained last: its replicas have the memory of all replicas.
    trained: usize,
}

/// The network of one number of decoder positions.
struct Unrolled {
    steps: usize,
    network: Network,
    losses: Losses,
    replicas: Replicas,
}

impl TranslationModel {
    /// A model with random parameters, whose training steps are done in `towers` equal parts.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(architecture: Architecture, seed: u64, towers: usize) -> Result<Self> {
        let (graph, losses) = architecture.unrolled(1)?;
        let network = Network::new(graph, seed)?;
        let first = Unrolled { steps: 1, network, losses, replicas: Replicas::default() };
        Ok(Self { architecture, towers, unrolled: vec![first], last: 0, trained: 0 })
    }

    /// Its sizes and settings.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// A network with its parameters.
    pub fn network(&self) -> &Network {
        &self.unrolled[0].network
    }

    /// Loads the parameters of a checkpoint, each from the tensor `<slot><name>`: the parameters
    /// themselves, or their moving averages.
    ///
    /// # Errors
    /// Parameters of another model or shape.
    pub fn load(&self, checkpoint: &Checkpoint, slot: &str) -> Result<()> {
        let parameters = self.network().parameters().iter();
        let named: Vec<_> = parameters.map(|own| (format!("{slot}{}", own.name()), own)).collect();
        weights::load_named(ENTRY.name, &named, checkpoint)
    }

    /// The network with this many decoder positions, built on first use.
    fn unrolled(&mut self, steps: usize) -> Result<&mut Unrolled> {
        // Windows take any number of positions.
        let steps = if self.architecture.context().is_some() { steps } else { 1 };
        let known = self.unrolled.iter().position(|unrolled| unrolled.steps == steps);
        let i = known.unwrap_or(self.unrolled.len());
        if known.is_none() {
            let (graph, losses) = self.architecture.unrolled(steps)?;
            let network = self.network().sharing(graph)?;
            let replicas = Replicas::default();
            self.unrolled.push(Unrolled { steps, network, losses, replicas });
        }
        if let Ok([now, last]) = self.unrolled.get_disjoint_mut([i, self.last]) {
            now.network.take_memory(&mut last.network);
        }
        self.last = i;
        Ok(&mut self.unrolled[i])
    }

    /// The losses (steps · batch) of a batch, each times its weight, by the softmax of all words.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn losses(&mut self, cpu: &Cpu, batch: &Batch) -> Result<&[f32]> {
        let context = vec![0.0; batch.size * self.architecture.context().unwrap_or(0)];
        let Unrolled { network, losses, .. } = self.unrolled(batch.decoder.len() / batch.size)?;
        let feed = feed(batch, &context, &batch.weights);
        Ok(network.run(cpu, Mode::Inference, losses.exact, feed)?)
    }

    /// The loss that training on a batch would take at that step, by [`Batch::training_weights`],
    /// without training.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn training_loss(&mut self, cpu: &Cpu, batch: &Batch, step: u64) -> Result<f64> {
        let context = vec![0.0; batch.size * self.architecture.context().unwrap_or(0)];
        let Unrolled { network, losses, .. } = self.unrolled(batch.decoder.len() / batch.size)?;
        let weights = batch.training_weights();
        let feed = feed(batch, &context, &weights);
        let losses = network.run(cpu, Mode::Training { step }, losses.trained, feed)?;
        Ok(losses.iter().copied().map(f64::from).sum())
    }

    /// Trains on a batch and returns its loss, by [`Batch::training_weights`].
    ///
    /// # Errors
    /// A gradient that is not finite, by its name; no parameter has then changed.
    pub fn step(
        &mut self,
        cpu: &Cpu,
        batch: &Batch,
        optimizer: &mut Optimizer,
        rate: f64,
        step: u64,
    ) -> Result<f64> {
        let context = vec![0.0; batch.size * self.architecture.context().unwrap_or(0)];
        let weights = batch.training_weights();
        self.unrolled(batch.decoder.len() / batch.size)?;
        self.prepare_replicas(cpu)?;
        let Unrolled { network, losses, replicas, .. } = &mut self.unrolled[self.last];
        let mode = Mode::Gradients { step, scale: 1.0 };
        let feed = feed(batch, &context, &weights);
        let loss = replicas.gradients(cpu, network, mode, losses.trained, feed)?;
        crate::ops::ensure_finite(loss, "the loss")?;
        optimizer.step(cpu, network.parameters(), network.gradients(), rate, step)?;
        Ok(loss)
    }

    /// Gives the network that ran last its replicas, and the memory of those that were trained last.
    fn prepare_replicas(&mut self, cpu: &Cpu) -> Result<()> {
        let (now, before) = (self.last, self.trained);
        if self.towers > 1 && self.unrolled[now].replicas.is_empty() {
            let (network, others) = (&self.unrolled[now].network, &self.unrolled[before].replicas);
            self.unrolled[now].replicas = match others.is_empty() {
                true => Replicas::new(cpu, network, self.towers)?,
                false => others.of(network),
            };
        }
        if let Ok([now, before]) = self.unrolled.get_disjoint_mut([now, before]) {
            now.replicas.take_memory(&mut before.replicas);
        }
        self.trained = now;
        Ok(())
    }

    /// The same model with other values of its parameters, such as their moving averages.
    pub fn with_values(&self, values: &[Parameter]) -> Self {
        let Unrolled { steps, network, losses, .. } = &self.unrolled[0];
        let network = network.with_values(values);
        let replicas = Replicas::default();
        let first = Unrolled { steps: *steps, network, losses: *losses, replicas };
        Self { unrolled: vec![first], last: 0, trained: 0, ..*self }
    }
}

fn feed<'a>(batch: &'a Batch, context: &'a [f32], weights: &'a [f32]) -> Feed<'a> {
    let inputs = [context, weights].into_iter().filter(|input| !input.is_empty()).collect();
    let ids = [batch.source, batch.decoder, batch.targets, batch.lengths];
    let ids = ids.into_iter().filter(|ids| !ids.is_empty()).collect();
    Feed { batch: batch.size, inputs, ids, states: &mut [] }
}
