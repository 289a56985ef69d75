//! Whether one system is better than another: paired bootstrap resampling (Koehn, EMNLP 2004), as
//! sacreBLEU has it.

use super::corpus::{CorpusMetric, sum};

/// What resampling says of a system's score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean over the samples.
    pub mean: f64,
    /// Half of the width of the interval that holds 95 % of the samples.
    pub interval: f64,
}

/// What the comparison of two systems says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The system that is compared with.
    pub baseline: Estimate,
    /// The other one.
    pub system: Estimate,
    /// How probable a difference like that of their scores, or a larger one, would be if one
    /// process had made both.
    pub p_value: f64,
}

/// Compares two systems by their statistics of the same segments. Each of `samples` is a list of
/// segment numbers, as many as there are segments, drawn with replacement; both systems use the
/// same lists.
///
/// There must be at least one sample.
pub fn compare<M: CorpusMetric, I: Iterator<Item = usize>>(
    metric: &M,
    baseline: &[M::Statistics],
    system: &[M::Statistics],
    samples: impl Iterator<Item = I>,
) -> Comparison {
    let scores = samples.map(|segments| {
        let (mut own, mut others) = (M::Statistics::default(), M::Statistics::default());
        for segment in segments {
            own += baseline[segment];
            others += system[segment];
        }
        (metric.score(&own), metric.score(&others))
    });
    let (own, others): (Vec<f64>, Vec<f64>) = scores.unzip();
    let difference = metric.score(&sum(baseline)) - metric.score(&sum(system));
    let p_value = p_value(&own, &others, difference.abs());
    Comparison { baseline: estimate(own), system: estimate(others), p_value }
}

/// The share of samples whose difference, less the mean of the differences, exceeds the true one.
fn p_value(own: &[f64], others: &[f64], difference: f64) -> f64 {
    let differences = own.iter().zip(others).map(|(own, other)| (own - other).abs());
    let mean = differences.clone().sum::<f64>() / own.len() as f64;
    let larger = differences.filter(|sampled| sampled - mean > difference).count();
    // The true difference counts as one more sample, so that no p-value is 0.
    (larger + 1) as f64 / (own.len() + 1) as f64
}

fn estimate(mut scores: Vec<f64>) -> Estimate {
    scores.sort_by(f64::total_cmp);
    let cut = scores.len() / 40;
    let interval = 0.5 * (scores[scores.len() - cut - 1] - scores[cut]);
    Estimate { mean: scores.iter().sum::<f64>() / scores.len() as f64, interval }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::bleu::Bleu;
    use crate::metrics::chrf::Chrf;

    const BASELINE: [&str; 4] =
        ["the cat sat on the mat", "a dog ran off at noon", "it is cold today", "we met at noon"];
    const SYSTEM: [&str; 4] =
        ["the cat sat on a mat", "a dog ran away at noon", "it is cold again", "we met at noon ."];
    const REFERENCE: [&str; 4] = [
        "the cat sat on the mat",
        "the dog ran away at noon",
        "it is cold today",
        "we met at noon .",
    ];

    fn compared<M: CorpusMetric>(metric: &M) -> Comparison {
        let statistics = |system: [&str; 4]| {
            let pairs = system.into_iter().zip(REFERENCE);
            pairs.map(|(text, other)| metric.statistics(text, &[other])).collect::<Vec<_>>()
        };
        let samples = (0..50).map(|s| (0..4).map(move |i| (7 * s + i * (s + 3) + i * i) % 4));
        compare(metric, &statistics(BASELINE), &statistics(SYSTEM), samples)
    }

    /// What sacreBLEU's functions make of the same samples, in `float64`:
    ///
    /// ```python
    /// a, b = [np.array(metric._extract_corpus_statistics(x, [REFERENCE]), dtype="float64")
    ///         for x in (BASELINE, SYSTEM)]
    /// score = lambda x: metric._compute_score_from_stats(list(x.sum(0))).score
    /// own, others = [np.array([score(x[i]) for i in samples]) for x in (a, b)]
    /// d = np.abs(others - own)
    /// print(estimate_ci(own), estimate_ci(others),
    ///       _compute_p_value(d - d.mean(), abs(score(a) - score(b))))
    /// ```
    #[track_caller]
    fn check(got: Comparison, expect: [f64; 5]) {
        let Comparison { baseline, system, p_value } = got;
        let got = [baseline.mean, baseline.interval, system.mean, system.interval, p_value];
        let near = got.iter().zip(expect).all(|(got, expect)| (got - expect).abs() < 1e-9);
        assert!(near, "{got:?} is not {expect:?}");
    }

    #[test]
    fn estimates_and_p_values_are_those_of_sacrebleu() {
        let p_value = 26.0 / 51.0;
        check(
            compared(&Bleu::default()),
            [88.35694387320434, 19.10172707443883, 59.97261525423639, 12.097233136825057, p_value],
        );
        check(
            compared(&Chrf::default()),
            [91.94900448848837, 14.913625294839846, 69.14610629208487, 9.334565823131992, p_value],
        );
    }

    #[test]
    fn a_system_is_not_better_than_itself() {
        let chrf = Chrf::default();
        let segments = BASELINE.map(|text| chrf.statistics(text, &["the cat sat on the mat"]));
        let samples = (0..9).map(|s| (0..4).map(move |i| (s + i) % 4));
        let Comparison { baseline, system, p_value } =
            compare(&chrf, &segments, &segments, samples);
        // No sample differs by more than nothing: the share is that of the true difference alone.
        assert!(baseline == system && (p_value - 0.1).abs() < 1e-12, "{p_value}");
    }
}
