//! A text of any size as word ids, for models that look at words and their neighbours.
//!
//! Words stand between ASCII white space, as in the reference's `ScanWord`. A text is read
//! twice, once to count and once for the ids, by all cores; in memory are the vocabulary and
//! four bytes a word.

mod pieces;
mod sentences;
mod source;
mod subsampling;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use pieces::{count, for_each_piece, pieces};
pub use sentences::{Block, Cursor, Sentence, SentenceMode, Sentences};
pub use source::Source;
pub use subsampling::{Subsampling, Unk};
pub use vocabulary::{CountedVocabulary, UNKNOWN};

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
    pub vocabulary: CountedVocabulary,
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
    pub fn read(sources: &[Source], limits: Limits, threads: usize) -> Result<Self> {
        Self::with(sources, threads, |counts, total| CountedVocabulary::of(counts, total, limits))
    }

    /// Reads `sources` in the ids of `words`, whose first is [`UNKNOWN`]; their counts are
    /// those of this text.
    ///
    /// # Errors
    /// As [`Corpus::read`].
    pub fn read_with(
        sources: &[Source],
        words: &CountedVocabulary,
        threads: usize,
    ) -> Result<Self> {
        Self::with(sources, threads, |counts, total| words.recounted(&counts, total))
    }

    fn with(
        sources: &[Source],
        threads: usize,
        vocabulary: impl FnOnce(pieces::Counts, u64) -> Result<CountedVocabulary>,
    ) -> Result<Self> {
        let pieces = pieces(sources)?;
        let (counts, sizes) = count(&pieces, threads)?;
        let total: usize = sizes.iter().sum();
        for source in sources {
            let mut own = pieces.iter().zip(&sizes).filter(|(piece, _)| piece.is_of(source));
            ensure!(own.any(|(_, &size)| size > 0), "{source} holds no word");
        }
        let vocabulary = vocabulary(counts, total as u64)?;
        let mut words = vec![0; total];
        let mut rest = &mut words[..];
        let mut parts = Vec::with_capacity(sizes.len());
        for size in sizes {
            let (part, behind) = std::mem::take(&mut rest).split_at_mut(size);
            parts.push(part);
            rest = behind;
        }
        for_each_piece(&pieces, threads, parts, |piece, part: &mut [u32]| {
            let mut place = 0;
            piece.for_each_word(|word, starts_line| {
                if let Some(slot) = part.get_mut(place) {
                    let line = if starts_line { LINE_START } else { 0 };
                    *slot = vocabulary.id(word).unwrap_or(0) | line;
                }
                place += 1;
            })?;
            ensure!(place == part.len(), "{} changed while it was read", piece.source());
            Ok(())
        })?;
        Ok(Self { vocabulary, words })
    }

    /// A text of known ids, for benchmarks.
    pub fn of_ids(vocabulary: CountedVocabulary, words: Vec<u32>) -> Self {
        Self { vocabulary, words }
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
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
pub fn files(paths: &[PathBuf]) -> Result<Vec<Source<'static>>> {
    paths.iter().map(|path| Source::file(path)).collect()
}
