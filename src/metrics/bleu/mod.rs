//! BLEU of a corpus (Papineni et al., ACL 2002), to the numbers of sacreBLEU (Post, WMT 2018).
//!
//! [`Statistics`] are counted a segment at a time, from tokens of any type, and added up; [`Bleu`]
//! scores the sums:
//!
//! ```
//! use tfm::metrics::bleu::{Bleu, Statistics};
//!
//! let mut sums = Statistics::default();
//! sums += Statistics::of(&[1, 2, 3, 4, 5], &[&[1, 2, 3, 4, 6]]);
//! sums += Statistics::of(&[7, 8], &[&[7, 8], &[7, 9, 8]]);
//! assert_eq!((sums.matches, sums.totals), ([6, 4, 2, 1], [7, 5, 3, 2]));
//! assert!((Bleu::default().evaluate(&sums).score - 69.144).abs() < 1e-3);
//! ```

mod score;
mod statistics;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use score::{Score, Smoothing};
pub use statistics::Statistics;
pub use tokenizer::Tokenizer;

use super::corpus::CorpusMetric;

/// The longest n-grams that are counted.
pub const MAX_ORDER: usize = 4;

/// How BLEU is computed; as sacreBLEU does where nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bleu {
    /// What makes tokens of plain text.
    pub tokenizer: Tokenizer,
    /// Whether the case of letters is ignored.
    pub lowercase: bool,
    /// The smoothing of n-gram precisions of zero.
    pub smoothing: Smoothing,
    /// Whether lengths of n-grams that the hypotheses are too short for are left out. Single
    /// sentences need it: without it those of fewer than four tokens have a score of 0.
    pub effective_order: bool,
}

impl Bleu {
    /// A segment as its tokens, with one space between them.
    pub fn tokenized(&self, segment: &str) -> String {
        match self.lowercase {
            true => self.tokenizer.tokenize(&segment.to_lowercase()),
            false => self.tokenizer.tokenize(segment),
        }
    }

    /// The score of a corpus from the sums over its segments.
    pub fn evaluate(&self, sums: &Statistics) -> Score {
        Score::of(sums, self.smoothing, self.effective_order)
    }
}

impl CorpusMetric for Bleu {
    type Statistics = Statistics;

    fn statistics(&self, hypothesis: &str, references: &[&str]) -> Statistics {
        let references: Vec<_> = references.iter().map(|text| self.tokenized(text)).collect();
        let hypothesis = self.tokenized(hypothesis);
        let references: Vec<_> = references.iter().map(|text| tokens(text)).collect();
        let references: Vec<_> = references.iter().map(Vec::as_slice).collect();
        Statistics::of(&tokens(&hypothesis), &references)
    }

    fn score(&self, sums: &Statistics) -> f64 {
        self.evaluate(sums).score
    }

    fn name(&self) -> String {
        "BLEU".to_owned()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let case = if self.lowercase { "lc" } else { "mixed" };
        let effective = if self.effective_order { "yes" } else { "no" };
        vec![
            ("case", case.to_owned()),
            ("eff", effective.to_owned()),
            ("tok", self.tokenizer.name().to_owned()),
            ("smooth", self.smoothing.to_string()),
        ]
    }

    fn details(&self, sums: &Statistics) -> Option<String> {
        Some(self.evaluate(sums).to_string())
    }
}

/// What is between single spaces.
fn tokens(text: &str) -> Vec<&str> {
    text.split_terminator(' ').collect()
}
