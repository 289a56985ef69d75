//! An LSTM layer whose state is a value.

use super::{
    Backward, Forward, Operations, Operator, Reads, Reference, Shapes, check_start, window_rows,
};
use crate::ops::lstm::states::{self, Gradients, Window};
use crate::ops::lstm::{self, Weights, lstm_reference};

/// An LSTM layer: one node for a whole window, which gives the state after each step, cells before
/// hidden values. Its second input, where it has one, is the state before the window; else that is
/// zero. Gradients pass through both, which they do not with [`super::Lstm`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmStates {
    /// Hidden units.
    pub hidden: usize,
    /// What is added to the inputs of the forget gates.
    pub forget_bias: f32,
}

impl LstmStates {
    fn sizes(&self, shapes: &Shapes) -> lstm::Shape {
        let batch = shapes.batch.max(1);
        let [rows, input] = [shapes.inputs[0][0], shapes.channels()];
        lstm::Shape { batch, steps: rows / batch, input, hidden: self.hidden }
    }
}

impl Operator for LstmStates {
    fn kind(&self) -> String {
        "lstm states".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let rows = window_rows(shapes)?;
        check_start(shapes, 2 * self.hidden).map(|()| vec![rows, 2 * self.hidden])
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let input = inputs[0].last().copied().unwrap_or(0);
        vec![vec![input + self.hidden, 4 * self.hidden], vec![4 * self.hidden]]
    }

    fn saved(&self, shapes: &Shapes) -> usize {
        states::saved_len(self.sizes(shapes))
    }

    fn prefix(&self, shapes: &Shapes) -> usize {
        2 * self.sizes(shapes).state()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: true }
    }

    fn keeps_packed(&self, _shared: bool) -> bool {
        true
    }

    fn forward(&self, run: Forward) {
        let shape = self.sizes(run.shapes);
        let start = &mut run.y[..2 * shape.state()];
        match run.shapes.inputs.len() {
            1 => start.fill(0.0),
            _ => start.copy_from_slice(run.x[1]),
        }
        let (kernel, bias) = (run.parameters.values(0), run.parameters.values(1));
        let weights = Weights { kernel: &kernel, bias: &bias };
        let mut window = Window::new(shape, run.saved, run.y);
        let (cpu, packed, parameters) = (run.cpu, run.packed, run.parameters);
        let pack = &mut |weights| parameters.packed(cpu, packed, weights);
        states::forward(cpu, shape, self.forget_bias, weights, run.x[0], &mut window, pack);
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(run.shapes);
        let (kernel, bias) = (run.parameters.values(0), run.parameters.values(1));
        let weights = Weights { kernel: &kernel, bias: &bias };
        let [inputs, start, ..] = run.dx;
        let gradients = Gradients { inputs, start };
        let mut window = Window::new(shape, run.saved, run.y);
        let (cpu, packed, parameters) = (run.cpu, run.packed, run.parameters);
        let pack = &mut |weights| parameters.packed(cpu, packed, weights);
        states::backward(cpu, shape, weights, run.dy, &mut window, gradients, pack);
        let (inputs, d) = states::product(shape, run.x[0], &window);
        run.gradients.weights(cpu, [0, 1], &inputs, d, shape.gates());
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        let lstm::Shape { input, hidden, .. } = self.sizes(shapes);
        Operations::product(2 * shapes.inputs[0][0] * (input + hidden) * 4 * hidden)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let (shape, units) = (self.sizes(run.shapes), self.hidden);
        let zeros = vec![0.0; 2 * shape.state()];
        let start = run.x.get(1).copied().unwrap_or(&zeros).chunks(2 * units);
        let part = |from: usize| -> Vec<f64> {
            start.clone().flat_map(|row| &row[from..from + units]).copied().collect()
        };
        let mut bias = run.parameters[1].clone();
        let forget = &mut bias[2 * units..3 * units];
        forget.iter_mut().for_each(|bias| *bias += f64::from(self.forget_bias));
        let parameters = (&run.parameters[0][..], &bias[..]);
        let window = lstm_reference(shape, parameters, run.x[0], &part(0), &part(units));
        let rows = window.cells.chunks(units).zip(window.hidden.chunks(units));
        rows.skip(shape.batch).flat_map(|(cell, hidden)| [cell, hidden].concat()).collect()
    }
}
