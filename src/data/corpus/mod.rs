//! A text of any size as word ids, for models that look at words and their neighbours.
//!
//! Words are separated by ASCII white space. A text is read twice, once to count and once for the
//! ids, by all cores; the vocabulary and four bytes per word are kept in memory.

mod sentences;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};

pub use sentences::{Cursor, SentenceBatch, SentenceMode, SentenceSpan, Sentences};
pub use sentences::{Subsampling, Unk};

use super::vocabulary::{Vocabulary, VocabularyRules};
pub use super::words::TextSource;
use super::words::{Counts, Space, Token, count, for_each_piece, pieces};
use crate::system::memory;
use crate::system::wording::plural;

/// The word that stands for all others; its id is 0. A text's own word of this spelling is
/// counted among them.
pub const UNKNOWN: &str = "UNK";
/// The words at the first ids.
pub const RESERVED: &[&str] = &[UNKNOWN];

/// The bit of an id that marks the first word of a line.
pub const LINE_START: u32 = 1 << 31;

/// Which words have an id of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How often a word must occur.
    pub min_count: u64,
    /// The most frequent words that are taken; 0 is all.
    pub max_vocab: usize,
}

/// A text in word ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// The words and their counts in this text.
    pub vocabulary: Arc<Vocabulary>,
    /// The ids of all words, [`LINE_START`] set where a line begins.
    words: Vec<u32>,
}

impl Corpus {
    /// Reads `sources` as one text, by `threads` threads, with the vocabulary that `limits`
    /// give.
    ///
    /// # Errors
    /// A file that is missing, empty or damaged, or a text that is not UTF-8, with its line
    /// and byte.
    pub fn read(sources: &[TextSource], limits: Limits, threads: usize) -> Result<Self> {
        let Limits { min_count, max_vocab } = limits;
        let rules = VocabularyRules {
            reserved: RESERVED,
            unknown: Some(UNKNOWN),
            min_count,
            max: max_vocab,
            ..VocabularyRules::default()
        };
        Self::with(sources, threads, |counts| {
            let most =
                counts.iter().filter(|(word, _)| &***word != UNKNOWN).max_by_key(|(_, n)| **n);
            let most =
                most.map(|(word, count)| format!("the most frequent, {word:?}, occurs {count}"));
            let vocabulary = Vocabulary::of_counts(counts, &rules)?;
            let times = plural(min_count, "time");
            ensure!(
                vocabulary.len() > RESERVED.len(),
                "no word of the text occurs data.min_count = {min_count} {times}: {}; lower \
                 data.min_count",
                most.unwrap_or_default()
            );
            ensure!(
                vocabulary.len() <= LINE_START as usize,
                "the text has {} words that occur at least {min_count} {times}, but ids must be \
                 below {LINE_START}; raise min_count",
                vocabulary.len()
            );
            Ok(vocabulary)
        })
    }

    /// Reads `sources` in the ids of `words`, whose first is [`UNKNOWN`]; their counts are
    /// those of this text.
    ///
    /// # Errors
    /// As [`Corpus::read`].
    pub fn read_with(sources: &[TextSource], words: Vocabulary, threads: usize) -> Result<Self> {
        Self::with(sources, threads, |counts| {
            let known = counts.keys().any(|word| &**word != UNKNOWN && words.id(word).is_some());
            ensure!(known, "no word of the text is in its vocabulary");
            words.recounted(&counts, UNKNOWN)
        })
    }

    fn with(
        sources: &[TextSource],
        threads: usize,
        vocabulary: impl FnOnce(Counts) -> Result<Vocabulary>,
    ) -> Result<Self> {
        let pieces = pieces(sources)?;
        let (counts, sizes) = count(&pieces, Space::Ascii, threads)?;
        let total: usize = sizes.iter().sum();
        for source in sources {
            let mut own = pieces.iter().zip(&sizes).filter(|(piece, _)| piece.is_of(source));
            ensure!(own.any(|(_, &size)| size > 0), "{source} contains no words");
        }
        let vocabulary = vocabulary(counts)?;
        memory::ensure_fits(size_of::<u32>() as u64 * total as u64, || {
            format!("the text has {total} words")
        })?;
        let mut words = vec![0; total];
        let mut rest = &mut words[..];
        let mut parts = Vec::with_capacity(sizes.len());
        for size in sizes {
            let (part, behind) = std::mem::take(&mut rest).split_at_mut(size);
            parts.push(part);
            rest = behind;
        }
        for_each_piece(&pieces, threads, parts, |piece, part: &mut [u32]| {
            let (mut place, mut line) = (0, if piece.starts_line() { LINE_START } else { 0 });
            piece.for_each_token(Space::Ascii, |token| match token {
                Token::Newline => line = LINE_START,
                Token::Word(word) => {
                    if let Some(slot) = part.get_mut(place) {
                        *slot = vocabulary.id(word).unwrap_or(0) | std::mem::take(&mut line);
                    }
                    place += 1;
                }
            })?;
            ensure!(place == part.len(), "{} changed while it was read", piece.source());
            Ok(())
        })?;
        Ok(Self { vocabulary: Arc::new(vocabulary), words })
    }

    /// A text of known ids, for benchmarks.
    pub fn of_ids(vocabulary: Vocabulary, words: Vec<u32>) -> Self {
        Self { vocabulary: Arc::new(vocabulary), words }
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The ids of all words, [`LINE_START`] set where a line begins.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Sizes and checksums of vocabulary and text.
    pub fn fingerprint(&self) -> String {
        let mut bytes = Vec::with_capacity(4 * CHUNK);
        let crc = self.words.chunks(CHUNK).fold(0, |crc, chunk| {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|id| id.to_le_bytes()));
            crc32c::crc32c_append(crc, &bytes)
        });
        format!("{}, text {} {crc:08x}", self.vocabulary.fingerprint(), self.words.len())
    }
}

/// Ids whose checksum is taken at a time.
const CHUNK: usize = 1 << 14;

/// The files at `paths`, plain or compressed.
///
/// # Errors
/// A file that cannot be opened.
pub fn files(paths: &[PathBuf]) -> Result<Vec<TextSource<'static>>> {
    paths.iter().map(|path| TextSource::file(path)).collect()
}
