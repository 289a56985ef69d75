//! The shapes of all values for a batch of one size.

use anyhow::{Result, bail};

use super::{Key, Planned};
use crate::nn::graph::{Graph, Source};
use crate::nn::operators::{Shapes, output_shape};

/// Every node with the shapes that it has in a run of `key`.
pub(super) fn infer(graph: &Graph, key: &Key) -> Result<Vec<Planned>> {
    let mut nodes: Vec<Planned> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let shape_of = |source: &Source| match *source {
            Source::Input(i) => [&[key.rows[i]], &graph.inputs[i].shape[1..]].concat(),
            Source::Node(i) => nodes[i].shapes.output.clone(),
        };
        let mut shapes = Shapes {
            batch: key.batch,
            ids: node.ids.map_or(0, |read| read.count(key.ids[read.input], key.batch)),
            inputs: node.inputs.iter().map(shape_of).collect(),
            output: Vec::new(),
        };
        // A run that wants no loss is fed no labels, and a node that nothing needs may not fit.
        let needs_ids = node.ids.is_some() && shapes.ids == 0;
        match output_shape(node.op.get(), &shapes) {
            Ok(output) => shapes.output = output,
            Err(_) if needs_ids => shapes.output = vec![0],
            Err(error) => bail!("{}: {error}", node.name),
        }
        nodes.push(Planned { node: node.clone(), shapes, shares: false, is_apart: false });
    }
    Ok(nodes)
}
