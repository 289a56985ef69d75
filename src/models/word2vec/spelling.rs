//! The words of a vocabulary that are spelt most like a word it lacks.

use strsim::osa_distance;

use super::vectors::first_answer;
use crate::data::vocabulary::Vocabulary;

/// How many spellings a message names.
pub const SUGGESTIONS: usize = 3;

/// Up to `n` words within edits of a third of the letters (insertions, deletions, substitutions and
/// swaps of neighbours, whatever the case), the fewest edits first, of as many the lower id, which
/// is the more frequent word. `UNK` is none of them.
pub fn nearest<'a>(vocabulary: &'a Vocabulary, wrong: &str, n: usize) -> Vec<&'a str> {
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

/// A word with what is seen of it at a glance.
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

    /// Whether the word may be within so many edits: an edit changes the length by one at most,
    /// and brings in one new letter at most. Nearly all words of a large vocabulary end here.
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

    #[track_caller]
    fn check(wrong: &str, expect: &[&str]) {
        let words = ["UNK", "the", "paris", "parts", "Pairs", "hair", "proton", "photon", "été"];
        let vocabulary = Vocabulary::new(words).unwrap();
        assert_eq!(nearest(&vocabulary, wrong, 3), expect, "{wrong}");
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
