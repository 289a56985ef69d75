//! A convolution of images.

use super::{
    Backward, Forward, Operations, Operator, Parameters, Reads, Reference, Shapes, convolution,
};
use crate::nn::graph::Filters;
use crate::ops::Cpu;
use crate::ops::conv::{self, Algorithm, PreparedFilters};
use crate::ops::relu::{Rectifier, rectify_gradient};

/// `x ∗ weights + biases` with filters (height, width, in, out), and what a rewrite has put into
/// its last store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2d {
    pub(super) filters: Filters,
    pub(super) biases: bool,
    /// What follows.
    pub(in crate::nn) rectifier: Rectifier,
    /// The next node's gradient is that of the ReLU's input already.
    pub(in crate::nn) relu_is_undone: bool,
    /// ε of the batch normalisation that is folded into the filters, for inference.
    pub(in crate::nn) folded: Option<f32>,
}

impl Conv2d {
    /// A convolution with or without biases.
    pub fn new(filters: Filters, biases: bool) -> Self {
        Self { filters, biases, rectifier: Rectifier::None, relu_is_undone: false, folded: None }
    }

    /// Whether an activation or a normalisation is already fused.
    pub(in crate::nn) fn is_finished(&self) -> bool {
        self.rectifier != Rectifier::None || self.folded.is_some()
    }

    /// The sizes for images (batch, height, width, in channels).
    pub(in crate::nn) fn sizes(&self, images: &[usize]) -> conv::Shape {
        convolution::sizes(self.filters, images, self.filters.count)
    }

    /// Filters and biases, with a normalisation's factor and shift in them.
    fn weights_and_biases(&self, parameters: Parameters, outputs: usize) -> [Vec<f32>; 2] {
        match self.folded {
            Some(epsilon) => parameters.folded(usize::from(self.biases), epsilon, outputs).into(),
            None if self.biases => [0, 1].map(|i| parameters.values(i).to_vec()),
            None => [parameters.values(0).to_vec(), vec![0.0; outputs]],
        }
    }

    /// The filters for many passes of an algorithm.
    pub(super) fn prepared(
        &self,
        cpu: &Cpu,
        algorithm: Algorithm,
        parameters: Parameters,
        shape: conv::Shape,
    ) -> PreparedFilters {
        let [weights, biases] = self.weights_and_biases(parameters, shape.out_channels);
        PreparedFilters::new(cpu, algorithm, shape, &weights, biases)
    }
}

impl Operator for Conv2d {
    fn kind(&self) -> String {
        let normalised = if self.folded.is_some() { " + batch_norm" } else { "" };
        format!("conv2d{normalised}{}", self.rectifier.written())
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        convolution::output(&shapes.inputs[0], |images| self.sizes(images))
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
        Reads { inputs: true, output: self.rectifier != Rectifier::None && !self.relu_is_undone }
    }

    fn forward(&self, run: Forward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        let (cpu, rectifier) = (run.cpu, self.rectifier);
        if run.parameters.are_constant() {
            let algorithm = Algorithm::of(&shape);
            let make = || self.prepared(cpu, algorithm, run.parameters, shape);
            let key = (run.parameters.indices, algorithm, cpu.isa());
            run.packed.filters(key, make).forward(cpu, shape, run.x[0], rectifier, run.y);
        } else if self.folded.is_some() || !self.biases {
            let [weights, biases] = self.weights_and_biases(run.parameters, shape.out_channels);
            conv::forward(cpu, shape, run.x[0], &weights, &biases, rectifier, run.y);
        } else {
            let (weights, biases) = (run.parameters.values(0), run.parameters.values(1));
            conv::forward(cpu, shape, run.x[0], &weights, &biases, rectifier, run.y);
        }
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        if !self.relu_is_undone {
            rectify_gradient(run.cpu, self.rectifier, run.y, run.dy);
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
        let (own, statistics) = run.parameters.split_at(1 + usize::from(self.biases));
        let y = conv::conv_reference(shape, run.x[0], &own[0], own.get(1).unwrap_or(&zeros));
        convolution::finished(y, self.folded, statistics, self.rectifier)
    }
}
