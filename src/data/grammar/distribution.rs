//! A fixed discrete distribution: drawn from, and asked for log-probabilities.

use crate::rng::Sequence;

/// The probabilities of the indices 0, 1, ….
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    /// Natural logarithms of the probabilities.
    logs: Vec<f64>,
    /// Sums up to and including each index.
    cumulative: Vec<f64>,
}

impl Distribution {
    /// Weights need not sum to 1; each must be positive.
    pub(super) fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let weights: Vec<f64> = weights.into_iter().collect();
        let total: f64 = weights.iter().sum();
        let probabilities: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let logs = probabilities.iter().map(|p| p.ln()).collect();
        let cumulative = probabilities
            .iter()
            .scan(0.0, |sum, p| {
                *sum += p;
                Some(*sum)
            })
            .collect();
        Self { logs, cumulative }
    }

    /// An index, and the natural logarithm of its probability.
    #[inline]
    pub(super) fn draw(&self, random: &mut Sequence) -> (usize, f64) {
        if self.logs.len() == 1 {
            return (0, 0.0);
        }
        let uniform = random.uniform();
        let index = self.cumulative.partition_point(|&sum| sum <= uniform);
        // The last sum may fall short of 1 by a rounding error.
        let index = index.min(self.logs.len() - 1);
        (index, self.logs[index])
    }

    #[cfg(test)]
    pub(super) fn log_probability(&self, index: usize) -> f64 {
        self.logs[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn draws_follow_the_weights() {
        let distribution = Distribution::new([1.0, 2.0, 5.0]);
        let mut random = Stream::new(3, "test").at(0);
        let mut counts = [0_i32; 3];
        for _ in 0..80_000 {
            let (index, log_probability) = distribution.draw(&mut random);
            assert_eq!(log_probability, [0.125_f64, 0.25, 0.625][index].ln());
            counts[index] += 1;
        }
        for (count, expected) in counts.into_iter().zip([10_000_i32, 20_000, 50_000]) {
            assert!((count - expected).abs() < 500, "{counts:?}");
        }
    }
}
