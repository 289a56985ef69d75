//! Gradient descent with clipping by the global norm (Pascanu et al., arXiv 1211.5063).

use candle_core::Result;

use super::{Embedding, Parameter};
use crate::ops::{Cpu, norm, sgd};

/// The norm over all gradients, gathered tensor by tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GlobalNorm {
    sum_of_squares: f64,
    not_finite: Option<String>,
}

impl GlobalNorm {
    /// Takes in the gradient of a dense parameter.
    pub fn add(&mut self, cpu: &Cpu, parameter: &Parameter) {
        let sum = norm::sum_of_squares(cpu, &parameter.gradient);
        self.add_sum(parameter.name(), sum);
    }

    /// Takes in the gradient of an embedding, a token at a time.
    pub fn add_rows(&mut self, cpu: &Cpu, embedding: &mut Embedding) {
        let sum = embedding.sum_of_squares(cpu);
        self.add_sum(embedding.table.name(), sum);
    }

    fn add_sum(&mut self, name: &str, sum: f64) {
        if !sum.is_finite() && self.not_finite.is_none() {
            self.not_finite = Some(name.to_string());
        }
        self.sum_of_squares += sum;
    }

    /// The first tensor whose gradient has a value that is not finite.
    pub fn not_finite(&self) -> Option<&str> {
        self.not_finite.as_deref()
    }

    /// The norm.
    pub fn value(&self) -> f64 {
        self.sum_of_squares.sqrt()
    }

    /// What gradients are multiplied by, so that the norm is at most `max_norm`.
    pub fn clip_factor(&self, max_norm: f64) -> f32 {
        (max_norm / self.value().max(max_norm)) as f32
    }
}

/// One update of plain gradient descent: a learning rate and a factor on all gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientDescent {
    /// The learning rate.
    pub rate: f32,
    /// What gradients are multiplied by first: [`GlobalNorm::clip_factor`].
    pub clip: f32,
}

impl GradientDescent {
    /// Updates a dense parameter by its gradient.
    ///
    /// # Errors
    /// What Candle reports of the storage.
    pub fn descend(&self, cpu: &Cpu, parameter: &Parameter) -> Result<()> {
        parameter.update(|values, gradient| {
            sgd::descend(cpu, values, gradient, self.clip, self.rate);
        })
    }

    /// Updates the rows of an embedding that the last step read.
    ///
    /// # Errors
    /// What Candle reports of the storage.
    pub fn descend_rows(&self, cpu: &Cpu, embedding: &Embedding) -> Result<()> {
        embedding.descend(cpu, self.clip, self.rate)
    }
}
