//! The layer in plain `f64` loops, straight from the equations.

use super::Shape;

/// The parameters of the plain computation, as in [`super::Weights`].
pub type Parameters<'a> = [&'a [f64]; 4];

/// The hidden states (steps + 1, batch, hidden) from the inputs `xs` (steps · batch, input) and
/// the state `start` (batch, hidden).
pub fn gru_reference(
    shape: Shape,
    [gates, gate_biases, candidate, candidate_biases]: Parameters,
    xs: &[f64],
    lengths: Option<&[u32]>,
    start: &[f64],
) -> Vec<f64> {
    let units = shape.hidden;
    let mut hidden = start.to_vec();
    for row in 0..shape.rows() {
        let x = &xs[row * shape.input..(row + 1) * shape.input];
        let h = hidden[row * units..(row + 1) * units].to_vec();
        if !super::is_within(lengths, row % shape.batch, row / shape.batch) {
            hidden.extend(&h);
            continue;
        }
        let open = affine(x, &h, gates, gate_biases);
        let open: Vec<f64> = open.into_iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        let reset: Vec<f64> = h.iter().zip(&open).map(|(h, r)| h * r).collect();
        let c = affine(x, &reset, candidate, candidate_biases);
        let next = |i: usize| open[units + i] * h[i] + (1.0 - open[units + i]) * c[i].tanh();
        hidden.extend((0..units).map(next).collect::<Vec<_>>());
    }
    hidden
}

/// [x, h] · weights + biases.
fn affine(x: &[f64], h: &[f64], weights: &[f64], biases: &[f64]) -> Vec<f64> {
    let mut z = biases.to_vec();
    for (value, weights) in x.iter().chain(h).zip(weights.chunks(biases.len())) {
        z.iter_mut().zip(weights).for_each(|(z, w)| *z += value * w);
    }
    z
}
