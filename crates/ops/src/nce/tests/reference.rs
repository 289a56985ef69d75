//! The mini-batch model in plain `f64`.

use crate::nce::{Loss, Nce};
use crate::skipgram::reference::{sigmoid, softplus};

/// What [`Nce::train`] computes, in order, on embeddings, weights and biases.
///
/// # Panics
/// When a word is not in the tables.
pub fn train_reference(
    nce: &Nce,
    parameters: &mut [Vec<f64>; 3],
    width: usize,
    pairs: &[[u32; 2]],
    first: u64,
    rates: &[f32],
) -> Loss {
    let mut loss = Loss::default();
    for ((pairs, &rate), batch) in pairs.chunks(nce.batch).zip(rates).zip(first..) {
        let noise = draw(nce, batch);
        let old = parameters.clone();
        for &[example, label] in pairs {
            let noise = noise.iter().map(|&id| (id, 0.0));
            for (target, is_label) in std::iter::once((label, 1.0)).chain(noise) {
                let (e, t) = (example as usize * width, target as usize * width);
                let dot: f64 = (0..width).map(|d| old[0][e + d] * old[1][t + d]).sum();
                let logit = dot + old[2][target as usize];
                let g = (is_label - sigmoid(logit)) * f64::from(rate) / pairs.len() as f64;
                loss.sum += softplus(logit) - is_label * logit;
                for d in 0..width {
                    parameters[0][e + d] += g * old[1][t + d];
                    parameters[1][t + d] += g * old[0][e + d];
                }
                parameters[2][target as usize] += g;
            }
        }
        loss.pairs += pairs.len() as u64;
    }
    loss
}

/// Distinct ids, in the order in which they are drawn.
fn draw(nce: &Nce, batch: u64) -> Vec<u32> {
    let (mut ids, mut words) = (Vec::new(), nce.stream.at(batch));
    while ids.len() < nce.samples {
        let id = nce.noise.draw(words.word());
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
