//! A depthwise convolution of images.

use super::{
    Backward, Forward, Operations, Operator, Parameters, Reads, Reference, Shapes, convolution,
};
use crate::nn::graph::Filters;
use crate::ops::Cpu;
use crate::ops::conv::{self, Algorithm, PreparedFilters, bias_gradient, depthwise};
use crate::ops::relu::Rectifier;

/// `x ∗ weights + biases`, every channel with filters of its own (Howard et al., "MobileNets", arXiv
/// 1704.04861). Parameters: weights (height, width, channels, multiplier), biases (channels ·
/// multiplier), and those of a normalisation that is folded into them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthwiseConv2d {
    /// The filters; their count is that of each channel.
    pub(super) filters: Filters,
    /// What a rewrite for inference has put into the last store.
    pub(in crate::nn) rectifier: Rectifier,
    /// ε of the batch normalisation that is folded into the filters, for inference.
    pub(in crate::nn) folded: Option<f32>,
}

impl DepthwiseConv2d {
    /// `filters.count` filters for each channel.
    pub fn new(filters: Filters) -> Self {
        Self { filters, rectifier: Rectifier::None, folded: None }
    }

    /// Whether an activation or a normalisation is already fused.
    pub(in crate::nn) fn is_finished(&self) -> bool {
        self.rectifier != Rectifier::None || self.folded.is_some()
    }

    pub(super) fn sizes(&self, images: &[usize]) -> conv::Shape {
        convolution::sizes(self.filters, images, images[3] * self.filters.count)
    }

    /// Filters and biases, with a normalisation's factor and shift in them.
    fn weights_and_biases(&self, parameters: Parameters, outputs: usize) -> (Vec<f32>, Vec<f32>) {
        match self.folded {
            Some(epsilon) => parameters.folded(1, epsilon, outputs),
            None => (parameters.values(0).to_vec(), parameters.values(1).to_vec()),
        }
    }

    /// The filters for many passes.
    pub(super) fn prepared(
        &self,
        cpu: &Cpu,
        parameters: Parameters,
        shape: conv::Shape,
    ) -> PreparedFilters {
        let (weights, biases) = self.weights_and_biases(parameters, shape.out_channels);
        PreparedFilters::new(cpu, Algorithm::Depthwise, shape, &weights, biases)
    }
}

impl Operator for DepthwiseConv2d {
    fn kind(&self) -> String {
        let normalised = if self.folded.is_some() { " + batch_norm" } else { "" };
        format!("depthwise_conv2d{normalised}{}", self.rectifier.written())
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        convolution::output(&shapes.inputs[0], |images| self.sizes(images))
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let [height, width] = self.filters.size;
        let channels = inputs[0].last().copied().unwrap_or(0);
        let statistics = if self.folded.is_some() { 4 } else { 0 };
        let outputs = vec![channels * self.filters.count];
        let weights = vec![height, width, channels, self.filters.count];
        [vec![weights], vec![outputs; 1 + statistics]].concat()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: false }
    }

    fn forward(&self, run: Forward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        let (cpu, rectifier) = (run.cpu, self.rectifier);
        if run.parameters.are_constant() {
            let make = || self.prepared(cpu, run.parameters, shape);
            let key = (run.parameters.indices, Algorithm::Depthwise, cpu.isa());
            run.packed.filters(key, make).forward(cpu, shape, run.x[0], rectifier, run.y);
        } else {
            let (weights, biases) = self.weights_and_biases(run.parameters, shape.out_channels);
            depthwise::forward(cpu, shape, run.x[0], &weights, &biases, rectifier, run.y);
        }
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        let d_weights = run.gradients.dense(0, depthwise::weights(&shape));
        depthwise::backward_weight(shape, run.x[0], run.dy, d_weights);
        let d_biases = run.gradients.dense(1, shape.out_channels);
        bias_gradient(run.cpu, run.dy, shape.out_channels, d_biases);
        if let Some(dx) = run.dx[0].take() {
            depthwise::backward_input(run.cpu, shape, &run.parameters.values(0), run.dy, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::product(depthwise::operations(&self.sizes(&shapes.inputs[0])))
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let shape = self.sizes(&run.shapes.inputs[0]);
        let (own, statistics) = run.parameters.split_at(2);
        let y = conv::depthwise_reference(shape, run.x[0], &own[0], &own[1]);
        convolution::finished(y, self.folded, statistics, self.rectifier)
    }
}
