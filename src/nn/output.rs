//! The softmax over all words.

use candle_core::Result;

use super::Parameter;
use crate::ops::matmul::{Matrix, Start, matmul, matmul_and_sums};
use crate::ops::{Buffer, Cpu, softmax};

/// `softmax(h · weight + bias)` with its cross-entropy.
#[derive(Debug)]
pub struct SoftmaxOutput {
    /// (width, classes)
    pub weight: Parameter,
    /// (classes)
    pub bias: Parameter,
    logits: Buffer,
    losses: Buffer,
}

impl SoftmaxOutput {
    /// A layer with weight and bias uniform in ±`scale`.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(width: usize, classes: usize, scale: f32, seed: u64) -> Result<Self> {
        Ok(Self {
            weight: Parameter::uniform("softmax_w", &[width, classes], scale, seed)?,
            bias: Parameter::uniform("softmax_b", &[classes], scale, seed)?,
            logits: Buffer::default(),
            losses: Buffer::default(),
        })
    }

    /// The logits (rows, classes) of `hidden` (rows, width).
    pub fn logits(&mut self, cpu: &Cpu, hidden: &[f32]) -> &[f32] {
        let (width, classes) = (self.weight.shape()[0], self.bias.len());
        let rows = hidden.len() / width;
        let weight = self.weight.values();
        let bias = self.bias.values();
        let logits = self.logits.at_least(rows * classes);
        let hidden = Matrix::new(hidden, rows, width);
        matmul(cpu, hidden, Matrix::new(&weight, width, classes), Start::Bias(&bias), logits);
        logits
    }

    /// The cross-entropies in nats of `hidden` (rows, width) against `targets` (rows). With
    /// a scale, the logits become the gradient of `scale · Σ losses`, for
    /// [`SoftmaxOutput::backward`].
    pub fn losses(
        &mut self,
        cpu: &Cpu,
        hidden: &[f32],
        targets: &[u32],
        gradient_scale: Option<f32>,
    ) -> &[f32] {
        self.logits(cpu, hidden);
        let logits = &mut self.logits[..targets.len() * self.bias.len()];
        let losses = self.losses.at_least(targets.len());
        softmax::cross_entropy(cpu, logits, targets, gradient_scale, losses);
        losses
    }

    /// The gradients after [`SoftmaxOutput::losses`] with a scale, on the same `hidden`:
    /// of the parameters in their buffers, of `hidden` in `d_hidden`.
    pub fn backward(&mut self, cpu: &Cpu, hidden: &[f32], d_hidden: &mut [f32]) {
        let (width, classes) = (self.weight.shape()[0], self.bias.len());
        let rows = hidden.len() / width;
        let d_logits = &self.logits[..rows * classes];
        let d_weight = self.weight.gradient.at_least(width * classes);
        let hidden = Matrix::new(hidden, rows, width).transposed();
        let d_bias = self.bias.gradient.at_least(classes);
        let d_logits = Matrix::new(d_logits, rows, classes);
        matmul_and_sums(cpu, hidden, d_logits, Start::Zero, d_weight, d_bias);
        let weight = self.weight.values();
        let weight = Matrix::new(&weight, width, classes).transposed();
        matmul(cpu, d_logits, weight, Start::Zero, d_hidden);
    }
}
