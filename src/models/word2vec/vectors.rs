//! Words and their vectors, wherever they come from.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use strsim::osa_distance;

use crate::data::corpus::{UNKNOWN, Unk};
use crate::data::vocabulary::Vocabulary;
use crate::ops::Cpu;
use crate::ops::top_k::{Hit, top_k};
use crate::system::wording::{by_number, plural};

/// Below this square of its length a vector is not brought to length 1, as in TensorFlow's
/// `l2_normalize`: a vector of zeros stays one.
const MIN_SQUARE: f64 = 1e-12;

/// The vectors of a vocabulary.
#[derive(Clone, Debug)]
pub struct WordVectors {
    vocabulary: Arc<Vocabulary>,
    width: usize,
    rows: Vec<f32>,
}

impl WordVectors {
    /// The vectors `rows` (words, `width`) of the words of `vocabulary`, in the order of their
    /// ids.
    ///
    /// # Errors
    /// When there are no words, the sizes do not match, or a value is not finite.
    pub fn new(vocabulary: Arc<Vocabulary>, width: usize, rows: Vec<f32>) -> Result<Self> {
        let n = vocabulary.len();
        let dimensions = plural(width, "dimension");
        ensure!(
            n > 0 && width > 0,
            "{n} {} of {width} {dimensions}: both must be at least 1",
            plural(n, "word")
        );
        let expected = n.checked_mul(width).context("there are too many vectors")?;
        ensure!(
            rows.len() == expected,
            "{n} {} of {width} {dimensions} {} {expected} {}, but there {} {}",
            plural(n, "vector"),
            by_number(n, "is", "are"),
            plural(expected, "value"),
            by_number(rows.len(), "is", "are"),
            rows.len()
        );
        if let Some(place) = rows.iter().position(|value| !value.is_finite()) {
            let word = vocabulary.word((place / width) as u32);
            anyhow::bail!(
                "value {} of the vector of {word:?} is {}; vectors must be finite",
                place % width + 1,
                rows[place]
            );
        }
        Ok(Self { vocabulary, width, rows })
    }

    /// The words by id.
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// The number of words.
    #[allow(clippy::len_without_is_empty, reason = "there is at least one word")]
    pub fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// How often the training text has each word, where that is known.
    pub fn counts(&self) -> Option<&[u64]> {
        Some(self.vocabulary.counts()).filter(|counts| counts.iter().any(|&count| count > 0))
    }

    /// The values of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All vectors (words, width).
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// The vector of a word.
    ///
    /// # Panics
    /// When there is no such id.
    pub fn row(&self, id: u32) -> &[f32] {
        &self.rows[id as usize * self.width..][..self.width]
    }

    /// The words that training, or the file that was imported, has given a vector: all but
    /// [`UNKNOWN`] where no word was read as it.
    ///
    /// # Errors
    /// The remaining words do not form a vocabulary, which would be a fault of the program.
    pub fn without_untrained(mut self, unk: Unk) -> Result<Self> {
        let counts = self.vocabulary.counts();
        // Imported words usually have no count.
        let is_trained = match counts.iter().all(|&count| count == 0) {
            true => self.row(0).iter().any(|&value| value != 0.0),
            false => unk == Unk::Keep && counts[0] > 0,
        };
        if is_trained || first_answer(&self.vocabulary) == 0 {
            return Ok(self);
        }
        self.rows.drain(..self.width);
        let words = Vocabulary::new(self.vocabulary.words().skip(1))?;
        let words = match counts {
            [] => words,
            [_, counts @ ..] => words.with_counts(counts.to_vec())?,
        };
        self.vocabulary = Arc::new(words);
        Ok(self)
    }

    /// The same words with vectors of length 1, in which questions are asked.
    pub fn into_unit(mut self) -> UnitVectors {
        for row in self.rows.chunks_mut(self.width) {
            let square: f64 = row.iter().map(|value| f64::from(*value).powi(2)).sum();
            let scale = square.max(MIN_SQUARE).sqrt().recip();
            row.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        }
        UnitVectors(self)
    }
}

/// Unit vectors, whose dot products are cosine similarities. A zero vector has no direction and stays
/// unchanged.
#[derive(Clone, Debug)]
pub struct UnitVectors(WordVectors);

impl UnitVectors {
    /// The words by id.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.0.vocabulary
    }

    /// The values of a vector.
    pub fn width(&self) -> usize {
        self.0.width
    }

    /// The vector of a word.
    ///
    /// # Panics
    /// When there is no such id.
    pub fn row(&self, id: u32) -> &[f32] {
        self.0.row(id)
    }

    /// The id of a word, looked up as written, then case-insensitively.
    ///
    /// # Errors
    /// When it has no vector: the message has the nearest spellings.
    pub fn id(&self, word: &str) -> Result<u32> {
        let vocabulary = self.vocabulary();
        vocabulary.find(word).with_context(|| {
            let near = nearest_spellings(vocabulary, word, SUGGESTIONS);
            match near.is_empty() {
                true => format!("no vector for {word:?}, nor for a similar spelling"),
                false => format!("no vector for {word:?}; nearest spellings: {}", near.join(", ")),
            }
        })
    }

    /// The `k` words nearest to each of `targets` (m, width), by the product with their vectors and
    /// then by id; never `UNK`. Returns m lists of min(k, [`UnitVectors::n_answers`]) hits.
    ///
    /// # Panics
    /// When the size of `targets` does not fit.
    pub fn nearest(&self, cpu: &Cpu, targets: &[f32], k: usize) -> Vec<Hit> {
        let first = first_answer(self.vocabulary());
        let rows = &self.0.rows[first as usize * self.0.width..];
        let mut hits = top_k(cpu, targets, rows, self.0.width, k);
        hits.iter_mut().for_each(|hit| hit.row = hit.row.saturating_add(first));
        hits
    }

    /// The words that can be an answer.
    pub fn n_answers(&self) -> usize {
        self.0.len() - first_answer(self.vocabulary()) as usize
    }
}

/// The first id of a real word: `UNK`, if it is the first, replaces all words that were too rare, and
/// is never an answer.
pub fn first_answer(vocabulary: &Vocabulary) -> u32 {
    u32::from(!vocabulary.is_empty() && vocabulary.word(0) == UNKNOWN)
}

/// How many spellings a message names.
pub const SUGGESTIONS: usize = 3;

/// Up to `n` similar words, sorted by edit distance, then by frequency; never `UNK`. A word is
/// similar within edits of a third of its letters: insertions, deletions, substitutions and swaps
/// of neighbours, case ignored.
pub fn nearest_spellings<'a>(vocabulary: &'a Vocabulary, wrong: &str, n: usize) -> Vec<&'a str> {
    let wrong = Spelling::of(&wrong.to_lowercase());
    let limit = ((wrong.letters + 1) / 3).max(1);
    let mut candidates: Vec<(usize, u32)> = Vec::new();
    for id in first_answer(vocabulary)..vocabulary.len() as u32 {
        let word = vocabulary.word(id);
        if wrong.may_be_within(word, limit) {
            let edits = osa_distance(&wrong.text, &word.to_lowercase());
            if edits <= limit {
                candidates.push((edits, id));
            }
        }
    }
    candidates.sort_unstable();
    candidates.iter().take(n).map(|&(_, id)| vocabulary.word(id)).collect()
}

/// A word with a cheap summary of its letters.
struct Spelling {
    text: String,
    letters: usize,
    /// A bit for each letter it has; letters of other scripts share bits.
    set: u64,
}

impl Spelling {
    fn of(text: &str) -> Self {
        let (letters, set) = glance(text);
        Self { text: text.to_owned(), letters, set }
    }

    /// Whether the word may be within this many edits: an edit changes the length by at most one and
    /// introduces at most one new letter. This rules out nearly all words of a large vocabulary.
    fn may_be_within(&self, word: &str, limit: usize) -> bool {
        if word.len() > 4 * (self.letters + limit) {
            return false;
        }
        let (letters, set) = glance(word);
        letters.abs_diff(self.letters) <= limit
            && (set & !self.set).count_ones() as usize <= limit
            && (self.set & !set).count_ones() as usize <= limit
    }
}

fn glance(word: &str) -> (usize, u64) {
    word.chars()
        .flat_map(char::to_lowercase)
        .fold((0, 0), |(letters, set), letter| (letters + 1, set | 1 << (letter as u32 % 64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Isa;

    fn vectors(words: &[&str], width: usize, rows: &[f32]) -> Result<WordVectors> {
        let vocabulary = Arc::new(Vocabulary::new(words.iter().copied())?);
        WordVectors::new(vocabulary, width, rows.to_vec())
    }

    #[test]
    fn rows_get_length_one_and_zeros_stay() {
        let unit = vectors(&["a", "b", "c"], 2, &[3.0, 4.0, 0.0, 0.0, 1e30, 0.0]).unwrap();
        let unit = unit.into_unit();
        assert_eq!((unit.row(0), unit.row(1)), ([0.6, 0.8].as_slice(), [0.0, 0.0].as_slice()));
        assert_eq!(unit.row(2), [1.0, 0.0]);
    }

    #[test]
    fn unk_is_never_an_answer_where_it_comes_first() {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let rows = [1.0, 0.0, 1.0, 0.1, 0.0, 1.0];
        let nearest = |words: &[&str]| {
            let unit = vectors(words, 2, &rows).unwrap().into_unit();
            let hits = unit.nearest(&cpu, &[1.0, 0.0], 9);
            assert_eq!(hits.len(), unit.n_answers());
            hits.iter().map(|hit| hit.row).collect::<Vec<_>>()
        };
        assert_eq!(nearest(&["UNK", "a", "b"]), [1, 2]);
        assert_eq!(nearest(&["a", "UNK", "b"]), [0, 1, 2]);
    }

    #[test]
    fn an_unknown_word_gets_its_nearest_spellings() {
        let unit = vectors(&["UNK", "proton", "photon"], 1, &[1.0; 3]).unwrap().into_unit();
        assert_eq!(unit.id("photon").unwrap(), 2);
        let error = |word| unit.id(word).unwrap_err().to_string();
        assert_eq!(error("protn"), "no vector for \"protn\"; nearest spellings: proton, photon");
        assert_eq!(error("zzz"), "no vector for \"zzz\", nor for a similar spelling");
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let error = |words: &[&str], width, rows: &[f32]| {
            vectors(words, width, rows).unwrap_err().to_string()
        };
        assert!(error(&[], 2, &[]).contains("at least 1"));
        assert!(error(&["a"], 0, &[]).contains("at least 1"));
        assert_eq!(
            error(&["a", "b"], 2, &[1.0; 3]),
            "2 vectors of 2 dimensions are 4 values, but there are 3"
        );
        assert_eq!(
            error(&["a", "b"], 2, &[1.0, 1.0, 1.0, f32::NAN]),
            "value 2 of the vector of \"b\" is NaN; vectors must be finite"
        );
    }

    #[track_caller]
    fn check(wrong: &str, expect: &[&str]) {
        let words = ["UNK", "the", "paris", "parts", "Pairs", "hair", "proton", "photon", "été"];
        let vocabulary = Vocabulary::new(words).unwrap();
        assert_eq!(nearest_spellings(&vocabulary, wrong, 3), expect, "{wrong}");
    }

    #[test]
    fn fewest_edits_first_then_the_more_frequent_word() {
        check("pariss", &["paris", "parts", "Pairs"]);
        check("PARIS", &["paris", "parts", "Pairs"]);
        check("protn", &["proton", "photon"]);
        check("teh", &["the"]);
        check("ete", &[]);
        check("étée", &["été"]);
        check("UNKK", &[]);
        check("", &[]);
    }

    #[test]
    fn the_glance_never_hides_a_near_word() {
        let words = ["abcd", "abdc", "bacd", "abc", "abcde", "xbcd", "xycd", "dcba"];
        for wrong in words {
            let spelling = Spelling::of(wrong);
            for word in words {
                let edits = osa_distance(wrong, word);
                assert!(spelling.may_be_within(word, edits), "{wrong} {word}");
            }
        }
    }
}
