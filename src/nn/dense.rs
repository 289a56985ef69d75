//! A fully connected layer.

use candle_core::Result;

use super::{Initial, Parameter};
use crate::ops::Cpu;
use crate::ops::matmul::{Matrix, Start, matmul, matmul_and_sums};
use crate::ops::relu;

/// `x · weights + biases`, with a ReLU where asked for.
#[derive(Debug)]
pub struct Dense {
    /// (inputs, outputs)
    pub weights: Parameter,
    /// (outputs)
    pub biases: Parameter,
}

impl Dense {
    /// A layer from `inputs` to `outputs` values.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(
        name: &str,
        inputs: usize,
        outputs: usize,
        initial: Initial,
        seed: u64,
    ) -> Result<Self> {
        let (weights, biases) = initial.parameters(name, &[inputs, outputs], seed)?;
        Ok(Self { weights, biases })
    }

    /// The same layer for another tower: see [`Parameter::replica`].
    pub fn replica(&self) -> Self {
        Self { weights: self.weights.replica(), biases: self.biases.replica() }
    }

    fn sizes(&self) -> (usize, usize) {
        (self.weights.shape()[0], self.weights.shape()[1])
    }

    /// `y (rows, outputs) = x (rows, inputs) · weights + biases`.
    pub fn forward(&self, cpu: &Cpu, x: &[f32], y: &mut [f32]) {
        let (inputs, outputs) = self.sizes();
        let (weights, biases) = (self.weights.values(), self.biases.values());
        let x = Matrix::new(x, x.len() / inputs, inputs);
        matmul(cpu, x, Matrix::new(&weights, inputs, outputs), Start::Bias(&biases), y);
    }

    /// As [`Dense::forward`], followed by a ReLU.
    pub fn forward_relu(&self, cpu: &Cpu, x: &[f32], y: &mut [f32]) {
        self.forward(cpu, x, y);
        relu::relu(cpu, y);
    }

    /// The gradients from `dy`, that of [`Dense::forward`]'s output: of the parameters in
    /// their buffers, of `x` in `dx`.
    pub fn backward(&mut self, cpu: &Cpu, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        let (inputs, outputs) = self.sizes();
        let rows = x.len() / inputs;
        let d_weights = self.weights.gradient.at_least(inputs * outputs);
        let d_biases = self.biases.gradient.at_least(outputs);
        let x = Matrix::new(x, rows, inputs).transposed();
        let dy = Matrix::new(dy, rows, outputs);
        matmul_and_sums(cpu, x, dy, Start::Zero, d_weights, d_biases);
        let weights = self.weights.values();
        let weights = Matrix::new(&weights, inputs, outputs).transposed();
        matmul(cpu, dy, weights, Start::Zero, dx);
    }
}
