//! A fully connected layer.

use super::{Backward, Dropout, Forward, Operations, Operator, Reads, Reference, Shapes, written};
use crate::ops::matmul::{Accumulate, Matrix, PackedMatrix, matmul, matmul_rectified};
use crate::ops::relu::{Rectifier, rectify_gradient};

/// `x · weights + biases` on rows, and what a rewrite has put after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    pub(in crate::nn) outputs: usize,
    /// Whether the weights are (outputs, inputs), one row per class, as for a sampled softmax.
    pub(in crate::nn) transposed: bool,
    /// Whether there are biases.
    pub(in crate::nn) biases: bool,
    /// A ReLU follows.
    pub(in crate::nn) relu: bool,
    /// Dropout follows the ReLU, under that name.
    pub(in crate::nn) dropout: Option<Dropout>,
}

impl Linear {
    /// A layer that gives rows of `outputs` values.
    pub fn new(outputs: usize) -> Self {
        Self { outputs, transposed: false, biases: true, relu: false, dropout: None }
    }

    /// The weights as (inputs, outputs).
    fn weights<'a>(&self, inputs: usize, weights: &'a [f32]) -> Matrix<'a> {
        match self.transposed {
            true => Matrix::new(weights, self.outputs, inputs).transposed(),
            false => Matrix::new(weights, inputs, self.outputs),
        }
    }

    /// Rows, and values of one.
    fn sides(&self, input: &[usize]) -> (usize, usize) {
        (input[0], input[1..].iter().product())
    }
}

/// The sum of each column of `x` (rows, `sums.len()`), the first row first.
fn sums_of_columns(x: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for row in x.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
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
        let weights = if self.transposed { [self.outputs, inputs] } else { [inputs, self.outputs] };
        let biases = self.biases.then(|| vec![self.outputs]);
        [weights.to_vec()].into_iter().chain(biases).collect()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: self.relu }
    }

    fn keeps_packed(&self, shared: bool) -> bool {
        shared
    }

    fn forward(&self, run: Forward) {
        let (rows, inputs) = self.sides(&run.shapes.inputs[0]);
        let biases = self.biases.then(|| run.parameters.values(1));
        let start = biases.as_deref().map_or(Accumulate::Overwrite, Accumulate::Bias);
        let x = Matrix::new(run.x[0], rows, inputs);
        if run.parameters.are_constant() {
            let weights = run.packed.constant((run.parameters.indices[0], run.cpu.isa()), || {
                let mut packed = PackedMatrix::default();
                packed.pack(run.cpu, self.weights(inputs, &run.parameters.values(0)));
                packed
            });
            matmul_rectified(run.cpu, x, weights, start, self.relu.into(), run.y);
        } else {
            let weights = run.parameters.values(0);
            let weights = self.weights(inputs, &weights);
            let weights = run.parameters.right(run.cpu, run.packed, weights);
            matmul_rectified(run.cpu, x, weights, start, self.relu.into(), run.y);
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
            rectify_gradient(run.cpu, Rectifier::Relu, run.y, run.dy);
        }
        let x = Matrix::new(run.x[0], rows, inputs);
        let dy = Matrix::new(run.dy, rows, self.outputs);
        let values = inputs * self.outputs;
        match (self.transposed, self.biases) {
            (false, true) => {
                run.gradients.weights(run.cpu, [0, 1], &[x], run.dy, self.outputs);
            }
            (transposed, biases) => {
                let (left, right) =
                    if transposed { (dy.transposed(), x) } else { (x.transposed(), dy) };
                matmul(run.cpu, left, right, Accumulate::Overwrite, run.gradients.dense(0, values));
                if biases {
                    sums_of_columns(run.dy, run.gradients.dense(1, self.outputs));
                }
            }
        }
        if let Some(dx) = run.dx[0].take() {
            let weights = run.parameters.values(0);
            let weights = self.weights(inputs, &weights).transposed();
            let weights = run.parameters.right(run.cpu, run.packed, weights);
            matmul(run.cpu, dy, weights, Accumulate::Overwrite, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::product(2 * shapes.values() * self.outputs)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let (_, inputs) = self.sides(&run.shapes.inputs[0]);
        let weights = &run.parameters[0];
        let zeros = vec![0.0; self.outputs];
        let biases = run.parameters.get(1).unwrap_or(&zeros);
        let mut y = Vec::with_capacity(run.shapes.outputs());
        for x in run.x[0].chunks(inputs) {
            let mut row = biases.clone();
            for (o, y) in row.iter_mut().enumerate() {
                let at = |i: usize| match self.transposed {
                    true => weights[o * inputs + i],
                    false => weights[i * self.outputs + o],
                };
                *y += x.iter().enumerate().map(|(i, x)| x * at(i)).sum::<f64>();
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
