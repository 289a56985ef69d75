//! The kept words of a text, read again and again, in sentences.

use std::ops::Range;

use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Corpus, LINE_START};
use crate::rng::Stream;

/// The most words of a sentence, as in the reference.
const SENTENCE_WORDS: usize = 1000;

/// How a text is split into sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SentenceMode {
    /// 1,000 kept words, regardless of line and epoch ends, as in the reference.
    #[default]
    Blocks,
    /// The kept words of one line, at most 1,000.
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

/// Kept words that are adjacent.
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

/// How the unknown word `UNK` is handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unk {
    /// It is a word like any other, as in the reference.
    #[default]
    Keep,
    /// It is dropped from the text, as in gensim and word2vec.c.
    Drop,
}

/// Which words of an endless text are kept: a function of seed and place.
#[derive(Clone, Debug)]
pub struct Subsampling {
    /// By id: a word is kept where its random number is not above this.
    limits: Vec<u32>,
    unk: Unk,
    stream: Stream,
    share: f64,
}

/// The random numbers of a counter.
const NUMBERS: usize = 4;
/// Places whose numbers are drawn together, since independent counters overlap in the CPU.
const PLACES: usize = 16 * NUMBERS;

impl Subsampling {
    /// Words above the frequency `sample` are subsampled; 0 keeps all words.
    ///
    /// # Errors
    /// When no word would be kept.
    pub fn new(counts: &[u64], sample: f64, unk: Unk, seed: u64) -> Result<Self> {
        let kept = counts.iter().skip(usize::from(unk == Unk::Drop));
        let total: u64 = kept.clone().sum();
        ensure!(
            total > 0,
            "no word of the text is in the vocabulary: decrease data.min_count, or keep UNK"
        );
        let probability = |&count: &u64| keep_probability(count, total, sample);
        // A number is not above the limit with the probability (limit + 1) / 2^32.
        let limit = |count| (probability(count) * 2f64.powi(32) - 1.0) as u32;
        let expected: f64 = kept.map(|count| probability(count) * *count as f64).sum();
        Ok(Self {
            limits: counts.iter().map(limit).collect(),
            unk,
            stream: Stream::new(seed, "subsampling"),
            share: expected / counts.iter().sum::<u64>() as f64,
        })
    }

    /// The share of the text that is kept in the mean.
    pub fn expected_share(&self) -> f64 {
        self.share
    }

    /// The random numbers of the places around `position`.
    fn draws(&self, position: u64) -> Draws {
        let mut draws = Draws { stream: self.stream, first: 0, numbers: [0; PLACES] };
        draws.fill(position);
        draws
    }

    /// Appends the kept words of `ids` to `words`, without [`LINE_START`]. `numbers` holds a random
    /// number for each id. There is no branch, since the CPU could not predict it.
    ///
    /// # Panics
    /// When there are more ids than numbers, or than [`Subsampling::draws`] gives at a time.
    fn keep(&self, ids: &[u32], numbers: &[u32], words: &mut Vec<u32>) {
        let first = u32::from(self.unk == Unk::Drop);
        let (mut kept, mut len) = ([0; PLACES], 0);
        assert!(
            ids.len() <= PLACES && ids.len() <= numbers.len(),
            "one random number for each word"
        );
        for (id, &number) in ids.iter().zip(numbers) {
            let id = id & !LINE_START;
            kept[len] = id;
            len += usize::from((number <= self.limits[id as usize]) & (id >= first));
        }
        words.extend_from_slice(&kept[..len]);
    }
}

/// The random numbers of places in a row, from which it is drawn whether their words are kept.
#[derive(Debug)]
struct Draws {
    stream: Stream,
    first: u64,
    numbers: [u32; PLACES],
}

impl Draws {
    /// The numbers of `position` and of some of the places that follow it: one at least.
    #[inline]
    fn from(&mut self, position: u64) -> &[u32] {
        if position.wrapping_sub(self.first) >= PLACES as u64 {
            self.fill(position);
        }
        &self.numbers[(position - self.first) as usize..]
    }

    fn fill(&mut self, position: u64) {
        self.first = position - position % PLACES as u64;
        let step = self.first / NUMBERS as u64;
        for (numbers, step) in self.numbers.chunks_exact_mut(NUMBERS).zip(step..) {
            numbers.copy_from_slice(&self.stream.block(step, 0));
        }
    }
}

/// The probability with which a word that occurs `count` times among `total` is kept.
pub fn keep_probability(count: u64, total: u64, sample: f64) -> f64 {
    if sample == 0.0 || count == 0 {
        return 1.0;
    }
    let threshold = sample * total as f64;
    let count = count as f64;
    (((count / threshold).sqrt() + 1.0) * threshold / count).min(1.0)
}
