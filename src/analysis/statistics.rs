//! Means over seeds, and intervals of their differences.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Fewer seeds say nothing of a difference.
pub const MIN_SEEDS: usize = 3;
/// The share of intervals that hold the true difference.
const CONFIDENCE: f64 = 0.95;

/// The mean of a sample, its standard deviation, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation with n - 1; none of one value.
    pub sd: Option<f64>,
    /// The size of the sample.
    pub n: usize,
    /// The seeds of the experiment: more than `n` where runs have failed or not finished.
    pub seeds: usize,
}

impl Spread {
    /// Of a sample; none where it is empty.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Self { mean, sd, n, seeds: n })
    }

    /// The square of the mean's standard error.
    fn error_squared(&self) -> Option<f64> {
        Some(self.sd?.powi(2) / self.n as f64)
    }
}

/// A difference of two means, and the interval that holds the true one with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The difference that was measured.
    pub difference: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Whether the values were paired by their seeds.
    pub paired: bool,
    /// The seeds: pairs, or those of the smaller sample.
    pub n: usize,
}

impl Interval {
    /// Of the mean of `values`, each a difference of a pair; none of fewer than two.
    pub fn paired(values: &[f64]) -> Option<Self> {
        let spread = Spread::of(values)?;
        let error = spread.error_squared()?.sqrt();
        Self::around(spread.mean, error, (spread.n - 1) as f64, true, spread.n)
    }

    /// Of the mean of `a` less that of `b`, which may spread differently (Welch 1947); none where
    /// either has fewer than two values.
    pub fn unpaired(a: &[f64], b: &[f64]) -> Option<Self> {
        let (a, b) = (Spread::of(a)?, Spread::of(b)?);
        let (of_a, of_b) = (a.error_squared()?, b.error_squared()?);
        let sum = of_a + of_b;
        let parts = of_a.powi(2) / (a.n - 1) as f64 + of_b.powi(2) / (b.n - 1) as f64;
        // Two samples without any spread have no degrees of freedom to speak of.
        let freedom = if parts > 0.0 { sum.powi(2) / parts } else { (a.n + b.n - 2) as f64 };
        Self::around(a.mean - b.mean, sum.sqrt(), freedom, false, a.n.min(b.n))
    }

    fn around(difference: f64, error: f64, freedom: f64, paired: bool, n: usize) -> Option<Self> {
        let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
        let reach = student.inverse_cdf(0.5 + CONFIDENCE / 2.0) * error;
        Some(Self { difference, low: difference - reach, high: difference + reach, paired, n })
    }

    /// Whether the seeds suffice to speak of a difference.
    pub fn is_enough(&self) -> bool {
        self.n >= MIN_SEEDS
    }

    /// Whether zero lies outside, and on which side: the sign of the difference.
    pub fn sign(&self) -> Option<bool> {
        match (self.low > 0.0, self.high < 0.0) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn a_spread_is_that_of_a_sample() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[4.0]), Some(Spread { mean: 4.0, sd: None, n: 1, seeds: 1 }));
        let spread = Spread::of(&[1.0, 2.0, 4.0]).unwrap();
        near(spread.mean, 7.0 / 3.0);
        near(spread.sd.unwrap(), (7.0_f64 / 3.0).sqrt());
    }

    /// The numbers are SciPy's 1.17.1:
    ///
    /// ```python
    /// from scipy import stats
    /// a, b = [1.0, 2.5, 3.0, 4.5], [0.5, 1.5, 3.5, 2.0]
    /// stats.ttest_rel(a, b).confidence_interval()
    /// stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    /// ```
    #[test]
    fn intervals_are_those_of_another_program() {
        let (a, b) = ([1.0, 2.5, 3.0, 4.5], [0.5, 1.5, 3.5, 2.0]);
        let differences: Vec<_> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let paired = Interval::paired(&differences).unwrap();
        near(paired.difference, 0.875);
        assert!(paired.paired && paired.n == 4 && paired.is_enough());
        let unpaired = Interval::unpaired(&a, &b).unwrap();
        near(unpaired.difference, 0.875);
        near(paired.low, -1.1140289408023174);
        near(paired.high, 2.864028940802317);
        near(unpaired.low, -1.4726801021727352);
        near(unpaired.high, 3.222680102172735);
    }

    #[test]
    fn few_values_have_no_interval() {
        assert_eq!(Interval::paired(&[1.0]), None);
        assert_eq!(Interval::unpaired(&[1.0], &[1.0, 2.0]), None);
        let two = Interval::paired(&[1.0, 1.5]).unwrap();
        assert!(!two.is_enough() && two.sign().is_none());
        let alike = Interval::unpaired(&[1.0, 1.0, 1.0], &[2.0, 2.0, 2.0]).unwrap();
        assert_eq!((alike.low, alike.high, alike.sign()), (-1.0, -1.0, Some(false)));
    }
}
