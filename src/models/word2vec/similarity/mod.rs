//! How like words are, held to what people say: Spearman's ρ between the cosines of pairs of
//! words and the scores that people gave them.

mod pairs;
mod rank;

pub use pairs::Pairs;
pub use rank::spearman;

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use super::vectors::UnitVectors;
use crate::data::vocabulary::Vocabulary;

/// The correlation over the pairs of a file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SimilarityScore {
    /// Spearman's ρ.
    pub spearman: f64,
    /// Pairs compared.
    pub pairs: u64,
    /// Pairs with a word that has no vector.
    pub skipped: u64,
}

impl fmt::Display for SimilarityScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "similarity: Spearman's rho {:.3} over {} pairs", self.spearman, self.pairs)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, "; {skipped} skipped, since a word has no vector"),
        }
    }
}

/// Compares the cosines of pairs of words with their scores.
///
/// # Errors
/// When fewer than two pairs have vectors, or all cosines or all scores are the same.
pub fn score(vectors: &UnitVectors, pairs: &Pairs) -> Result<SimilarityScore> {
    let known = known(pairs, vectors.vocabulary())?;
    let cosines = known.iter().map(|&([a, b], _)| cosine(vectors.row(a), vectors.row(b)));
    let (cosines, scores): (Vec<_>, Vec<_>) = cosines.zip(known.iter().map(|pair| pair.1)).unzip();
    let (n, all, path) = (known.len(), pairs.iter().len(), pairs.path().display());
    let Some(spearman) = spearman(&cosines, &scores) else {
        bail!("the {n} pairs of {path} have no order: all scores or all similarities are the same");
    };
    Ok(SimilarityScore { spearman, pairs: n as u64, skipped: (all - n) as u64 })
}

/// The pairs whose words both have a vector, in the ids of a vocabulary, and their scores.
///
/// # Errors
/// When they are fewer than two.
pub fn known(pairs: &Pairs, vocabulary: &Vocabulary) -> Result<Vec<([u32; 2], f64)>> {
    let ids = |pair: &pairs::Pair| match pair.words.each_ref().map(|word| vocabulary.find(word)) {
        [Some(a), Some(b)] => Some(([a, b], pair.score)),
        _ => None,
    };
    let known: Vec<_> = pairs.iter().filter_map(ids).collect();
    let (n, all, path) = (known.len(), pairs.iter().len(), pairs.path().display());
    if n < 2 {
        bail!(
            "{n} of the {all} pairs of {path} have vectors for both words, and a correlation needs \
             2: give pairs of words of the text, or train on more text or with a lower \
             data.min_count"
        );
    }
    Ok(known)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::vectors::WordVectors;
    use super::*;

    fn vectors() -> UnitVectors {
        let words = ["up", "more", "right", "down"];
        let vocabulary = Arc::new(Vocabulary::new(words).unwrap());
        let rows = vec![0.0, 1.0, 0.5, 1.0, 1.0, 0.0, 0.0, -1.0];
        WordVectors::new(vocabulary, 2, rows).unwrap().into_unit()
    }

    fn of(text: &str) -> Result<SimilarityScore> {
        score(&vectors(), &Pairs::parse(Path::new("pairs.tsv"), text).unwrap())
    }

    #[test]
    fn pairs_with_unknown_words_are_skipped() {
        let text = "up\tmore\t9\nup\tright\t5\nUp\tDown\t1\nup\tsideways\t3\n";
        let score = of(text).unwrap();
        assert_eq!(score, SimilarityScore { spearman: 1.0, pairs: 3, skipped: 1 });
        let expect = "similarity: Spearman's rho 1.000 over 3 pairs; 1 skipped, since a word has no \
                      vector";
        assert_eq!(score.to_string(), expect);
    }

    #[test]
    fn too_few_pairs_are_an_error() {
        let error = of("up\tdown\t1\nx\ty\t2\n").unwrap_err().to_string();
        assert!(error.starts_with("1 of the 2 pairs of pairs.tsv have vectors"), "{error}");
        let error = of("up\tdown\t1\nup\tmore\t1\n").unwrap_err().to_string();
        assert!(error.contains("have no order"), "{error}");
    }
}
