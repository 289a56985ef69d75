//! The words and values that a reader has collected.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};

use super::super::vectors::WordVectors;
use super::header::{Header, excerpt};
use crate::data::vocabulary::Vocabulary;

/// Words and rows, in the order of the file.
pub(super) struct Table {
    header: Header,
    words: Vec<Box<str>>,
    pub(super) rows: Vec<f32>,
}

impl Table {
    pub(super) fn new(header: Header, reserve: usize) -> Self {
        Self { header, words: Vec::new(), rows: Vec::with_capacity(reserve) }
    }

    /// Words so far.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Takes in a word whose values have been put into `rows`.
    ///
    /// # Errors
    /// The word and the rule, without a place: no word, not a finite value.
    pub(super) fn push(&mut self, word: &str) -> Result<()> {
        ensure!(!word.is_empty(), "the word is empty");
        ensure!(
            !word.contains('\n'),
            "{} has the end of a line in it: the file is damaged, or its first line is wrong",
            excerpt(word)
        );
        let values = &self.rows[self.words.len() * self.header.width..];
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            bail!("value {} of {word:?} is {}, but must be finite", index + 1, values[index]);
        }
        self.words.push(word.into());
        Ok(())
    }

    /// The vectors, once all words are there.
    ///
    /// # Errors
    /// When a word is there twice: `place` names the place of a word by its index.
    pub(super) fn finish(self, place: impl Fn(usize) -> String) -> Result<WordVectors> {
        let mut first = HashMap::with_capacity(self.words.len());
        for (index, word) in self.words.iter().enumerate() {
            if let Some(first) = first.insert(word, index) {
                bail!(
                    "{}: {word:?} is there twice, at first in {}; a word has one vector",
                    place(index),
                    place(first)
                );
            }
        }
        drop(first);
        let vocabulary = Arc::new(Vocabulary::new(self.words)?);
        WordVectors::new(vocabulary, self.header.width, self.rows)
    }
}
