//! The layer table: what a network consists of.

use serde::Serialize;

use super::{Graph, Output, Source};
use crate::nn::operators::Shapes;

/// A row of the layer table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// The name.
    pub name: String,
    /// The operator.
    pub operator: String,
    /// The shape of the output.
    pub output: Vec<usize>,
    /// The parameter count, including moving statistics.
    pub parameters: usize,
    /// FLOPs of a training step (a multiply-add counts as two).
    pub operations: u64,
    /// Bytes of the output.
    pub memory: usize,
}

impl Graph {
    /// Values of the packed copies of weights that training keeps: for the forward and for the backward
    /// pass.
    pub fn packed_values(&self) -> usize {
        let uses = |i: usize| self.nodes.iter().filter(|node| node.parameters.contains(&i)).count();
        let keeps = |i: &usize| {
            let mut users = self.nodes.iter().filter(|node| node.parameters.contains(i));
            users.any(|node| node.op.get().keeps_packed(uses(*i) > 1))
        };
        2 * (0..self.parameters.len()).filter(keeps).map(|i| self.values(i)).sum::<usize>()
    }

    /// Every node of the graph for a batch of `batch` examples of `steps` rows each, with the
    /// operations of a training step: forward, and the gradients of parameters and of every
    /// input that depends on some.
    pub fn layers(&self, batch: usize, steps: usize) -> Vec<Layer> {
        let mut shapes: Vec<Vec<usize>> = Vec::with_capacity(self.nodes.len());
        let mut depends = Vec::with_capacity(self.nodes.len());
        let mut layers = Vec::with_capacity(self.nodes.len());
        let [rows, ids_of] = self.sizes(batch, steps);
        for node in &self.nodes {
            let shape_of = |source: &Source| match *source {
                Source::Input(i) => [&rows[i..=i], &self.inputs[i].shape[1..]].concat(),
                Source::Node(i) => shapes[i].clone(),
            };
            let inputs = node.inputs.iter().map(shape_of).collect();
            let ids = node.ids.map_or(0, |read| read.count(ids_of[read.input], batch));
            let mut sizes = Shapes { batch, ids, inputs, output: Vec::new() };
            // The graph was built with the same rule.
            sizes.output = node.op.get().shape(&sizes).unwrap_or_else(|_| node.shape.clone());
            let of_inputs = node.inputs.iter();
            let is_input_wanted =
                of_inputs.clone().any(|input| matches!(*input, Source::Node(i) if depends[i]));
            depends.push(is_input_wanted || !node.parameters.is_empty());
            let count = node.op.get().operations(&sizes);
            let backward =
                count.parameter_gradient + if is_input_wanted { count.input_gradient } else { 0 };
            layers.push(Layer {
                name: node.name.clone(),
                operator: node.op.get().kind(),
                parameters: node.parameters.iter().map(|&i| self.values(i)).sum(),
                operations: count.forward + backward,
                memory: sizes.outputs() * size_of::<f32>(),
                output: sizes.output.clone(),
            });
            shapes.push(sizes.output);
        }
        layers
    }

    /// The operations of a training step for one loss: those of [`Graph::layers`] that it depends on.
    pub fn operations(&self, loss: Output, batch: usize, steps: usize) -> u64 {
        let mut is_needed = vec![false; self.nodes.len()];
        let mut open = vec![loss.0];
        while let Some(source) = open.pop() {
            let Source::Node(i) = source else { continue };
            if !is_needed[i] {
                is_needed[i] = true;
                open.extend(&self.nodes[i].inputs);
            }
        }
        let layers = self.layers(batch, steps);
        layers.iter().zip(is_needed).filter(|(_, is)| *is).map(|(layer, _)| layer.operations).sum()
    }

    /// Values of a parameter.
    fn values(&self, parameter: usize) -> usize {
        self.parameters[parameter].shape.iter().product()
    }
}
