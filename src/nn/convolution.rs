//! A convolution with bias and ReLU.

use candle_core::Result;

use super::{Initial, Parameter};
use crate::ops::Cpu;
use crate::ops::conv::{self, Shape};
use crate::ops::window::Padding;

/// `relu(x ∗ weights + biases)`.
#[derive(Debug)]
pub struct Convolution {
    /// (kernel height, kernel width, in channels, out channels)
    pub weights: Parameter,
    /// (out channels)
    pub biases: Parameter,
    stride: usize,
    padding: Padding,
}

impl Convolution {
    /// A layer of filters (kernel height, kernel width, in channels, out channels), with the
    /// same stride along rows and columns, padded as TensorFlow's SAME.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(
        name: &str,
        filters: [usize; 4],
        stride: usize,
        initial: Initial,
        seed: u64,
    ) -> Result<Self> {
        let (weights, biases) = initial.parameters(name, &filters, seed)?;
        Ok(Self { weights, biases, stride, padding: Padding::Same })
    }

    /// The same layer for another tower: see [`Parameter::replica`].
    pub fn replica(&self) -> Self {
        let (weights, biases) = (self.weights.replica(), self.biases.replica());
        Self { weights, biases, ..*self }
    }

    /// The sizes for images (batch, height, width, in channels).
    pub fn shape(&self, [batch, height, width]: [usize; 3]) -> Shape {
        let filters = self.weights.shape();
        Shape {
            batch,
            height,
            width,
            in_channels: filters[2],
            out_channels: filters[3],
            kernel: [filters[0], filters[1]],
            stride: [self.stride; 2],
            padding: self.padding,
        }
    }

    /// `y = relu(x ∗ weights + biases)`.
    pub fn forward(&self, cpu: &Cpu, shape: Shape, x: &[f32], y: &mut [f32]) {
        let (weights, biases) = (self.weights.values(), self.biases.values());
        conv::forward(cpu, shape, x, &weights, &biases, true, y);
    }

    /// The gradients from `dy`, that of the ReLU's input: of the parameters in their buffers,
    /// of `x` in `dx` where it is wanted.
    pub fn backward(
        &mut self,
        cpu: &Cpu,
        shape: Shape,
        x: &[f32],
        dy: &[f32],
        dx: Option<&mut [f32]>,
    ) {
        conv::backward_weight(cpu, shape, x, dy, self.weights.gradient.at_least(shape.weights()));
        let channels = shape.out_channels;
        conv::bias_gradient(cpu, dy, channels, self.biases.gradient.at_least(channels));
        if let Some(dx) = dx {
            conv::backward_input(cpu, shape, &self.weights.values(), dy, dx);
        }
    }
}
