//! Random inputs for a network, where no data is at hand.

use super::graph::Graph;
use super::network::{Feed, Network};
use super::operators::Op;
use crate::ops::Buffer;
use crate::rng::Stream;

/// Random numbers and ids that fit a network.
#[derive(Debug)]
pub struct RandomFeed {
    batch: usize,
    inputs: Vec<Buffer>,
    ids: Vec<Vec<u32>>,
    states: Vec<Vec<f32>>,
}

impl RandomFeed {
    /// `batch` examples of `steps` rows each: numbers from a normal distribution of standard
    /// deviation 0.1, ids that the network knows, states of zeros; from the streams `images` and
    /// `bench` of `seed`.
    pub fn new(network: &Network, batch: usize, steps: usize, seed: u64) -> Self {
        let graph = network.graph();
        let mut numbers = Stream::new(seed, "images").at(0);
        let input = |input: &super::graph::Input| {
            let mut values = Buffer::zeros(batch * input.shape.iter().product::<usize>());
            values.fill_with(|| 0.1 * numbers.normal() as f32);
            values
        };
        let inputs = graph.inputs.iter().map(input).collect();
        let mut numbers = Stream::new(seed, "bench").at(0);
        let [_, counts] = graph.sizes(batch, steps);
        let ids = counts.into_iter().enumerate().map(|(i, count)| {
            if graph.ids[i].are_lengths {
                return vec![steps as u32; count];
            }
            let below = known(graph, i);
            (0..count).map(|_| numbers.below(below)).collect()
        });
        let ids = ids.collect();
        Self { batch, inputs, ids, states: network.zero_states(batch) }
    }

    /// All numbers, to be changed.
    #[cfg(test)]
    pub(super) fn inputs_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.inputs.iter_mut().flat_map(|input| input.iter_mut())
    }

    /// What a run is fed.
    pub fn feed(&mut self) -> Feed<'_> {
        Feed {
            batch: self.batch,
            inputs: self.inputs.iter().map(|input| &input[..]).collect(),
            ids: self.ids.iter().map(|ids| &ids[..]).collect(),
            states: &mut self.states,
        }
    }
}

/// How many ids an input of integers may name.
fn known(graph: &Graph, ids: usize) -> u32 {
    let readers = graph.nodes.iter().filter(|node| node.ids.is_some_and(|read| read.input == ids));
    let count = readers.map(|node| match &node.op {
        Op::Embedding(embedding) => embedding.count,
        // The classes of its logits.
        _ => node.inputs.first().and_then(|&x| graph.shape_of(x).last()).copied().unwrap_or(1),
    });
    count.min().unwrap_or(1) as u32
}
