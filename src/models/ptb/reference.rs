//! The whole model in plain `f64`: what the fast one is held against.

use super::model::LanguageModel;
use crate::ops::lstm::{Shape, lstm_reference};
use crate::ops::softmax::cross_entropy_reference;

/// The mean loss in nats of a window from the zero state, without dropout: words
/// time-major, `inputs` and `targets` (steps · batch).
pub fn mean_loss(model: &LanguageModel, batch: usize, inputs: &[u32], targets: &[u32]) -> f64 {
    let values = |i: usize| -> Vec<f64> {
        model.parameters()[i].values().iter().copied().map(f64::from).collect()
    };
    let hidden = model.architecture().hidden_size;
    let n_parameters = model.parameters().len();
    let table = values(0);
    let mut xs: Vec<f64> = inputs
        .iter()
        .flat_map(|&id| table[id as usize * hidden..][..hidden].iter().copied())
        .collect();
    let shape = Shape { batch, steps: inputs.len() / batch, input: hidden, hidden };
    let zeros = vec![0.0; batch * hidden];
    for layer in 0..model.architecture().num_layers {
        let (kernel, bias) = (values(1 + 2 * layer), values(2 + 2 * layer));
        let window = lstm_reference(shape, (&kernel, &bias), &xs, &zeros, &zeros);
        xs = window.hidden[batch * hidden..].to_vec();
    }
    let (weight, bias) = (values(n_parameters - 2), values(n_parameters - 1));
    let mut logits = Vec::with_capacity(inputs.len() * bias.len());
    for h in xs.chunks(hidden) {
        let mut row = bias.clone();
        for (value, weights) in h.iter().zip(weight.chunks(bias.len())) {
            row.iter_mut().zip(weights).for_each(|(z, w)| *z += value * w);
        }
        logits.extend(row);
    }
    let (losses, _) = cross_entropy_reference(&logits, targets);
    losses.iter().sum::<f64>() / losses.len() as f64
}
