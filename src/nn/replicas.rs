//! Data-parallel training: replicas of a network take parts of a batch at the same time, each
//! on threads of its own, and their gradients are added before the update, as the reference's
//! multi-GPU training does with its towers.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;

use super::graph::Output;
use super::network::{Feed, Mode, Network};
use super::operators::Shard;
use crate::ops::{Buffer, Cpu};
use crate::system::threads;

/// The replicas of a network; none where it is trained alone.
#[derive(Default)]
pub struct Replicas(Vec<Replica>);

/// A replica, its threads, and its part of a batch.
struct Replica {
    cpu: Arc<Cpu>,
    network: Network,
    examples: usize,
    inputs: Vec<Buffer>,
    ids: Vec<Vec<u32>>,
    states: Vec<Vec<f32>>,
}

impl Replicas {
    /// `count` replicas of `network` on the threads of `cpu`; one is the network itself.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn new(cpu: &Cpu, network: &Network, count: usize) -> Result<Self> {
        let threads = (cpu.threads() / count.max(1)).max(1);
        let replica =
            |_| Ok(Replica::new(Arc::new(Cpu::new(cpu.isa(), threads)?), network.replica()));
        let several = if count > 1 { count } else { 0 };
        Ok(Self((0..several).map(replica).collect::<Result<_>>()?))
    }

    /// Whether the network is trained alone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As many replicas of another network of the same parameters, on the same threads.
    pub fn of(&self, network: &Network) -> Self {
        let replica = |one: &Replica| Replica::new(one.cpu.clone(), network.replica());
        Self(self.0.iter().map(replica).collect())
    }

    /// Takes the memory of replicas of another network of the same parameters, as
    /// [`Network::take_memory`].
    pub fn take_memory(&mut self, other: &mut Self) {
        for (own, other) in self.0.iter_mut().zip(&mut other.0) {
            own.network.take_memory(&mut other.network);
        }
    }

    /// The sum of the losses `output` of a batch, and in `network` the gradients of `scale` times
    /// that sum. The replicas take parts that are equal, or differ by one example; where there are
    /// fewer examples than replicas, some have nothing to do.
    ///
    /// # Errors
    /// As [`Network::run`], or when the threads of the replicas cannot be started.
    pub fn gradients(
        &mut self,
        cpu: &Cpu,
        network: &mut Network,
        mode: Mode,
        output: Output,
        feed: Feed,
    ) -> Result<f64> {
        if self.is_empty() {
            return Ok(sum(network.run(cpu, mode, output, feed)?));
        }
        let Feed { batch, inputs, ids, states } = feed;
        let count = self.0.len().min(batch);
        let parts = (0..count).map(|i| i * batch / count..(i + 1) * batch / count);
        let busy = &mut self.0[..count];
        for (replica, part) in busy.iter_mut().zip(parts.clone()) {
            replica.take(batch, part, &inputs, &ids, states);
        }
        let losses = threads::for_each(&mut *busy, |replica| replica.gradients(mode, output))?;
        for (replica, part) in busy.iter().zip(parts) {
            for (state, own) in states.iter_mut().zip(&replica.states) {
                let width = own.len() / part.len();
                state[part.start * width..part.end * width].copy_from_slice(own);
            }
        }
        add_up(busy, cpu, network);
        losses.into_iter().sum()
    }
}

/// Adds the gradients in the replicas' order. Of statistics it takes the mean.
fn add_up(replicas: &[Replica], cpu: &Cpu, network: &mut Network) {
    let count = replicas.len() as f32;
    let (parameters, gradients) = network.parameters_and_gradients();
    for (i, (parameter, total)) in parameters.iter().zip(gradients).enumerate() {
        for (n, replica) in replicas.iter().enumerate() {
            match n {
                0 => total.copy_from(&replica.network.gradients()[i]),
                _ => total.add(cpu, &replica.network.gradients()[i]),
            }
        }
        if parameter.statistic_momentum().is_some() {
            total.dense(parameter.len()).iter_mut().for_each(|value| *value /= count);
        }
    }
}

impl Replica {
    fn new(cpu: Arc<Cpu>, network: Network) -> Self {
        let (inputs, ids, states) = (Vec::new(), Vec::new(), Vec::new());
        Self { cpu, network, examples: 0, inputs, ids, states }
    }

    /// Takes the part of the batch with these examples.
    fn take(
        &mut self,
        batch: usize,
        examples: Range<usize>,
        inputs: &[&[f32]],
        ids: &[&[u32]],
        states: &[Vec<f32>],
    ) {
        self.examples = examples.len();
        self.network.set_shard(Shard { first: examples.start, total: batch });
        self.inputs.resize_with(inputs.len(), Buffer::default);
        self.ids.resize_with(ids.len(), Vec::new);
        self.states.resize_with(states.len(), Vec::new);
        let rows =
            self.network.graph().inputs.iter().map(|input| input.shape[1..].iter().product());
        let rows: Vec<usize> = rows.collect();
        for ((to, from), row) in self.inputs.iter_mut().zip(inputs).zip(rows) {
            let pieces = pieces(from.len() / row.max(1), batch, examples.clone());
            let len = pieces.clone().map(|piece| piece.len() * row).sum();
            *to = std::mem::take(to).resized(len);
            let mut at = 0;
            for piece in pieces {
                let piece = &from[piece.start * row..piece.end * row];
                to[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            }
        }
        for (to, from) in self.ids.iter_mut().zip(ids) {
            to.clear();
            pieces(from.len(), batch, examples.clone()).for_each(|piece| to.extend(&from[piece]));
        }
        for (to, from) in self.states.iter_mut().zip(states) {
            let width = from.len() / batch;
            to.clear();
            to.extend_from_slice(&from[examples.start * width..examples.end * width]);
        }
    }

    fn gradients(&mut self, mode: Mode, output: Output) -> Result<f64> {
        let feed = Feed {
            batch: self.examples,
            inputs: self.inputs.iter().map(|input| &input[..]).collect(),
            ids: self.ids.iter().map(|ids| &ids[..]).collect(),
            states: &mut self.states,
        };
        Ok(sum(self.network.run(&self.cpu, mode, output, feed)?))
    }
}

/// The rows of some examples among `rows`, which are time-major where there are several a step.
fn pieces(
    rows: usize,
    batch: usize,
    examples: Range<usize>,
) -> impl Iterator<Item = Range<usize>> + Clone {
    let steps = rows / batch.max(1);
    (0..steps).map(move |step| step * batch + examples.start..step * batch + examples.end)
}

fn sum(losses: &[f32]) -> f64 {
    losses.iter().copied().map(f64::from).sum()
}
