//! Words, their ids and how often they occur.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};

use super::LINE_START;
use super::Limits;
use super::pieces::Counts;
use crate::data::vocabulary::Vocabulary;

/// The word that stands for all others; its id is 0. A text's own word of this spelling is
/// counted among them.
pub const UNKNOWN: &str = "UNK";

/// The words of a text and their counts, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedVocabulary {
    words: Arc<Vocabulary>,
    counts: Vec<u64>,
}

impl CountedVocabulary {
    /// The words that occur at least `limits.min_count` times, by (−count, word), behind
    /// [`UNKNOWN`] with the rest of the `total` words.
    ///
    /// # Errors
    /// More words than ids.
    pub(super) fn of(counts: Counts, total: u64, limits: Limits) -> Result<Self> {
        let is_word =
            |(word, count): &(Box<str>, u64)| *count >= limits.min_count && &**word != UNKNOWN;
        let mut order: Vec<(Box<str>, u64)> = counts.into_iter().filter(is_word).collect();
        order.sort_unstable_by(|(a, i), (b, j)| j.cmp(i).then_with(|| a.cmp(b)));
        if limits.max_vocab != 0 {
            order.truncate(limits.max_vocab);
        }
        ensure!(
            order.len() < LINE_START as usize,
            "the text has {} words that occur at least {} times, and ids end at {LINE_START}; \
             raise min_count",
            order.len(),
            limits.min_count
        );
        let rest = total - order.iter().map(|(_, count)| count).sum::<u64>();
        let all = std::iter::once((UNKNOWN.into(), rest)).chain(order);
        let (words, counts): (Vec<Box<str>>, Vec<u64>) = all.unzip();
        Ok(Self { words: Arc::new(Vocabulary::new(words)?), counts })
    }

    /// The same words with the counts of another text of `total` words.
    pub(super) fn recounted(&self, counts: &Counts, total: u64) -> Result<Self> {
        let count = |id: u32| counts.get(self.word(id)).copied().unwrap_or(0);
        let mut counts: Vec<u64> = (0..self.len() as u32).map(count).collect();
        counts[0] = total - counts[1..].iter().sum::<u64>();
        Ok(Self { words: Arc::clone(&self.words), counts })
    }

    /// A vocabulary of given words and counts, the first of which is [`UNKNOWN`].
    ///
    /// # Errors
    /// Another first word, or a word twice.
    pub fn new(
        words: impl IntoIterator<Item = impl Into<Box<str>>>,
        counts: Vec<u64>,
    ) -> Result<Self> {
        let words = Vocabulary::new(words)?;
        ensure!(!words.is_empty() && words.word(0) == UNKNOWN, "the first word is not {UNKNOWN}");
        ensure!(
            words.len() == counts.len() && words.len() <= LINE_START as usize,
            "{} words have {} counts",
            words.len(),
            counts.len()
        );
        Ok(Self { words: Arc::new(words), counts })
    }

    /// The words alone.
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.words
    }

    /// The number of words, [`UNKNOWN`] among them.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no word, which is never so.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The id of a word.
    pub fn id(&self, word: &str) -> Option<u32> {
        self.words.id(word)
    }

    /// The word of an id.
    ///
    /// # Panics
    /// When there is no such id.
    pub fn word(&self, id: u32) -> &str {
        self.words.word(id)
    }

    /// All words, by id.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len() as u32).map(|id| self.word(id))
    }

    /// How often each word occurs, by id.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// `word count` a line, as the reference's `vocab.txt` without the `b'…'` that Python 3
    /// puts around its words.
    pub fn to_text(&self) -> String {
        self.words().zip(&self.counts).map(|(word, count)| format!("{word} {count}\n")).collect()
    }

    /// The vocabulary that [`CountedVocabulary::to_text`] has written.
    ///
    /// # Errors
    /// A line that is no word and count, with its number; and as [`CountedVocabulary::new`].
    pub fn from_text(text: &str) -> Result<Self> {
        let (mut words, mut counts) = (Vec::<Box<str>>::new(), Vec::new());
        for (i, line) in text.split_terminator('\n').enumerate() {
            let Some((word, count)) = line.rsplit_once(' ') else {
                bail!("line {}: {line:?} is not a word, a space and a count", i + 1);
            };
            ensure!(!word.is_empty(), "line {}: no word stands before the count {count}", i + 1);
            words.push(word.into());
            counts.push(count.parse().with_context(|| {
                format!("line {}: {count:?} is not the count of a word", i + 1)
            })?);
        }
        let total = counts.iter().try_fold(0u64, |sum, &count| sum.checked_add(count));
        ensure!(total.is_some(), "the counts add up to more than {}", u64::MAX);
        Self::new(words, counts)
    }

    /// The number of words and the checksum of [`CountedVocabulary::to_text`].
    pub fn fingerprint(&self) -> String {
        format!("{} words {:08x}", self.len(), crc32c::crc32c(self.to_text().as_bytes()))
    }
}
