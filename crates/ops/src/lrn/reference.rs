//! The normalisation in plain `f64` loops, straight from the equations.

use super::Lrn;

struct Terms {
    radius: usize,
    bias: f64,
    alpha: f64,
    beta: f64,
}

impl Terms {
    fn new(lrn: Lrn) -> Self {
        let [bias, alpha, beta] = [lrn.bias, lrn.alpha, lrn.beta].map(f64::from);
        Self { radius: lrn.radius, bias, alpha, beta }
    }

    /// Σ over the neighbours of each channel.
    fn near(&self, values: &[f64]) -> Vec<f64> {
        let end = |i: usize| (i + self.radius + 1).min(values.len());
        let around = |i: usize| values[i.saturating_sub(self.radius)..end(i)].iter().sum();
        (0..values.len()).map(around).collect()
    }

    fn scales(&self, x: &[f64]) -> Vec<f64> {
        let squares: Vec<f64> = x.iter().map(|x| x * x).collect();
        self.near(&squares).into_iter().map(|sum| self.bias + self.alpha * sum).collect()
    }
}

/// The normalised pixels of `x` (pixels, `channels`).
pub fn lrn_reference(lrn: Lrn, channels: usize, x: &[f64]) -> Vec<f64> {
    let terms = Terms::new(lrn);
    let pixel = |x: &[f64]| {
        let scales = terms.scales(x).into_iter();
        x.iter().zip(scales).map(|(x, s)| x / s.powf(terms.beta)).collect::<Vec<_>>()
    };
    x.chunks(channels).flat_map(pixel).collect()
}

/// The gradient of [`lrn_reference`]: `x` and `dy` give `dx`.
#[cfg(test)]
pub fn lrn_reference_gradient(lrn: Lrn, channels: usize, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let terms = Terms::new(lrn);
    let pixel = |(x, dy): (&[f64], &[f64])| {
        let scales = terms.scales(x);
        let through: Vec<f64> =
            (0..channels).map(|i| dy[i] * x[i] * scales[i].powf(-terms.beta - 1.0)).collect();
        let sums = terms.near(&through);
        let gradient = |i: usize| {
            dy[i] * scales[i].powf(-terms.beta) - 2.0 * terms.alpha * terms.beta * x[i] * sums[i]
        };
        (0..channels).map(gradient).collect::<Vec<_>>()
    };
    x.chunks(channels).zip(dy.chunks(channels)).flat_map(pixel).collect()
}
