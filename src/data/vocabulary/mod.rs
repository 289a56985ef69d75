//! Words and their ids.

mod counter;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

pub use counter::{WordCounter, WordReader};
pub use rules::{Order, Rules};

/// The word that stands for words outside the vocabulary, in texts that have such a word.
pub const UNKNOWN: &str = "<unk>";

/// What becomes of a word outside the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutOfVocabulary {
    /// It is left out, as the reference does.
    #[default]
    Drop,
    /// It is read as `<unk>`.
    Unk,
}

impl OutOfVocabulary {
    /// The word that it is read as.
    pub fn unknown(self) -> Option<&'static str> {
        (self == OutOfVocabulary::Unk).then_some(UNKNOWN)
    }
}

/// The words of a model by id and, where they are known, their counts in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32>,
    /// By id; empty where nothing was counted.
    counts: Vec<u64>,
}

impl Vocabulary {
    /// A vocabulary of `words` in the order of their ids, without counts.
    ///
    /// # Errors
    /// When a word occurs twice, or holds a newline.
    pub fn new(words: impl IntoIterator<Item = impl Into<Box<str>>>) -> Result<Self> {
        let words: Vec<Box<str>> = words.into_iter().map(Into::into).collect();
        let mut ids = HashMap::with_capacity(words.len());
        for (id, word) in words.iter().enumerate() {
            ensure!(!word.contains('\n'), "a word of the vocabulary holds a newline");
            if let Some(first) = ids.insert(word.clone(), u32::try_from(id)?) {
                bail!(
                    "the vocabulary holds {word:?} twice, as word {} and as word {}",
                    first + 1,
                    id + 1
                );
            }
        }
        Ok(Self { words, ids, counts: Vec::new() })
    }

    /// The same words with counts, by id.
    ///
    /// # Errors
    /// More or fewer counts than words; counts that add up to more than 64 bits hold.
    pub fn with_counts(mut self, counts: Vec<u64>) -> Result<Self> {
        let (words, n) = (self.len(), counts.len());
        ensure!(words == n, "{words} words have {n} counts");
        let total = counts.iter().try_fold(0u64, |sum, &count| sum.checked_add(count));
        ensure!(total.is_some(), "the counts add up to more than {}", u64::MAX);
        self.counts = counts;
        Ok(self)
    }

    /// The same words without counts.
    pub fn without_counts(mut self) -> Self {
        self.counts = Vec::new();
        self
    }

    /// The same words with their counts in another text; `unknown` gets those of all words that
    /// are outside.
    ///
    /// # Errors
    /// When `unknown` is not there.
    pub fn recounted(self, counts: &HashMap<Box<str>, u64>, unknown: &str) -> Result<Self> {
        let unknown = self.id(unknown).with_context(|| format!("{unknown} is not there"))?;
        let count = |word| counts.get(word).copied().unwrap_or(0);
        let mut own: Vec<u64> = self.words.iter().map(count).collect();
        let outside = counts.values().sum::<u64>() - own.iter().sum::<u64>();
        own[unknown as usize] += outside;
        self.with_counts(own)
    }

    /// Holds the vocabulary to words that stand at the ids from 0 on.
    ///
    /// # Errors
    /// Another word stands at one of them; it is named by its number from 1 on.
    pub fn ensure_reserved(&self, reserved: &[&str]) -> Result<()> {
        for (id, expect) in reserved.iter().enumerate() {
            let found = self.words.get(id).map_or("", |word| word);
            ensure!(found == *expect, "word {} is {found:?} and not {expect}", id + 1);
        }
        Ok(())
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The id of a word.
    pub fn id(&self, word: &str) -> Option<u32> {
        self.ids.get(word).copied()
    }

    /// The word of an id.
    ///
    /// # Panics
    /// When there is no such id.
    pub fn word(&self, id: u32) -> &str {
        &self.words[id as usize]
    }

    /// All words, by id.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(|word| &**word)
    }

    /// How often each word occurs, by id; empty where it is not known.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// One word a line, in the order of the ids.
    pub fn to_text(&self) -> String {
        self.words.iter().flat_map(|word| [word, "\n"]).collect()
    }

    /// `word count` a line, as word2vec's `vocab.txt` without the `b'…'` that Python 3 puts
    /// around its words. Without counts it is empty.
    pub fn to_counted_text(&self) -> String {
        self.words().zip(&self.counts).map(|(word, count)| format!("{word} {count}\n")).collect()
    }

    /// The vocabulary of a text that has a word a line.
    ///
    /// # Errors
    /// As [`Vocabulary::new`].
    pub fn from_text(text: &str) -> Result<Self> {
        Self::new(text.lines())
    }

    /// The vocabulary of a text that has `word count` a line.
    ///
    /// # Errors
    /// A line that is no word and count, with its number; and as [`Vocabulary::new`].
    pub fn from_counted_text(text: &str) -> Result<Self> {
        let (mut words, mut counts) = (Vec::new(), Vec::new());
        for (i, line) in text.split_terminator('\n').enumerate() {
            let Some((word, count)) = line.rsplit_once(' ') else {
                bail!("line {}: {line:?} is not a word, a space and a count", i + 1);
            };
            ensure!(!word.is_empty(), "line {}: no word stands before the count {count}", i + 1);
            words.push(word);
            counts.push(count.parse().with_context(|| {
                format!("line {}: {count:?} is not the count of a word", i + 1)
            })?);
        }
        Self::new(words)?.with_counts(counts)
    }

    /// The number of words and the checksum of their text, with the counts where it has some.
    pub fn fingerprint(&self) -> String {
        let text = if self.counts.is_empty() { self.to_text() } else { self.to_counted_text() };
        format!("{} words {:08x}", self.len(), crc32c::crc32c(text.as_bytes()))
    }
}
