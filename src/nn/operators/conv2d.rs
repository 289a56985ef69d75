//! A convolution of images.

use super::{
    Backward, Forward, IMAGES, Operations, Operator, Reads, Reference, Shapes, rank, written,
};
use crate::nn::graph::Filters;
use crate::ops::conv;
use crate::ops::relu::relu_gradient;

/// `x ∗ weights + biases` with filters (height, width, in, out), and what a rewrite has put into
/// its last store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2d {
    pub(super) filters: Filters,
    pub(super) biases: bool,
    /// A ReLU follows.
    pub(in crate::nn) relu: bool,
    /// The next node's gradient is that of the ReLU's input already.
    pub(in crate::nn) relu_is_undone: bool,
    /// ε of the batch normalisation that is folded into the filters, for inference.
    pub(in crate::nn) folded: Option<f32>,
}

impl Conv2d {
    /// A convolution with or without biases.
    pub fn new(filters: Filters, biases: bool) -> Self {
        Self { filters, biases, relu: false, relu_is_undone: false, folded: None }
    }

    /// The sizes for images (batch, height, width, in channels).
    pub(in crate::nn) fn sizes(&self, images: &[usize]) -> conv::Shape {
        let Filters { count, size, stride, padding } = self.filters;
        conv::Shape {
            batch: images[0],
            height: images[1],
            width: images[2],
            in_channels: images[3],
            out_channels: count,
            kernel: size,
            stride: [stride; 2],
            padding,
        }
    }

    /// Filters and biases with the normalisation's factor and shift in them.
    fn fold(&self, run: &Forward, shape: conv::Shape, epsilon: f32) -> (Vec<f32>, Vec<f32>) {
        let own = 1 + usize::from(self.biases);
        let values = |i| run.parameters.values(i);
        let (gamma, beta) = (values(own), values(own + 1));
        let (mean, variance) = (values(own + 2), values(own + 3));
        let factors: Vec<f32> =
            gamma.iter().zip(variance.iter()).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
        let mut weights = values(0).to_vec();
        for filters in weights.chunks_mut(shape.out_channels) {
            filters.iter_mut().zip(&factors).for_each(|(w, factor)| *w *= factor);
        }
        let bias = |n: usize| if self.biases { values(1)[n] } else { 0.0 };
        let shift = |n: usize| beta[n] + (bias(n) - mean[n]) * factors[n];
        (weights, (0..shape.out_channels).map(shift).collect())
    }
}

impl Operator for Conv2d {
    fn kind(&self) -> String {
        let normalised = if self.folded.is_some() { " + batch_norm" } else { "" };
        format!("conv2d{normalised}{}", if self.relu { " + relu" } else { "" })
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let images = &shapes.inputs[0];
        rank(images, &IMAGES)?;
        let shape = self.sizes(images);
        let output = [shape.rows().output(), shape.columns().output()];
        if output.contains(&0) {
            let [height, width] = self.filters.size;
            let images = written(images);
            return Err(format!("filters of {height} × {width} are larger than images {images}"));
        }
        Ok(vec![shape.batch, output[0], output[1], shape.out_channels])
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let [height, width] = self.filters.size;
        let channels = inputs[0].last().copied().unwrap_or(0);
        let weights = vec![height, width, channels, self.filters.count];
        let biases = vec![self.filters.count];
        let statistics = if self.folded.is_some() { 4 } else { 0 };
        let own = [vec![weights], vec![biases.clone(); usize::from(self.biases)]].concat();
        [own, vec![biases; statistics]].concat()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: self.relu && !self.relu_is_undone }
    }

    fn forward(&self, run: Forward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        if let Some(epsilon) = self.folded {
            let (weights, biases) = self.fold(&run, shape, epsilon);
            conv::forward(run.cpu, shape, run.x[0], &weights, &biases, self.relu, run.y);
            return;
        }
        let weights = run.parameters.values(0);
        if self.biases {
            let biases = run.parameters.values(1);
            conv::forward(run.cpu, shape, run.x[0], &weights, &biases, self.relu, run.y);
        } else {
            let zeros = vec![0.0; shape.out_channels];
            conv::forward(run.cpu, shape, run.x[0], &weights, &zeros, self.relu, run.y);
        }
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        if self.relu && !self.relu_is_undone {
            relu_gradient(run.cpu, run.y, run.dy);
        }
        let d_weights = run.gradients.dense(0, shape.weights());
        conv::backward_weight(run.cpu, shape, run.x[0], run.dy, d_weights);
        if self.biases {
            let d_biases = run.gradients.dense(1, shape.out_channels);
            conv::bias_gradient(run.cpu, run.dy, shape.out_channels, d_biases);
        }
        if let Some(dx) = run.dx[0].take() {
            conv::backward_input(run.cpu, shape, &run.parameters.values(0), run.dy, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::product(self.sizes(&shapes.inputs[0]).operations())
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let shape = self.sizes(&run.shapes.inputs[0]);
        let zeros = vec![0.0; shape.out_channels];
        let biases = if self.biases { &run.parameters[1] } else { &zeros };
        let mut y = conv::conv_reference(shape, run.x[0], &run.parameters[0], biases);
        if let Some(epsilon) = self.folded {
            let [gamma, beta, mean, variance] = &run.parameters[1 + usize::from(self.biases)..]
            else {
                unreachable!("a folded normalisation has four parameters")
            };
            for (i, y) in y.iter_mut().enumerate() {
                let n = i % shape.out_channels;
                *y =
                    gamma[n] * (*y - mean[n]) / (variance[n] + f64::from(epsilon)).sqrt() + beta[n];
            }
        }
        if self.relu {
            y.iter_mut().for_each(|y| *y = y.max(0.0));
        }
        y
    }
}
