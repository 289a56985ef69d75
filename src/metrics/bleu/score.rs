//! BLEU of a corpus's counts.

use std::fmt;

use super::{MAX_ORDER, Statistics};

/// What stands for a precision of zero (Chen and Cherry, "A Systematic Comparison of Smoothing
/// Techniques for Sentence-Level BLEU", WMT 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Smoothing {
    /// Nothing: the score is zero too.
    None,
    /// This many matches.
    Floor(f64),
    /// This much is added to matches and totals of all lengths but 1, zero or not.
    AddK(f64),
    /// Half a match at the first length that has none, then a fourth, and so on.
    #[default]
    Exp,
}

impl Smoothing {
    /// The value of `floor` where none is given.
    pub const FLOOR: f64 = 0.1;
    /// The value of `add-k` where none is given.
    pub const ADD_K: f64 = 1.0;
}

impl fmt::Display for Smoothing {
    /// As in sacreBLEU's signature: `floor[0.10]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Floor(value) => write!(f, "floor[{value:.2}]"),
            Self::AddK(value) => write!(f, "add-k[{value:.2}]"),
            Self::Exp => f.write_str("exp"),
        }
    }
}

/// BLEU, and what it consists of.
///
/// As text it is what sacreBLEU says after a score: `82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944
/// hyp_len = 17 ref_len = 18)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// BLEU, from 0 to 100.
    pub score: f64,
    /// For each length of n-grams, the share of the hypotheses' that matched, in per cent.
    pub precisions: [f64; MAX_ORDER],
    /// The factor, at most 1, for hypotheses that are shorter than their references.
    pub brevity_penalty: f64,
    /// Tokens of the hypotheses.
    pub hypothesis_len: u64,
    /// Tokens of the references, for each segment those of the one whose length is nearest.
    pub reference_len: u64,
}

/// What sacreBLEU takes for the logarithm of zero.
const LN_ZERO: f64 = -9_999_999_999.0;

impl Score {
    pub(super) fn of(sums: &Statistics, smoothing: Smoothing, effective_order: bool) -> Self {
        let &Statistics { hypothesis_len, reference_len, .. } = sums;
        let mut score = Self {
            score: 0.0,
            precisions: [0.0; MAX_ORDER],
            brevity_penalty: brevity_penalty(hypothesis_len, reference_len),
            hypothesis_len,
            reference_len,
        };
        if sums.matches == [0; MAX_ORDER] {
            return score;
        }
        let (precisions, known) = precisions(sums, smoothing);
        let orders = if effective_order { known } else { MAX_ORDER };
        let ln = |&precision: &f64| if precision == 0.0 { LN_ZERO } else { precision.ln() };
        let mean = precisions[..orders].iter().map(ln).sum::<f64>() / orders as f64;
        score.precisions = precisions;
        score.score = score.brevity_penalty * mean.exp();
        score
    }
}

fn brevity_penalty(hypothesis_len: u64, reference_len: u64) -> f64 {
    match (hypothesis_len, reference_len) {
        (own, other) if own >= other => 1.0,
        (0, _) => 0.0,
        (own, other) => (1.0 - other as f64 / own as f64).exp(),
    }
}

/// The precision of each length in per cent, and how many lengths have n-grams at all.
fn precisions(sums: &Statistics, smoothing: Smoothing) -> ([f64; MAX_ORDER], usize) {
    let mut precisions = [0.0; MAX_ORDER];
    let mut halves = 1.0;
    for (order, precision) in precisions.iter_mut().enumerate() {
        let added = match smoothing {
            Smoothing::AddK(k) if order > 0 => k,
            _ => 0.0,
        };
        let matches = sums.matches[order] as f64 + added;
        let total = sums.totals[order] as f64 + added;
        if total == 0.0 {
            return (precisions, order);
        }
        *precision = match smoothing {
            _ if matches != 0.0 => 100.0 * matches / total,
            Smoothing::Exp => {
                halves *= 2.0;
                100.0 / (halves * total)
            }
            Smoothing::Floor(value) => 100.0 * value / total,
            Smoothing::None | Smoothing::AddK(_) => 0.0,
        };
    }
    (precisions, MAX_ORDER)
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self { brevity_penalty, hypothesis_len, reference_len, .. } = self;
        let precisions = self.precisions.map(|precision| format!("{precision:.1}")).join("/");
        let ratio = match reference_len {
            0 => 0.0,
            _ => hypothesis_len as f64 / reference_len as f64,
        };
        write!(
            f,
            "{precisions} (BP = {brevity_penalty:.3} ratio = {ratio:.3} \
             hyp_len = {hypothesis_len} ref_len = {reference_len})"
        )
    }
}
