//! The network for every number of decoder positions, over the same parameters.

use anyhow::Result;

use super::ENTRY;
use super::network::{Architecture, Losses};
use crate::checkpoint::Checkpoint;
use crate::data::parallel::BucketBatch;
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
}

/// The network of one number of decoder positions.
struct Unrolled {
    steps: usize,
    network: Network,
    losses: Losses,
    replicas: Option<Replicas>,
}

impl TranslationModel {
    /// A model with random parameters, whose training steps are done in `towers` equal parts.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(architecture: Architecture, seed: u64, towers: usize) -> Result<Self> {
        let (graph, losses) = architecture.unrolled(1)?;
        let network = Network::new(graph, seed)?;
        let first = Unrolled { steps: 1, network, losses, replicas: None };
        Ok(Self { architecture, towers, unrolled: vec![first], last: 0 })
    }

    /// What it was made from.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// A network with its parameters.
    pub fn network(&self) -> &Network {
        &self.unrolled[0].network
    }

    /// Takes over the parameters of a checkpoint.
    ///
    /// # Errors
    /// Parameters of another model or shape.
    pub fn load(&self, checkpoint: &Checkpoint) -> Result<()> {
        let parameters: Vec<&Parameter> = self.network().parameters().iter().collect();
        weights::load(ENTRY.name, &parameters, checkpoint)
    }

    /// The network of so many decoder positions, made when it is first asked for.
    fn unrolled(&mut self, steps: usize) -> Result<&mut Unrolled> {
        let known = self.unrolled.iter().position(|unrolled| unrolled.steps == steps);
        let i = known.unwrap_or(self.unrolled.len());
        if known.is_none() {
            let (graph, losses) = self.architecture.unrolled(steps)?;
            let network = self.network().sharing(graph)?;
            self.unrolled.push(Unrolled { steps, network, losses, replicas: None });
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
    pub fn losses(&mut self, cpu: &Cpu, batch: &BucketBatch) -> Result<&[f32]> {
        let context = vec![0.0; batch.size * self.architecture.hidden_size];
        let Unrolled { network, losses, .. } = self.unrolled(batch.decoder.len() / batch.size)?;
        let feed = feed(batch, &context, &batch.weights);
        Ok(network.run(cpu, Mode::Inference, losses.exact, feed)?)
    }

    /// Trains on a batch: the mean over its pairs of their mean losses, as the reference's
    /// `sequence_loss_by_example` has it.
    ///
    /// # Errors
    /// A gradient that is not finite, by its name; no parameter has then changed.
    pub fn step(
        &mut self,
        cpu: &Cpu,
        batch: &BucketBatch,
        optimizer: &mut Optimizer,
        rate: f64,
        step: u64,
    ) -> Result<f64> {
        let context = vec![0.0; batch.size * self.architecture.hidden_size];
        let weights = mean_of_means(batch);
        let towers = self.towers;
        let Unrolled { network, losses, replicas, .. } =
            self.unrolled(batch.decoder.len() / batch.size)?;
        let replicas = match replicas {
            Some(replicas) => replicas,
            None => replicas.insert(Replicas::new(cpu, network, towers)?),
        };
        let mode = Mode::Gradients { step, scale: 1.0 };
        let feed = feed(batch, &context, &weights);
        let loss = replicas.gradients(cpu, network, mode, losses.trained, feed)?;
        crate::ops::ensure_finite(loss, "the loss")?;
        optimizer.step(cpu, network.parameters(), network.gradients(), rate, step)?;
        Ok(loss)
    }
}

fn feed<'a>(batch: &'a BucketBatch, context: &'a [f32], weights: &'a [f32]) -> Feed<'a> {
    Feed {
        batch: batch.size,
        inputs: vec![context, weights],
        ids: vec![&batch.source, &batch.decoder, &batch.targets],
        states: &mut [],
    }
}

/// The weights of a batch's losses so that each pair counts the same, whatever its length.
pub fn mean_of_means(batch: &BucketBatch) -> Vec<f32> {
    let mut words = vec![0.0; batch.size];
    for row in batch.weights.chunks(batch.size) {
        words.iter_mut().zip(row).for_each(|(words, weight)| *words += weight);
    }
    let share =
        |(i, weight): (usize, &f32)| weight / (words[i % batch.size] + 1e-12) / batch.size as f32;
    batch.weights.iter().enumerate().map(share).collect()
}
