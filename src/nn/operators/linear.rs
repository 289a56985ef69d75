//! A fully connected layer.

use super::{Backward, Dropout, Forward, Operations, Operator, Reads, Reference, Shapes, written};
use crate::ops::matmul::{Accumulate, Matrix, matmul, matmul_and_sums};
use crate::ops::relu::{relu, relu_gradient};

/// `x · weights + biases` on rows, and what a rewrite has put behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    pub(super) outputs: usize,
    /// A ReLU follows.
    pub(in crate::nn) relu: bool,
    /// Dropout follows the ReLU, under that name.
    pub(in crate::nn) dropout: Option<Dropout>,
}

impl Linear {
    /// A layer that gives rows of `outputs` values.
    pub fn new(outputs: usize) -> Self {
        Self { outputs, relu: false, dropout: None }
    }

    /// Rows, and values of one.
    fn sides(&self, input: &[usize]) -> (usize, usize) {
        (input[0], input[1..].iter().product())
    }
}

impl Operator for Linear {
    fn kind(&self) -> String {
        let relu = if self.relu { " + relu" } else { "" };
        format!("linear{relu}{}", if self.dropout.is_some() { " + dropout" } else { "" })
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let input = &shapes.inputs[0];
        if input.len() < 2 {
            return Err(format!("its input is {}, not (rows, values)", written(input)));
        }
        Ok(vec![input[0], self.outputs])
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let inputs = inputs[0].iter().skip(1).product();
        vec![vec![inputs, self.outputs], vec![self.outputs]]
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: self.relu }
    }

    fn forward(&self, run: Forward) {
        let (rows, inputs) = self.sides(&run.shapes.inputs[0]);
        let (weights, biases) = (run.parameters.values(0), run.parameters.values(1));
        let x = Matrix::new(run.x[0], rows, inputs);
        let weights = Matrix::new(&weights, inputs, self.outputs);
        matmul(run.cpu, x, weights, Accumulate::Bias(&biases), run.y);
        if self.relu {
            relu(run.cpu, run.y);
        }
        if let Some(dropout) = &self.dropout {
            dropout.apply(run.cpu, run.pass, run.shapes, run.y);
        }
    }

    fn backward(&self, mut run: Backward) {
        let (rows, inputs) = self.sides(&run.shapes.inputs[0]);
        if let Some(dropout) = &self.dropout {
            dropout.apply(run.cpu, run.pass, run.shapes, run.dy);
        }
        if self.relu {
            // Where dropout took a value away, its gradient is zero already.
            relu_gradient(run.cpu, run.y, run.dy);
        }
        let x = Matrix::new(run.x[0], rows, inputs).transposed();
        let dy = Matrix::new(run.dy, rows, self.outputs);
        let lens = [inputs * self.outputs, self.outputs];
        let [d_weights, d_biases] = run.gradients.first_two(lens);
        matmul_and_sums(run.cpu, x, dy, Accumulate::Overwrite, d_weights, d_biases);
        if let Some(dx) = run.dx[0].take() {
            let weights = run.parameters.values(0);
            let weights = Matrix::new(&weights, inputs, self.outputs).transposed();
            matmul(run.cpu, dy, weights, Accumulate::Overwrite, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::product(2 * shapes.values() * self.outputs)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let (_, inputs) = self.sides(&run.shapes.inputs[0]);
        let (weights, biases) = (&run.parameters[0], &run.parameters[1]);
        let mut y = Vec::with_capacity(run.shapes.outputs());
        for x in run.x[0].chunks(inputs) {
            let mut row = biases.clone();
            for (x, weights) in x.iter().zip(weights.chunks(self.outputs)) {
                row.iter_mut().zip(weights).for_each(|(y, w)| *y += x * w);
            }
            y.extend(row);
        }
        if self.relu {
            y.iter_mut().for_each(|y| *y = y.max(0.0));
        }
        match &self.dropout {
            Some(dropout) => dropout.applied(run.pass, run.shapes, y),
            None => y,
        }
    }
}
