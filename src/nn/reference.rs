//! The whole network in plain `f64`, node by node: the reference that the fast computation is
//! checked against.

use anyhow::{Result, bail};

use super::graph::{Output, Source};
use super::network::{Feed, Network};
use super::operators::{Pass, Reference, Shapes, Shard};

impl Network {
    /// The value of `output` in inference, computed by the plain formulas. The states that are fed
    /// stay as they are.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn reference(&self, output: Output, feed: &Feed) -> Result<Vec<f64>> {
        let graph = self.graph();
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
        let inputs: Vec<Vec<f64>> = feed.inputs.iter().map(|values| wide(values)).collect();
        let mut states: Vec<Vec<f64>> = feed.states.iter().map(|state| wide(state)).collect();
        let pass = Pass {
            training: false,
            step: 0,
            seed: 0,
            shard: Shard { first: 0, total: feed.batch },
        };
        let last = match output.0 {
            Source::Input(i) => return Ok(inputs[i].clone()),
            Source::Node(i) => i,
        };
        let mut values: Vec<(Vec<usize>, Vec<f64>)> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes[..=last] {
            let shape_of = |source: &Source| match *source {
                Source::Input(i) => {
                    let row = &graph.inputs[i].shape[1..];
                    let rows = inputs[i].len() / row.iter().product::<usize>().max(1);
                    [&[rows], row].concat()
                }
                Source::Node(i) => values[i].0.clone(),
            };
            let mut shapes = Shapes {
                batch: feed.batch,
                ids: node.ids.map_or(0, |read| read.of(feed.ids[read.input], feed.batch).len()),
                inputs: node.inputs.iter().map(shape_of).collect(),
                output: Vec::new(),
            };
            match node.op.get().shape(&shapes) {
                Ok(output) => shapes.output = output,
                Err(error) => bail!("{}: {error}", node.name),
            }
            let x: Vec<&[f64]> = node
                .inputs
                .iter()
                .map(|source| match *source {
                    Source::Input(i) => &inputs[i][..],
                    Source::Node(i) => &values[i].1,
                })
                .collect();
            let parameters: Vec<Vec<f64>> =
                node.parameters.iter().map(|&i| wide(&self.parameters()[i].values())).collect();
            let mut own: Vec<Vec<f64>> = node.states.iter().map(|&i| states[i].clone()).collect();
            let value = if self.is_dropout(node) {
                x[0].to_vec()
            } else {
                node.op.get().reference(Reference {
                    shapes: &shapes,
                    x: &x,
                    ids: node.ids.map_or(&[], |read| read.of(feed.ids[read.input], feed.batch)),
                    parameters: &parameters,
                    states: &mut own,
                    pass,
                })
            };
            for (&i, state) in node.states.iter().zip(own) {
                states[i] = state;
            }
            values.push((shapes.output, value));
        }
        // The wanted node is the last one that was computed.
        Ok(values.pop().map(|(_, value)| value).unwrap_or_default())
    }

    fn is_dropout(&self, node: &super::graph::Node) -> bool {
        matches!(node.op, super::operators::Op::Dropout(_))
    }
}
