//! Batch normalisation.

use super::{Backward, Forward, Operations, Operator, Reads, Reference, Shapes, written};
use crate::ops::batch_norm::{self, Affine};

/// y = γ (x - μ) / √(σ² + ε) + β over the last axis (Ioffe and Szegedy, arXiv 1502.03167). In
/// training μ and σ² are those of the batch, and are left as the "gradients" of the moving
/// statistics, which follow them; in inference they are the moving ones. Parameters: γ, β, moving
/// mean, moving variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// ε.
    pub epsilon: f32,
}

impl Operator for BatchNorm {
    fn kind(&self) -> String {
        "batch_norm".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let input = &shapes.inputs[0];
        if input.len() < 2 || shapes.channels() == 0 {
            return Err(format!("its input is {}, not (rows, …, channels)", written(input)));
        }
        Ok(input.clone())
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        vec![vec![inputs[0].last().copied().unwrap_or(0)]; 4]
    }

    fn saved(&self, shapes: &Shapes) -> usize {
        2 * shapes.channels()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: false }
    }

    fn forward(&self, run: Forward) {
        let channels = run.shapes.channels();
        let (gamma, beta) = (run.parameters.values(0), run.parameters.values(1));
        if run.pass.training {
            let (mean, variance) = run.saved.split_at_mut(channels);
            batch_norm::statistics(run.cpu, channels, run.x[0], mean, variance);
            let affine = Affine { gamma: &gamma, beta: &beta, mean, variance };
            batch_norm::normalise(run.cpu, affine, self.epsilon, run.x[0], run.y);
        } else {
            let (mean, variance) = (run.parameters.values(2), run.parameters.values(3));
            let affine = Affine { gamma: &gamma, beta: &beta, mean: &mean, variance: &variance };
            batch_norm::normalise(run.cpu, affine, self.epsilon, run.x[0], run.y);
        }
    }

    fn backward(&self, mut run: Backward) {
        let channels = run.shapes.channels();
        let (mean, variance) = run.saved.split_at(channels);
        run.gradients.dense(2, channels).copy_from_slice(mean);
        run.gradients.dense(3, channels).copy_from_slice(variance);
        let (gamma, beta) = (run.parameters.values(0), run.parameters.values(1));
        let affine = Affine { gamma: &gamma, beta: &beta, mean, variance };
        let [d_gamma, d_beta] = run.gradients.first([channels; 2]);
        let to = batch_norm::Gradients { x: run.dx[0].take(), gamma: d_gamma, beta: d_beta };
        batch_norm::backward(run.cpu, affine, self.epsilon, run.x[0], run.dy, to);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), 5)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let channels = run.shapes.channels();
        let [gamma, beta, mean, variance] = run.parameters else {
            unreachable!("a batch normalisation has four parameters")
        };
        let (mean, variance) = match run.pass.training {
            true => batch_norm::statistics_reference(channels, run.x[0]),
            false => (mean.clone(), variance.clone()),
        };
        let epsilon = f64::from(self.epsilon);
        let value = |(i, x): (usize, &f64)| {
            let n = i % channels;
            gamma[n] * (x - mean[n]) / (variance[n] + epsilon).sqrt() + beta[n]
        };
        run.x[0].iter().enumerate().map(value).collect()
    }
}
