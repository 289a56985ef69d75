//! chrF of a corpus (Popović, WMT 2015 and 2017), to the numbers of sacreBLEU.

use std::ops::AddAssign;

use super::corpus::{CorpusMetric, is_space, words};
use super::ngrams;

/// The longest n-grams of characters that are counted.
const CHAR_ORDER: usize = 6;
/// The longest n-grams of words that can be counted.
pub const MAX_WORD_ORDER: usize = 2;
/// How much more recall weighs than precision: the 2 in chrF2.
const BETA: u32 = 2;

/// How chrF2 is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chrf {
    /// The longest n-grams of words that are counted beside those of characters, at most
    /// [`MAX_WORD_ORDER`]: 0 is chrF2, 2 is chrF2++.
    pub word_order: usize,
    /// Whether the case of letters is ignored.
    pub lowercase: bool,
}

/// The n-grams of one length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Order {
    /// Those of the hypothesis, none where the reference has none.
    hypothesis: u64,
    /// Those of the reference.
    reference: u64,
    /// Those in common.
    matches: u64,
}

/// The counts from which chrF follows: those of a segment and its best reference, or their sums.
///
/// Those of characters come first, from length 1 on, then those of words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics([Order; CHAR_ORDER + MAX_WORD_ORDER]);

impl AddAssign for Statistics {
    fn add_assign(&mut self, segment: Self) {
        for (sums, order) in self.0.iter_mut().zip(segment.0) {
            sums.hypothesis += order.hypothesis;
            sums.reference += order.reference;
            sums.matches += order.matches;
        }
    }
}

/// Characters and words of a text.
struct Segment {
    chars: Vec<char>,
    words: Vec<String>,
}

impl Chrf {
    fn segment(&self, text: &str) -> Segment {
        let text = if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        let chars = text.chars().filter(|&c| !is_space(c)).collect();
        let words = match self.word_order {
            0 => Vec::new(),
            _ => words(&text).flat_map(without_punctuation).map(str::to_owned).collect(),
        };
        Segment { chars, words }
    }
}

/// A word in two where it ends with punctuation, or else begins with it. One mark alone is parted
/// from it, as in Popović's own program.
fn without_punctuation(word: &str) -> impl Iterator<Item = &str> {
    let is_mark = |c: char| c.is_ascii_punctuation();
    let parts = match word.char_indices().next_back() {
        Some((0, _)) | None => (word, ""),
        Some((last, c)) if is_mark(c) => word.split_at(last),
        Some(_) => word.split_at(usize::from(word.starts_with(is_mark))),
    };
    [parts.0, parts.1].into_iter().filter(|part| !part.is_empty())
}

impl CorpusMetric for Chrf {
    type Statistics = Statistics;

    /// Of several references the one with the highest score counts, of equal ones the first.
    fn statistics(&self, hypothesis: &str, references: &[&str]) -> Statistics {
        let hypothesis = self.segment(hypothesis);
        let references: Vec<_> = references.iter().map(|text| self.segment(text)).collect();
        let mut counts = vec![Statistics::default(); references.len()];
        let chars: Vec<_> = references.iter().map(|segment| &segment.chars[..]).collect();
        let words: Vec<_> = references.iter().map(|segment| &segment.words[..]).collect();
        let chars = ngrams::counts(&hypothesis.chars, &chars, CHAR_ORDER);
        let words = ngrams::counts(&hypothesis.words, &words, self.word_order);
        for (order, (own, others)) in chars.chain(words).enumerate() {
            for (counts, other) in counts.iter_mut().zip(&others) {
                counts.0[order] = Order {
                    hypothesis: if other.total > 0 { own.total } else { 0 },
                    reference: other.total,
                    matches: own.overlap(other),
                };
            }
        }
        let mut scored = counts.into_iter().map(|counts| (self.score(&counts), counts));
        let first = scored.next().unwrap_or_default();
        scored.fold(first, |best, next| if next.0 > best.0 { next } else { best }).1
    }

    fn score(&self, sums: &Statistics) -> f64 {
        let ratio = |part: u64, whole: u64| part as f64 / whole as f64;
        let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
        for order in sums.0.iter().filter(|order| order.hypothesis > 0 && order.reference > 0) {
            precision += ratio(order.matches, order.hypothesis);
            recall += ratio(order.matches, order.reference);
            orders += 1.0;
        }
        if precision + recall == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precision / orders, recall / orders);
        let factor = f64::from(BETA * BETA);
        100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
    }

    fn name(&self) -> String {
        format!("chrF{BETA}{}", "+".repeat(self.word_order))
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("case", if self.lowercase { "lc" } else { "mixed" }.to_owned()),
            ("eff", "yes".to_owned()),
            ("nc", CHAR_ORDER.to_string()),
            ("nw", self.word_order.to_string()),
            ("space", "no".to_owned()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::corpus::{Signature, sum};

    /// Numbers of sacreBLEU 2.4.3: `CHRF(word_order=2, lowercase=True).corpus_score(HYPOTHESES,
    /// [FIRST, SECOND]).score`.
    #[test]
    fn scores_are_those_of_sacrebleu() {
        let hypotheses = [
            "L’hôtel « Le Phare » a 1,000.50 m², soit 3-4 étages.",
            "&quot;ÉTÉ&quot; : 25\u{a0}% d'eau…  (env.)",
            "Σίσυφος 漢字テスト。",
            "",
            "a b",
        ];
        let first = [
            "L’hôtel «\u{202f}Le Phare\u{202f}» fait 1,000.50 m², soit 3-4 étages.",
            "\"Été\" : 25\u{202f}% d'eau… (environ)",
            "ΣΊΣΥΦΟΣ 漢字のテスト。",
            "vide",
            "a b",
        ];
        let second = [
            "L'hôtel Le Phare a 1000,50 m² sur trois étages.",
            "« Été » : 25 % d’eau (environ).",
            "Σίσυφος 漢字。",
            "",
            "a c",
        ];
        let score = |chrf: &Chrf, references: usize| {
            let segments = hypotheses.iter().zip(first.iter().zip(&second));
            let segments = segments.map(|(hypothesis, (&first, &second))| {
                chrf.statistics(hypothesis, &[first, second][..references])
            });
            chrf.score(&sum(&segments.collect::<Vec<_>>()))
        };
        for (word_order, expect) in [
            (0, [65.11323938066202, 73.8025349811713, 73.35871574944625, 74.62915141848327]),
            (1, [66.3362866361638, 74.35215297607088, 73.95781562640529, 75.06063362110326]),
            (2, [66.37765370695593, 73.39493643168322, 73.0465003383818, 74.01485608363691]),
        ] {
            for (lowercase, expect) in [(false, &expect[..2]), (true, &expect[2..])] {
                let chrf = Chrf { word_order, lowercase };
                for (references, expect) in (1..).zip(expect) {
                    let score = score(&chrf, references);
                    assert!((score - expect).abs() < 1e-9, "{chrf:?}: {score} is not {expect}");
                }
            }
        }
    }

    #[test]
    fn names_and_signatures_are_those_of_sacrebleu() {
        let chrf = Chrf { word_order: 2, lowercase: true };
        assert_eq!([Chrf::default().name(), chrf.name()], ["chrF2", "chrF2++"]);
        let expect = "nrefs:1|case:lc|eff:yes|nc:6|nw:2|space:no|version:2.4.3";
        assert_eq!(Signature::new(&chrf, 1, None).to_string(), expect);
    }

    #[test]
    fn one_mark_is_parted_from_a_word() {
        for (word, expect) in [
            ("(hi)", &["(hi", ")"][..]),
            ("(hi", &["(", "hi"]),
            ("l'été", &["l'été"]),
            ("?", &["?"]),
            ("..", &[".", "."]),
            ("«a»", &["«a»"]),
        ] {
            assert_eq!(without_punctuation(word).collect::<Vec<_>>(), expect);
        }
    }
}
