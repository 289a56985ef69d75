//! Texts as ids, of a vocabulary that they make or that is already there.

use std::collections::HashMap;
use std::fmt;

use anyhow::{Result, ensure};

use super::{Vocabulary, VocabularyRules};
use crate::system::wording::{by_number, plural};

/// Words as they are read for the first time: ids in the order of appearance, and counts.
#[derive(Debug, Default)]
pub struct WordCounter {
    ids: HashMap<Box<str>, u32>,
    counts: Vec<u64>,
    tokens: Vec<u32>,
}

impl WordCounter {
    /// Takes in the next word of the text.
    pub fn add(&mut self, word: &str) {
        let id = self.know(word);
        self.counts[id as usize] += 1;
        self.tokens.push(id);
    }

    /// Ensures that the word has an id (count 0 if unseen) and returns the provisional id.
    pub fn know(&mut self, word: &str) -> u32 {
        if let Some(&id) = self.ids.get(word) {
            return id;
        }
        let id = self.counts.len() as u32;
        self.ids.insert(word.into(), id);
        self.counts.push(0);
        id
    }

    /// The vocabulary that `rules` make of the words, and the text in its ids. Words outside
    /// are read as [`VocabularyRules::unknown`], and left out where there is none.
    ///
    /// # Errors
    /// When the text has no word.
    pub fn finish(self, rules: &VocabularyRules) -> Result<(Vocabulary, Vec<u32>)> {
        let Self { ids, counts, tokens } = self;
        ensure!(!tokens.is_empty(), "the training text has no words");
        let mut seen: Vec<(Box<str>, u32)> = ids.into_iter().collect();
        seen.sort_unstable_by_key(|(_, id)| *id);
        let words = seen.iter().map(|(word, _)| word.clone());
        let vocabulary = Vocabulary::of_counts(words.zip(counts), rules)?;
        let unknown = rules.unknown.and_then(|word| vocabulary.id(word));
        let new_ids: Vec<_> =
            seen.iter().map(|(word, _)| vocabulary.id(word).or(unknown)).collect();
        let tokens = tokens.into_iter().filter_map(|token| new_ids[token as usize]).collect();
        Ok((vocabulary, tokens))
    }
}

/// Words as ids of a vocabulary that exists already.
#[derive(Debug)]
pub struct WordReader<'a> {
    vocabulary: &'a Vocabulary,
    unknown: Option<u32>,
    /// The ids read so far.
    pub tokens: Vec<u32>,
    /// How much of the text the vocabulary has.
    pub coverage: Coverage,
}

/// How much of a text a vocabulary has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The words of the text, ends of sentences among them.
    pub words: u64,
    /// Those of them that are outside the vocabulary.
    pub outside: u64,
}

impl Coverage {
    /// The share that is outside.
    pub fn share_outside(self) -> f64 {
        self.outside as f64 / self.words.max(1) as f64
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self { words, outside }, percent) = (self, 100.0 * self.share_outside());
        let (noun, are) = (plural(*words, "word"), by_number(*outside, "is", "are"));
        write!(f, "{outside} of {words} {noun} ({percent:.1} %) {are} outside the vocabulary")
    }
}

impl<'a> WordReader<'a> {
    /// A reader that reads words outside `vocabulary` as `unknown`, or leaves them out.
    ///
    /// # Errors
    /// When the vocabulary lacks `unknown`.
    pub fn new(vocabulary: &'a Vocabulary, unknown: Option<&str>) -> Result<Self> {
        let id = unknown.and_then(|word| vocabulary.id(word));
        ensure!(
            id.is_some() == unknown.is_some(),
            "the vocabulary lacks {}; use data.oov = \"drop\"",
            unknown.unwrap_or_default()
        );
        let (tokens, coverage) = (Vec::new(), Coverage::default());
        Ok(Self { vocabulary, unknown: id, tokens, coverage })
    }

    /// Takes in the next word of the text.
    pub fn add(&mut self, word: &str) {
        let id = self.vocabulary.id(word);
        self.coverage.words += 1;
        self.coverage.outside += u64::from(id.is_none());
        self.tokens.extend(id.or(self.unknown));
    }
}
