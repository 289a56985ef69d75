//! The same few steps in the tests of every model: parameters and images are waves.

use super::{Batch, Classifier, Trainer};
use crate::nn::{Gradient, Parameter};
use crate::ops::Isa;

/// Gives parameter `i` the values of a wave of its own, whose amplitude is `sizes[i]`.
pub fn set_waves(classifier: &Classifier, sizes: &[f64]) {
    for (i, parameter) in classifier.network.parameters().iter().enumerate() {
        let wave = |j: usize| ((j as f64 * (0.37 + 0.11 * i as f64)).sin() * sizes[i]) as f32;
        parameter.set(&(0..parameter.len()).map(wave).collect::<Vec<_>>()).unwrap();
    }
}

/// Images with this many values, which oscillate faster and faster, and their labels.
pub fn batch(count: usize, values: usize, amplitude: f64) -> Batch {
    let mut batch = Batch::zeros(count, values);
    let value = |j: usize| (((j as f64).powf(1.1) * 0.61).sin() * amplitude) as f32;
    batch.images.iter_mut().enumerate().for_each(|(j, image)| *image = value(j));
    batch.labels = (0..count as u32).map(|i| i * 7 % 10).collect();
    batch
}

/// The result of five steps.
#[derive(Debug, PartialEq)]
pub struct Trained {
    pub losses: Vec<f64>,
    /// Those of the first step, without the L2 loss.
    pub gradients: Vec<Vec<f32>>,
    pub parameters: Vec<Vec<f32>>,
    pub averages: Vec<Vec<f32>>,
}

/// Five steps on one batch.
pub fn train(mut trainer: Trainer, batch: &Batch, rate: f64) -> Trained {
    let mut gradients = Vec::new();
    let step = |step| {
        let loss = trainer.gradients(batch, step).unwrap() + trainer.l2_loss();
        if step == 0 {
            let all = trainer.classifier.network.gradients().iter();
            gradients = all.map(|gradient: &Gradient| gradient.values().to_vec()).collect();
        }
        trainer.update(rate, step).unwrap();
        loss
    };
    let losses = (0..5).map(step).collect();
    let values = |all: &[Parameter]| all.iter().map(|p| p.values().to_vec()).collect();
    let parameters = values(trainer.classifier.network.parameters());
    Trained { losses, gradients, parameters, averages: values(trainer.averages()) }
}

impl Trained {
    /// Holds the losses to those of TensorFlow, and each gradient of the first step by its length
    /// and its product with a wave.
    #[track_caller]
    pub fn equals(&self, isa: Isa, losses: &[f64], gradients: &[(f64, f64)]) {
        for (step, (got, want)) in self.losses.iter().zip(losses).enumerate() {
            let error = (got - want).abs() / want;
            assert!(error < 1e-5, "{isa:?}, step {step}: {got} and {want}");
        }
        for (i, (gradient, &(want_length, want_along))) in
            self.gradients.iter().zip(gradients).enumerate()
        {
            let wave = (0..gradient.len()).map(|j| (j as f64 * 0.5).sin());
            let along = gradient.iter().zip(wave).map(|(&g, w)| f64::from(g) * w).sum::<f64>();
            for (got, want) in [(length(gradient), want_length), (along, want_along)] {
                let error = (got - want).abs() / want_length;
                assert!(error < 5e-5, "{isa:?}, gradient {i}: {got} and {want}");
            }
        }
    }

    /// Holds losses and gradients of several towers to those of one.
    #[track_caller]
    pub fn is_close_to(&self, one: &Self) {
        for (got, want) in self.losses.iter().zip(&one.losses) {
            assert!((got - want).abs() < 1e-5 * want, "{got} and {want}");
        }
        for (got, want) in self.gradients.iter().zip(&one.gradients) {
            let error = distance(got, want) / length(want);
            assert!(error < 1e-5, "{error}");
        }
    }
}

/// How far a change of rounding may carry a parameter: from step to step a few maxima of the first
/// pooling, and zeros of the ReLU below, fall to the other side.
pub fn tolerance(parameter: &str) -> f64 {
    if parameter.starts_with("conv1") { 2e-3 } else { 1e-4 }
}

/// The length of `a - b`.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

/// The length of `a`.
pub fn length(a: &[f32]) -> f64 {
    distance(a, &vec![0.0; a.len()])
}
