//! Word similarity: Spearman's ρ between the cosines of word pairs and the scores that people gave
//! them.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use serde::Serialize;

use super::vectors::UnitVectors;
use crate::data::input;
use crate::data::vocabulary::Vocabulary;
use crate::system::wording::{by_number, plural};

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
        bail!("the {n} pairs of {path} cannot be ranked: all scores or all similarities are equal");
    };
    Ok(SimilarityScore { spearman, pairs: n as u64, skipped: (all - n) as u64 })
}

/// The pairs whose words both have a vector, in the ids of a vocabulary, and their scores.
///
/// # Errors
/// When they are fewer than two, or all have the same score.
pub fn known(pairs: &Pairs, vocabulary: &Vocabulary) -> Result<Vec<([u32; 2], f64)>> {
    let ids = |pair: &Pair| match pair.words.each_ref().map(|word| vocabulary.find(word)) {
        [Some(a), Some(b)] => Some(([a, b], pair.score)),
        _ => None,
    };
    let known: Vec<_> = pairs.iter().filter_map(ids).collect();
    let (n, all, path) = (known.len(), pairs.iter().len(), pairs.path().display());
    if n < 2 {
        bail!(
            "{n} of the {all} {} of {path} {} vectors for both words, but a correlation needs 2: give \
            pairs of words of the text, or train on more text or with a lower data.min_count",
            plural(all, "pair"),
            by_number(n, "has", "have")
        );
    }
    ensure!(
        known.iter().any(|(_, score)| *score != known[0].1),
        "the {n} pairs of {path} cannot be ranked: all have the same score"
    );
    Ok(known)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The pairs of a file.
#[derive(Clone, Debug)]
pub struct Pairs {
    path: PathBuf,
    pairs: Vec<Pair>,
}

/// Two words, and how like they are.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    words: [Box<str>; 2],
    score: f64,
}

impl Pairs {
    /// Reads a file whose lines contain two words and a score, separated by tabs or commas; further
    /// columns are ignored. Lines that are blank or begin with `#`, and a first line with column names,
    /// are skipped.
    ///
    /// # Errors
    /// When the file cannot be read, a line is not a pair, or there are no pairs.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &input::read_to_string(path)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut pairs = Vec::new();
        let mut may_be_head = true;
        for (number, line) in (1..).zip(text.lines()) {
            let place = || format!("{}:{number}", path.display());
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_pair(line) {
                Ok(pair) => pairs.push(pair),
                Err(Wrong::Score(score)) if may_be_head && score.parse::<f64>().is_err() => (),
                Err(Wrong::Columns) => bail!(
                    "{}: {line:?} must be two words and a score, separated by tabs or commas",
                    place()
                ),
                Err(Wrong::Score(score)) => {
                    bail!("{}: the score {score:?} must be a number", place())
                }
            }
            may_be_head = false;
        }
        ensure!(!pairs.is_empty(), "{} has no word pairs", path.display());
        Ok(Self { path: path.to_owned(), pairs })
    }

    /// The file.
    fn path(&self) -> &Path {
        &self.path
    }

    fn iter(&self) -> std::slice::Iter<'_, Pair> {
        self.pairs.iter()
    }
}

enum Wrong<'a> {
    Columns,
    Score(&'a str),
}

fn parse_pair(line: &str) -> Result<Pair, Wrong<'_>> {
    let separator = if line.contains('\t') { '\t' } else { ',' };
    let mut columns = line.split(separator).map(str::trim);
    let (Some(a), Some(b), Some(score)) = (columns.next(), columns.next(), columns.next()) else {
        return Err(Wrong::Columns);
    };
    if a.is_empty() || b.is_empty() {
        return Err(Wrong::Columns);
    }
    match score.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Pair { words: [a, b].map(Box::from), score: value }),
        _ => Err(Wrong::Score(score)),
    }
}

/// Spearman's ρ: Pearson's correlation of the ranks, equal values sharing the mean of theirs.
/// None where it is not defined: fewer than two values, or all of one side the same.
///
/// # Panics
/// When the sides differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pairs have two sides");
    pearson(&ranks(x), &ranks(y))
}

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// The place of each value in ascending order, from 1; equal values get the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = start as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&place| ranks[place] = mean);
        start += equal.len();
    }
    ranks
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
        assert!(error.starts_with("1 of the 2 pairs of pairs.tsv has vectors"), "{error}");
        let error = of("up\tdown\t1\nup\tmore\t1\n").unwrap_err().to_string();
        assert!(error.contains("cannot be ranked"), "{error}");
    }

    fn parse(text: &str) -> Result<Vec<Pair>> {
        Ok(Pairs::parse(Path::new("pairs.csv"), text)?.pairs)
    }

    fn pair(a: &str, b: &str, score: f64) -> Pair {
        Pair { words: [a.into(), b.into()], score }
    }

    #[test]
    fn tabs_commas_comments_and_heads() {
        let expect = [pair("love", "sex", 6.77), pair("OPEC", "oil", 8.59)];
        let tabs =
            "# the test\n# Word 1\tWord 2\tHuman (mean)\nlove\tsex\t6.77\r\n\nOPEC\toil\t8.59";
        assert_eq!(parse(tabs).unwrap(), expect);
        let commas = "Word 1,Word 2,Human (mean)\nlove, sex ,6.77,9\nOPEC,oil,8.59,8\n";
        assert_eq!(parse(commas).unwrap(), expect);
    }

    #[test]
    fn errors_name_file_and_line() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert_eq!(error("a,b,1\na,b,high"), "pairs.csv:2: the score \"high\" must be a number");
        assert_eq!(error("a,b,1\na,b,NaN"), "pairs.csv:2: the score \"NaN\" must be a number");
        assert_eq!(error("a,b,inf\na,b,1"), "pairs.csv:1: the score \"inf\" must be a number");
        let expect = "pairs.csv:1: \"love sex 6.77\" must be two words and a score, separated by \
        tabs or commas";
        assert_eq!(error("love sex 6.77"), expect);
        assert_eq!(error("# nothing\nw1,w2,score\n"), "pairs.csv has no word pairs");
    }

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
        assert_eq!(ranks(&[0.0, -0.0]), [1.5, 1.5]);
    }

    /// ```python
    /// from scipy.stats import spearmanr
    /// x = [0.3, 0.1, 0.4, 0.1, 0.5, 0.9, 0.2, 0.6, 0.5, 0.3]
    /// y = [7.0, 6.5, 3.0, 7.0, 8.5, 9.0, 1.0, 8.5, 8.5, 0.0]
    /// print(repr(spearmanr(x, y)[0]), repr(spearmanr(x[:3], y[:3])[0]))
    /// ```
    #[test]
    fn equals_scipy() {
        let x = [0.3, 0.1, 0.4, 0.1, 0.5, 0.9, 0.2, 0.6, 0.5, 0.3];
        let y = [7.0, 6.5, 3.0, 7.0, 8.5, 9.0, 1.0, 8.5, 8.5, 0.0];
        let rho = spearman(&x, &y).unwrap();
        assert!((rho - 0.708_088_192_874_933_4).abs() < 1e-14, "{rho}");
        let rho = spearman(&x[..3], &y[..3]).unwrap();
        assert!((rho + 0.5).abs() < 1e-14, "{rho}");
    }

    #[test]
    fn what_has_no_order_has_no_correlation() {
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0], &[2.0]), None);
        assert_eq!(spearman(&[1.0, 1.0], &[2.0, 3.0]), None);
    }
}
