//! Candidates for a sampled softmax: classes drawn by a log-uniform distribution over ids that are
//! sorted by falling frequency (TensorFlow's `log_uniform_candidate_sampler`; Jean et al., arXiv
//! 1412.2007).

use crate::rng::Sequence;

/// The log-uniform distribution over `classes` ids, Zipf's law: P(k) = ln((k + 2) / (k + 1)) /
/// ln(classes + 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogUniform {
    /// How many ids there are.
    pub classes: usize,
}

/// Distinct classes, and how many draws it took to get them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// The classes, in the order in which they were first drawn.
    pub classes: Vec<u32>,
    /// All draws, those of classes that were drawn before among them.
    pub draws: u64,
}

impl LogUniform {
    /// The probability of class `k`.
    pub fn probability(self, k: u32) -> f64 {
        let k = f64::from(k);
        ((k + 2.0) / (k + 1.0)).ln() / (self.classes as f64 + 1.0).ln()
    }

    /// Draws until there are `count` distinct classes.
    ///
    /// # Panics
    /// When `count` exceeds the number of classes.
    pub fn draw(self, numbers: &mut Sequence, count: usize) -> Candidates {
        assert!(count <= self.classes, "{count} distinct classes of {}", self.classes);
        let range = (self.classes as f64 + 1.0).ln();
        let mut seen = vec![false; self.classes];
        let mut drawn = Candidates { classes: Vec::with_capacity(count), draws: 0 };
        while drawn.classes.len() < count {
            drawn.draws += 1;
            let class = (numbers.uniform() * range).exp() as u64 - 1;
            // Rounding may give the upper end itself.
            let class = (class % self.classes as u64) as u32;
            if !std::mem::replace(&mut seen[class as usize], true) {
                drawn.classes.push(class);
            }
        }
        drawn
    }

    /// How often class `k` is expected among `count` distinct classes that took `draws` draws.
    pub fn expected(self, k: u32, count: usize, draws: u64) -> f64 {
        let probability = self.probability(k);
        match draws == count as u64 {
            true => probability * count as f64,
            false => -(draws as f64 * (-probability).ln_1p()).exp_m1(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::rng::Stream;

    #[test]
    fn probabilities_are_those_of_tensorflow() {
        let of = LogUniform { classes: 40_000 };
        let known = [
            (0, 0.0654119),
            (1, 0.0382635),
            (3, 0.0210579),
            (10, 0.00821121),
            (100, 0.000929755),
            (39_999, 2.35920e-6),
        ];
        for (k, want) in known {
            let got = of.probability(k);
            assert!((got / want - 1.0).abs() < 1e-5, "{k}: {got} and {want}");
        }
        let sum: f64 = (0..40_000).map(|k| of.probability(k)).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn distinct_candidates_take_as_many_draws_as_expected() {
        let of = LogUniform { classes: 40_000 };
        let draws: Vec<f64> = (0..200)
            .map(|step| {
                let drawn = of.draw(&mut Stream::new(1, "candidates").at(step), 512);
                assert_eq!(drawn.classes.iter().collect::<HashSet<_>>().len(), 512);
                drawn.draws as f64
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 814.0).abs() < 8.0, "{mean}");
        for (k, want) in [(100, 0.531), (1000, 0.0738), (39_999, 0.00192)] {
            let got = of.expected(k, 512, 814);
            assert!((got / want - 1.0).abs() < 0.005, "{k}: {got} and {want}");
        }
        assert_eq!(of.expected(3, 512, 512), 512.0 * of.probability(3));
    }

    /// Chi-square over bins of about equal probability: 31 degrees of freedom, of which the
    /// quantile at 0.999 is 61.1.
    #[test]
    fn draws_follow_the_distribution() {
        let of = LogUniform { classes: 1000 };
        let mut numbers = Stream::new(5, "candidates").at(0);
        let (draws, mut counts) = (100_000, vec![0u32; 1000]);
        (0..draws).for_each(|_| counts[of.draw(&mut numbers, 1).classes[0] as usize] += 1);
        let (mut square, mut bins, mut expected, mut seen) = (0.0, 0, 0.0, 0);
        for (k, count) in (0..).zip(counts) {
            expected += of.probability(k) * f64::from(draws);
            seen += count;
            if expected > f64::from(draws) / 33.0 || k == 999 {
                square += (f64::from(seen) - expected).powi(2) / expected;
                (bins, expected, seen) = (bins + 1, 0.0, 0);
            }
        }
        assert!(bins > 15 && square < 61.1, "{square} in {bins} bins");
    }
}
