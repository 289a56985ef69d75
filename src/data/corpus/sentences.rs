//! The kept words of a text, read again and again, in sentences.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::subsampling::{Draws, Subsampling};
use super::{Corpus, LINE_START};

/// The most words of a sentence, as in the reference.
const SENTENCE_WORDS: usize = 1000;

/// What is a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SentenceMode {
    /// 1,000 kept words, wherever lines and epochs end, as in the reference.
    #[default]
    Blocks,
    /// The kept words of a line, 1,000 at most.
    Lines,
}

/// The place in the endless text of all epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cursor {
    /// The words before it.
    pub position: u64,
    /// Those of them that were kept.
    pub kept: u64,
}

/// Kept words that stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentenceSpan {
    /// Where they are in [`SentenceBatch::words`].
    pub words: Range<usize>,
    /// The place of the sentence's first word, kept or not, in the endless text.
    pub position: u64,
    /// The number of words that were kept before it.
    pub first: u64,
}

/// Sentences one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SentenceBatch {
    /// The ids of their words.
    pub words: Vec<u32>,
    /// The sentences.
    pub sentences: Vec<SentenceSpan>,
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
    pub fn read(&self, cursor: &mut Cursor, until: u64, end: u64, block: &mut SentenceBatch) {
        block.words.clear();
        block.sentences.clear();
        let mut draws = self.subsampling.draws(cursor.position);
        while cursor.position < until.min(end) {
            let start = block.words.len();
            let Cursor { position, kept } = *cursor;
            self.read_sentence(cursor, end, &mut draws, &mut block.words);
            let words = start..block.words.len();
            if !words.is_empty() {
                block.sentences.push(SentenceSpan { words, position, first: kept });
            }
        }
    }

    /// Appends the words of one sentence to `words`.
    fn read_sentence(
        &self,
        cursor: &mut Cursor,
        end: u64,
        draws: &mut Draws,
        words: &mut Vec<u32>,
    ) {
        let text = self.corpus.words();
        let (start, begin) = (cursor.position, words.len());
        let mut place = (start % text.len() as u64) as usize;
        while cursor.position < end && words.len() - begin < SENTENCE_WORDS {
            let numbers = draws.from(cursor.position);
            // As many words as there is room for, were all of them kept.
            let room = SENTENCE_WORDS - (words.len() - begin);
            let left = usize::try_from(end - cursor.position).unwrap_or(usize::MAX);
            let run = room.min(numbers.len()).min(left).min(text.len() - place);
            let ids = &text[place..place + run];
            let line = self.of_line(ids, cursor.position == start);
            self.subsampling.keep(&ids[..line], numbers, words);
            cursor.position += line as u64;
            place = if place + line == text.len() { 0 } else { place + line };
            if line < run {
                break;
            }
        }
        cursor.kept += (words.len() - begin) as u64;
    }

    /// How many of `ids` belong to the sentence that they follow, or that they begin.
    fn of_line(&self, ids: &[u32], begins: bool) -> usize {
        let starts_line = |&id: &u32| id & LINE_START != 0;
        let first = usize::from(begins);
        match self.mode {
            SentenceMode::Blocks => ids.len(),
            SentenceMode::Lines => {
                ids[first..].iter().position(starts_line).map_or(ids.len(), |i| first + i)
            }
        }
    }
}
