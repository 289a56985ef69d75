//! A GRU layer over a window of time steps.

use std::ops::Range;

use super::{
    Backward, Forward, Operations, Operator, Reads, Reference, Shapes, check_start, window_rows,
};
use crate::ops::gru::{self, Activations, Gradients, Weights, gru_reference};

/// A GRU layer: one node for a whole window. Its second input, where it has one, is the state
/// before the window; else that is zero. Gradients pass through both. The ids, where it has them,
/// are the steps of each sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gru {
    /// Hidden units.
    pub hidden: usize,
}

impl Gru {
    fn sizes(&self, shapes: &Shapes) -> gru::Shape {
        let batch = shapes.batch.max(1);
        let [rows, input] = [shapes.inputs[0][0], shapes.channels()];
        gru::Shape { batch, steps: rows / batch, input, hidden: self.hidden }
    }
}

/// The lengths that a node reads; `None` if it has no ids.
pub(super) fn lengths(ids: &[u32]) -> Option<&[u32]> {
    Some(ids).filter(|ids| !ids.is_empty())
}

/// Checks that there is one length per example.
pub(super) fn check_lengths(shapes: &Shapes) -> Result<(), String> {
    match shapes.ids == 0 || shapes.ids == shapes.batch {
        true => Ok(()),
        false => Err(format!("{} lengths are not those of {} examples", shapes.ids, shapes.batch)),
    }
}

impl Operator for Gru {
    fn kind(&self) -> String {
        "gru".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let rows = window_rows(shapes)?;
        check_start(shapes, self.hidden)?;
        check_lengths(shapes).map(|()| vec![rows, self.hidden])
    }

    fn ids_within(&self, shapes: &Shapes) -> Range<usize> {
        0..self.sizes(shapes).steps + 1
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let rows = inputs[0].last().copied().unwrap_or(0) + self.hidden;
        let hidden = self.hidden;
        vec![vec![rows, 2 * hidden], vec![2 * hidden], vec![rows, hidden], vec![hidden]]
    }

    fn saved(&self, shapes: &Shapes) -> usize {
        self.sizes(shapes).saved_len()
    }

    fn prefix(&self, shapes: &Shapes) -> usize {
        self.sizes(shapes).state()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: true }
    }

    fn keeps_packed(&self, _shared: bool) -> bool {
        true
    }

    fn forward(&self, run: Forward) {
        let shape = self.sizes(run.shapes);
        let start = &mut run.y[..shape.state()];
        match run.shapes.inputs.len() {
            1 => start.fill(0.0),
            _ => start.copy_from_slice(run.x[1]),
        }
        let values = [0, 1, 2, 3].map(|i| run.parameters.values(i));
        let weights = weights(values.each_ref().map(|values| &**values));
        let mut window = Activations::new(shape, run.saved, run.y);
        let (cpu, packed, parameters) = (run.cpu, run.packed, run.parameters);
        let pack = &mut |weights| parameters.packed(cpu, packed, weights);
        gru::forward(cpu, shape, weights, run.x[0], lengths(run.ids), &mut window, pack);
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(run.shapes);
        let values = [0, 1, 2, 3].map(|i| run.parameters.values(i));
        let values = values.each_ref().map(|values| &**values);
        let [inputs, start, ..] = run.dx;
        let gradients = Gradients { inputs, start };
        let (xs, lengths, cpu, packed) = (run.x[0], lengths(run.ids), run.cpu, run.packed);
        let mut window = Activations::new(shape, run.saved, run.y);
        let parameters = run.parameters;
        let pack = &mut |weights| parameters.packed(cpu, packed, weights);
        gru::backward(cpu, shape, weights(values), lengths, run.dy, &mut window, gradients, pack);
        for (i, (inputs, d)) in gru::products(shape, xs, &window).iter().enumerate() {
            let (numbers, outputs) = ([2 * i, 2 * i + 1], [2, 1][i] * shape.hidden);
            run.gradients.weights(cpu, numbers, inputs, d, outputs);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        let gru::Shape { input, hidden, .. } = self.sizes(shapes);
        Operations::product(2 * shapes.inputs[0][0] * (input + hidden) * 3 * hidden)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let shape = self.sizes(run.shapes);
        let zeros = vec![0.0; shape.state()];
        let start = run.x.get(1).copied().unwrap_or(&zeros);
        let parameters = [0, 1, 2, 3].map(|i| &run.parameters[i][..]);
        let hidden = gru_reference(shape, parameters, run.x[0], lengths(run.ids), start);
        hidden[shape.state()..].to_vec()
    }
}

fn weights([gates, gate_biases, candidate, candidate_biases]: [&[f32]; 4]) -> Weights<'_> {
    Weights { gates, gate_biases, candidate, candidate_biases }
}
