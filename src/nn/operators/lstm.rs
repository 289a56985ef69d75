//! A recurrent layer over a window of time steps.

use super::{Backward, Forward, Operations, Operator, Reads, Reference, Shapes, window_rows};
use crate::ops::lstm::{self, Activations, Gradients, Weights, lstm_reference};

/// An LSTM layer: one fused node for a whole window. Its states are the cell and the hidden state
/// before the window, which become those after it; no gradient passes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lstm {
    /// Hidden units.
    pub hidden: usize,
}

impl Lstm {
    fn sizes(&self, shapes: &Shapes) -> lstm::Shape {
        let batch = shapes.batch.max(1);
        let [rows, input] = [shapes.inputs[0][0], shapes.channels()];
        lstm::Shape { batch, steps: rows / batch, input, hidden: self.hidden }
    }

    /// The saved activations of the window: gates and cells are saved; the hidden states are the
    /// output, with the initial state as its prefix.
    fn trace<'a>(
        shape: lstm::Shape,
        saved: &'a mut [f32],
        hidden: &'a mut [f32],
    ) -> Activations<'a> {
        let (gates, cells) = saved.split_at_mut(shape.gates_len());
        Activations { gates, cells, hidden }
    }
}

impl Operator for Lstm {
    fn kind(&self) -> String {
        "lstm".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        window_rows(shapes).map(|rows| vec![rows, self.hidden])
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let input = inputs[0].last().copied().unwrap_or(0);
        vec![vec![input + self.hidden, 4 * self.hidden], vec![4 * self.hidden]]
    }

    fn saved(&self, shapes: &Shapes) -> usize {
        let shape = self.sizes(shapes);
        shape.gates_len() + shape.states_len()
    }

    fn prefix(&self, shapes: &Shapes) -> usize {
        self.sizes(shapes).state()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: true }
    }

    fn forward(&self, mut run: Forward) {
        let shape = self.sizes(run.shapes);
        let mut trace = Self::trace(shape, run.saved, run.y);
        trace.cells[..shape.state()].copy_from_slice(run.states.get(0));
        trace.hidden[..shape.state()].copy_from_slice(run.states.get(1));
        let (kernel, bias) = (run.parameters.values(0), run.parameters.values(1));
        let weights = Weights { kernel: &kernel, bias: &bias };
        lstm::forward(run.cpu, shape, weights, run.x[0], &mut trace);
        run.states.get(0).copy_from_slice(trace.last_cell(shape));
        run.states.get(1).copy_from_slice(trace.last_hidden(shape));
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(run.shapes);
        let mut trace = Self::trace(shape, run.saved, run.y);
        let (kernel, bias) = (run.parameters.values(0), run.parameters.values(1));
        let weights = Weights { kernel: &kernel, bias: &bias };
        let [d_kernel, d_bias] = run.gradients.first([kernel.len(), bias.len()]);
        let inputs = run.dx[0].take();
        let gradients = Gradients { kernel: d_kernel, bias: d_bias, inputs };
        lstm::backward(run.cpu, shape, weights, run.x[0], run.dy, &mut trace, gradients);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        let lstm::Shape { input, hidden, .. } = self.sizes(shapes);
        Operations::product(2 * shapes.inputs[0][0] * (input + hidden) * 4 * hidden)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let shape = self.sizes(run.shapes);
        let parameters = (&run.parameters[0][..], &run.parameters[1][..]);
        let [cell, hidden] = run.states else { unreachable!("a layer has two states") };
        let window = lstm_reference(shape, parameters, run.x[0], cell, hidden);
        let last = shape.rows() * shape.hidden;
        cell.copy_from_slice(&window.cells[last..]);
        hidden.copy_from_slice(&window.hidden[last..]);
        window.hidden[shape.state()..].to_vec()
    }
}
