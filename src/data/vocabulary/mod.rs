//! Words and their ids.

mod counter;

use std::collections::HashMap;
use std::hash::BuildHasher;

use anyhow::{Context, Result, bail, ensure};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::corpus;
use crate::system::wording::{by_number, plural};

pub use counter::{Coverage, WordCounter, WordReader};

/// The word that stands for words outside the vocabulary.
pub const UNKNOWN: &str = "<unk>";

/// The start of a text, for a message: a damaged file may be one long line.
fn start(text: &str) -> String {
    text.chars().take(60).collect()
}

/// How words outside the vocabulary are handled.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum OutOfVocabulary {
    /// They are dropped, as in the reference.
    #[default]
    Drop,
    /// They are read as `<unk>`.
    Unk,
}

impl OutOfVocabulary {
    /// The word that it is read as.
    pub fn unknown(self) -> Option<&'static str> {
        (self == OutOfVocabulary::Unk).then_some(UNKNOWN)
    }
}

/// The words of a model by id and, where they are known, their counts in a text.
///
/// The words are one after another in one text, so that millions of them need little more memory
/// than their letters.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    text: String,
    /// Where each word ends in the text, by id.
    ends: Vec<usize>,
    /// The ids by their words' hashes.
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// By id; empty where nothing was counted.
    counts: Vec<u64>,
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.ends, &self.counts) == (&other.text, &other.ends, &other.counts)
    }
}

impl Eq for Vocabulary {}

impl Vocabulary {
    /// A vocabulary of `words` in the order of their ids, without counts.
    ///
    /// # Errors
    /// When a word occurs twice, or holds a newline.
    pub fn new(words: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        let mut vocabulary = Self::default();
        for word in words {
            let word = word.as_ref();
            ensure!(!word.contains('\n'), "a word of the vocabulary contains a newline");
            if let Some(first) = vocabulary.push(word)? {
                bail!(
                    "the vocabulary contains {:?} twice, as word {} and as word {}",
                    start(word),
                    first + 1,
                    vocabulary.len() + 1
                );
            }
        }
        Ok(vocabulary)
    }

    /// Adds a word without a count and returns its id; a word that already exists keeps its id.
    ///
    /// # Errors
    /// More words than ids.
    pub fn push(&mut self, word: &str) -> Result<Option<u32>> {
        if let Some(id) = self.id(word) {
            return Ok(Some(id));
        }
        let id = u32::try_from(self.len())?;
        self.text.push_str(word);
        self.ends.push(self.text.len());
        let Self { text, ends, ids, hasher, .. } = self;
        let hash = |&id: &u32| hasher.hash_one(word_of(text, ends, id));
        ids.insert_unique(hash(&id), id, hash);
        Ok(None)
    }

    /// The same words with counts, by id.
    ///
    /// # Errors
    /// More or fewer counts than words; counts that add up to more than 64 bits hold.
    pub fn with_counts(mut self, counts: Vec<u64>) -> Result<Self> {
        let (words, n) = (self.len(), counts.len());
        ensure!(
            words == n,
            "there {} {words} {}, but {n} {}",
            by_number(words, "is", "are"),
            plural(words, "word"),
            plural(n, "count")
        );
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
    /// When the vocabulary lacks `unknown`.
    pub fn recounted(self, counts: &HashMap<Box<str>, u64>, unknown: &str) -> Result<Self> {
        let unknown =
            self.id(unknown).with_context(|| format!("the vocabulary lacks {unknown}"))?;
        let count = |word| counts.get(word).copied().unwrap_or(0);
        let mut own: Vec<u64> = self.words().map(count).collect();
        let outside = counts.values().sum::<u64>() - own.iter().sum::<u64>();
        own[unknown as usize] += outside;
        self.with_counts(own)
    }

    /// Checks that the ids from 0 on are those of the `reserved` words.
    ///
    /// # Errors
    /// Another word has one of these ids; its line number, from 1, is given.
    pub fn ensure_reserved(&self, reserved: &[&str]) -> Result<()> {
        for (id, expect) in reserved.iter().enumerate() {
            let found = if id < self.len() { self.word(id as u32) } else { "" };
            let start = start(found);
            ensure!(found == *expect, "word {} is {start:?} and not {expect}", id + 1);
        }
        Ok(())
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id of a word.
    pub fn id(&self, word: &str) -> Option<u32> {
        let Self { text, ends, ids, hasher, .. } = self;
        ids.find(hasher.hash_one(word), |&id| word_of(text, ends, id) == word).copied()
    }

    /// The id of a word as it is written, or else without regard to its case: in small letters,
    /// with a capital, in capitals. `unk` is not the word that stands for the others, `UNK`.
    pub fn find(&self, word: &str) -> Option<u32> {
        self.id(word).or_else(|| {
            let small = word.to_lowercase();
            let mut letters = small.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            let capital: String = first.chain(letters.as_str().chars()).collect();
            let others = [&*small, &*capital, &*word.to_uppercase()];
            others.iter().filter(|word| **word != corpus::UNKNOWN).find_map(|word| self.id(word))
        })
    }

    /// The word of an id.
    ///
    /// # Panics
    /// When there is no such id.
    pub fn word(&self, id: u32) -> &str {
        word_of(&self.text, &self.ends, id)
    }

    /// All words, by id.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.ends.len()).map(|id| self.word(id as u32))
    }

    /// How often each word occurs, by id; empty where it is not known.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// One word per line, in the order of the ids.
    pub fn to_text(&self) -> String {
        self.words().flat_map(|word| [word, "\n"]).collect()
    }

    /// One `word count` per line, as in word2vec's `vocab.txt` without the `b'…'` that Python 3
    /// puts around its words. Without counts it is empty.
    pub fn to_counted_text(&self) -> String {
        self.words().zip(&self.counts).map(|(word, count)| format!("{word} {count}\n")).collect()
    }

    /// The vocabulary of a text with one word per line.
    ///
    /// # Errors
    /// As [`Vocabulary::new`].
    pub fn from_text(text: &str) -> Result<Self> {
        Self::new(text.lines())
    }

    /// The vocabulary of a text with one `word count` per line.
    ///
    /// # Errors
    /// A line is not a word and a count (its number is given); and as [`Vocabulary::new`].
    pub fn from_counted_text(text: &str) -> Result<Self> {
        let (mut words, mut counts) = (Vec::new(), Vec::new());
        for (i, line) in text.split_terminator('\n').enumerate() {
            let Some((word, count)) = line.rsplit_once(' ') else {
                bail!("line {}: {:?} is not a word, a space and a count", i + 1, start(line));
            };
            ensure!(!word.is_empty(), "line {}: there is no word before the count {count}", i + 1);
            words.push(word);
            counts.push(count.parse().with_context(|| {
                format!("line {}: {:?} is not the count of a word", i + 1, start(count))
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

/// The word of an id in the text of all words.
fn word_of<'a>(text: &'a str, ends: &[usize], id: u32) -> &'a str {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    &text[start..ends[id]]
}

/// The order of the words that are not reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordOrder {
    /// By falling count, then by spelling.
    #[default]
    CountThenSpelling,
    /// By falling count, then as they are seen first.
    CountThenFirstSeen,
}

/// What a vocabulary is made of; the default takes every word.
#[derive(Clone, Copy, Debug, Default)]
pub struct VocabularyRules<'a> {
    /// Words that are at the ids from 0 on, whether the text has them or not.
    pub reserved: &'a [&'a str],
    /// Words of the text that are never left out, however rare. Their count decides their place.
    pub kept: &'a [&'a str],
    /// The word for all words that are left out; it has their count and is never left out itself.
    /// If the text lacks it and it is not reserved, it comes last.
    pub unknown: Option<&'a str>,
    /// How often a word must occur that is not reserved.
    pub min_count: u64,
    /// The maximum number of words in addition to the reserved ones, kept words included; 0: no
    /// limit.
    pub max: usize,
    /// The order of the words after those reserved.
    pub order: WordOrder,
}

impl Vocabulary {
    /// The vocabulary of counted words, with their counts. `counts` comes in the order of first
    /// appearance if `rules` sort by it.
    ///
    /// # Errors
    /// A word twice, or with a newline; more words than ids.
    pub fn of_counts(
        counts: impl IntoIterator<Item = (Box<str>, u64)>,
        rules: &VocabularyRules,
    ) -> Result<Self> {
        let mut reserved: Vec<(Box<str>, u64)> =
            rules.reserved.iter().map(|&word| (word.into(), 0)).collect();
        let stays = |word: &str| rules.kept.contains(&word) || rules.unknown == Some(word);
        let (mut others, mut total) = (Vec::new(), 0);
        for (word, count) in counts {
            total += count;
            match reserved.iter_mut().find(|(reserved, _)| *reserved == word) {
                Some((_, own)) => *own += count,
                None if count >= rules.min_count || stays(&word) => others.push((word, count)),
                None => (),
            }
        }
        match rules.order {
            WordOrder::CountThenSpelling => {
                others.sort_unstable_by(|(a, i), (b, j)| (j, a).cmp(&(i, b)));
            }
            WordOrder::CountThenFirstSeen => {
                others.sort_by_key(|(_, count)| std::cmp::Reverse(*count))
            }
        }
        let is_there =
            |unknown: &&str| reserved.iter().chain(&others).any(|(word, _)| &**word == *unknown);
        let lacking = rules.unknown.filter(|unknown| !is_there(unknown));
        others.extend(lacking.map(|unknown| (unknown.into(), 0)));
        if rules.max > 0 {
            let staying = others.iter().filter(|(word, _)| stays(word)).count();
            let mut room = rules.max.saturating_sub(staying);
            others.retain(|(word, _)| {
                let is_taken = stays(word) || room > 0;
                room -= usize::from(is_taken && !stays(word));
                is_taken
            });
        }
        let mut taken = reserved;
        taken.append(&mut others);
        let unknown = taken.iter().position(|(word, _)| rules.unknown == Some(word));
        if let Some(place) = unknown {
            let inside: u64 = taken.iter().map(|(_, count)| count).sum();
            taken[place].1 += total - inside;
        }
        let (words, counts): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        Self::new(words)?.with_counts(counts)
    }
}

#[cfg(test)]
mod tests;
