//! Attention: the weights of the positions of a sequence, and the mean of its vectors with them.

use std::ops::Range;

use super::gru::{check_lengths, lengths};
use super::{Backward, Forward, Operations, Operator, Reads, Reference, Shapes, rank, written};
use crate::ops::attention::{self, Gradients, Shape};

/// softmax over positions of v · tanh(features + query): the weights (steps · batch, positions) of
/// features (positions · batch, width) for queries (steps · batch, width), with the parameter v
/// (width). The ids, where it has them, are the positions of each sequence; the others weigh
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdditiveAttention;

/// Σ weightⱼ · memoryⱼ: the context (steps · batch, width) from weights (steps · batch, positions)
/// and the memory (positions · batch, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context;

/// The sizes, from the shapes of a sequence and of the other input, which has a row a query.
fn sizes(shapes: &Shapes, sequence: usize) -> Shape {
    let [rows, width] = [shapes.inputs[sequence][0], shapes.inputs[sequence][1]];
    let batch = shapes.batch.max(1);
    let steps = shapes.inputs[1 - sequence].first().map_or(1, |rows| rows / batch);
    Shape { batch, steps, positions: rows / batch, width }
}

/// Checks that a sequence is (positions · batch, width).
fn check_sequence(shapes: &Shapes, sequence: usize) -> Result<(), String> {
    let input = &shapes.inputs[sequence];
    rank(input, &["positions · batch", "values"])?;
    match input[0].is_multiple_of(shapes.batch.max(1)) {
        true => Ok(()),
        false => Err(format!("{} is not a whole number of positions", written(input))),
    }
}

impl Operator for AdditiveAttention {
    fn kind(&self) -> String {
        "additive attention".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        check_sequence(shapes, 0)?;
        let Shape { batch, steps, positions, width } = sizes(shapes, 0);
        if shapes.inputs[1] != [steps * batch, width] {
            let (query, wanted) = (written(&shapes.inputs[1]), written(&[steps * batch, width]));
            return Err(format!("its query is {query}, not {wanted}"));
        }
        check_lengths(shapes).map(|()| vec![steps * batch, positions])
    }

    fn ids_within(&self, shapes: &Shapes) -> Range<usize> {
        1..sizes(shapes, 0).positions + 1
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        vec![vec![inputs[0].last().copied().unwrap_or(0)]]
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: true }
    }

    fn forward(&self, run: Forward) {
        let (shape, v) = (sizes(run.shapes, 0), run.parameters.values(0));
        let [features, query, ..] = run.x;
        attention::weights(run.cpu, shape, features, query, &v, lengths(run.ids), run.y);
    }

    fn backward(&self, mut run: Backward) {
        let (shape, v) = (sizes(run.shapes, 0), run.parameters.values(0));
        let ([features, query, ..], [d_features, d_query, ..]) = (run.x, run.dx);
        let gradients = Gradients {
            features: d_features,
            query: d_query,
            v: run.gradients.dense(0, shape.width),
        };
        let (cpu, weights) = (run.cpu, &*run.y);
        attention::weights_gradient(cpu, shape, features, query, &v, weights, run.dy, gradients);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs() * sizes(shapes, 0).width, 4)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let (shape, v) = (sizes(run.shapes, 0), &run.parameters[0]);
        attention::weights_reference(shape, run.x[0], run.x[1], v, lengths(run.ids))
    }
}

impl Operator for Context {
    fn kind(&self) -> String {
        "context".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        check_sequence(shapes, 1)?;
        let Shape { batch, steps, positions, width } = sizes(shapes, 1);
        match shapes.inputs[0] == [steps * batch, positions] {
            true => Ok(vec![steps * batch, width]),
            false => {
                let wanted = written(&[steps * batch, positions]);
                let weights = written(&shapes.inputs[0]);
                Err(format!("its weights are {weights}, not {wanted}"))
            }
        }
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: false }
    }

    fn forward(&self, run: Forward) {
        attention::context(run.cpu, sizes(run.shapes, 1), run.x[0], run.x[1], run.y);
    }

    fn backward(&self, run: Backward) {
        let (shape, [weights, memory, ..]) = (sizes(run.shapes, 1), run.x);
        let [d_weights, d_memory, ..] = run.dx;
        let gradients = [d_weights, d_memory];
        attention::context_gradient(run.cpu, shape, weights, memory, run.dy, gradients);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.values() * sizes(shapes, 1).width, 2)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        attention::context_reference(sizes(run.shapes, 1), run.x[0], run.x[1])
    }
}
