//! The kept words of a text, read again and again, in sentences.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::subsampling::Subsampling;
use super::{Corpus, LINE_START};

/// The most words of a sentence, as in the reference.
const SENTENCE_WORDS: usize = 1000;

/// What is a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SentenceMode {
    /// 1,000 kept words, wherever lines and epochs end, as in the reference.
    #[default]
    Blocks,
    /// The kept words of a line, 1,000 at most.
    Lines,
}

/// The place in the endless text of all epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The words before it.
    pub position: u64,
    /// Those of them that were kept.
    pub kept: u64,
}

/// Kept words that stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Where they are in [`Block::words`].
    pub words: Range<usize>,
    /// The place of the sentence's first word, kept or not, in the endless text.
    pub position: u64,
    /// The number of words that were kept before it.
    pub first: u64,
}

/// Sentences one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// The ids of their words.
    pub words: Vec<u32>,
    /// The sentences.
    pub sentences: Vec<Sentence>,
}

/// A text as sentences without end.
#[derive(Clone, Debug)]
pub struct Sentences<'a> {
    corpus: &'a Corpus,
    subsampling: Subsampling,
    mode: SentenceMode,
}

impl<'a> Sentences<'a> {
    /// The sentences of `corpus`.
    pub fn new(corpus: &'a Corpus, subsampling: Subsampling, mode: SentenceMode) -> Self {
        Self { corpus, subsampling, mode }
    }

    /// The share of the text that is kept in the mean.
    pub fn expected_share(&self) -> f64 {
        self.subsampling.expected_share()
    }

    /// Fills `block` with all sentences that begin before `until`; the text ends at `end`,
    /// in the middle of a sentence if need be. Where a call begins does not matter.
    pub fn read(&self, cursor: &mut Cursor, until: u64, end: u64, block: &mut Block) {
        block.words.clear();
        block.sentences.clear();
        while cursor.position < until.min(end) {
            let start = block.words.len();
            let Cursor { position, kept } = *cursor;
            self.read_sentence(cursor, end, &mut block.words);
            let words = start..block.words.len();
            if !words.is_empty() {
                block.sentences.push(Sentence { words, position, first: kept });
            }
        }
    }

    /// Appends the words of one sentence to `words`.
    fn read_sentence(&self, cursor: &mut Cursor, end: u64, words: &mut Vec<u32>) {
        let text = self.corpus.words();
        let (start, full) = (cursor.position, words.len() + SENTENCE_WORDS);
        let mut place = (start % text.len() as u64) as usize;
        let mut numbers = self.subsampling.numbers(start);
        let mut position = start;
        while position < end && words.len() < full {
            let id = text[place];
            let begins_line = id & LINE_START != 0;
            if begins_line && self.mode == SentenceMode::Lines && position > start {
                break;
            }
            if Subsampling::has_new_numbers(position) {
                numbers = self.subsampling.numbers(position);
            }
            let id = id & !LINE_START;
            if self.subsampling.keeps(id, position, &numbers) {
                words.push(id);
            }
            position += 1;
            place = if place + 1 == text.len() { 0 } else { place + 1 };
        }
        cursor.kept += (words.len() + SENTENCE_WORDS - full) as u64;
        cursor.position = position;
    }
}
