//! The sentences that a model translates worst.

use serde::Serialize;

use crate::console::on_one_line;
use crate::metrics::bleu::{Bleu, Statistics};
use crate::metrics::corpus::CorpusMetric;

/// A translation with its reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Translated {
    /// The number of the pair's line in the text, from 1.
    pair: u64,
    /// The sentence BLEU, as with sacreBLEU's `--sentence-level`.
    bleu: f64,
    source: String,
    reference: String,
    translation: String,
}

impl Translated {
    /// The lines that are shown.
    pub fn lines(&self) -> [String; 4] {
        let Self { pair, bleu, source, reference, translation } = self;
        let [source, reference] = [source, reference].map(|text| on_one_line(text));
        [
            format!("  pair {pair}, sentence BLEU {bleu:.2}"),
            format!("    source       {source}"),
            format!("    reference    {reference}"),
            format!("    translation  {translation}"),
        ]
    }
}

/// The `count` pairs with the lowest sentence BLEU, of equal ones those with more reference words
/// first. `statistics` are those of each translation, `numbers` those of the lines.
pub fn worst(
    pairs: &[[String; 2]],
    numbers: &[u64],
    translations: &[String],
    statistics: &[Statistics],
    count: usize,
) -> Vec<Translated> {
    let bleu = Bleu { effective_order: true, ..Bleu::default() };
    let scores: Vec<f64> = statistics.iter().map(|of_one| bleu.score(of_one)).collect();
    let words = |i: usize| pairs[i][1].split_whitespace().count();
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(words(b).cmp(&words(a))));
    let translated = |i: usize| {
        let [source, reference] = pairs[i].clone();
        let translation = translations[i].clone();
        Translated { pair: numbers[i], bleu: scores[i], source, reference, translation }
    };
    order.into_iter().take(count).map(translated).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_similar_come_first_and_long_ones_before_short_ones() {
        let of = |reference: &str| ["s".to_owned(), reference.to_owned()];
        let pairs = [of("a b c d e"), of("x"), of("f g h i"), of("j k l m n")];
        let translations = ["a b c d e", "y", "z z", "j k l m o"].map(str::to_owned);
        let bleu = Bleu::default();
        let statistics: Vec<Statistics> = (pairs.iter().zip(&translations))
            .map(|([_, reference], translation)| bleu.statistics(translation, &[reference]))
            .collect();
        let found = worst(&pairs, &[1, 2, 5, 7], &translations, &statistics, 3);
        let numbers: Vec<u64> = found.iter().map(|one| one.pair).collect();
        assert_eq!(numbers, [5, 2, 7]);
        assert!(found[0].bleu == 0.0 && (found[2].bleu - 66.874).abs() < 1e-3, "{found:?}");
        assert_eq!(found[1].lines()[3], "    translation  y");
        let last = &worst(&pairs, &[1, 2, 5, 7], &translations, &statistics, 9)[3];
        assert!((last.bleu - 100.0).abs() < 1e-9, "{last:?}");
    }
}
