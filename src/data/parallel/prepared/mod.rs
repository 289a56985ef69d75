//! The token ids of a parallel text in a file that is mapped into memory.
//!
//! ```text
//! 4,096 bytes   `TFMPAIRS`, CRC-32C of the rest of them, a header in JSON, spaces
//! ids           of every pair: source, target; 2 bytes each, or 4 where a vocabulary is larger
//! index         12 bytes a pair: where its ids end (u64), and how many are the source's (u32)
//! ```
//!
//! All numbers are little-endian. The header has checksums of the text, the tokenizer, and all that
//! follows it: a file that does not fit the text any more, or is damaged, is made again.

mod build;
mod header;
mod place;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::header::{HEADER, Header, INDEX};
use super::{ParallelText, Progress, Reading};
use crate::data::tokenizer::{EOS, Side, Tokenizer};
use crate::system::mapped::{self, Mapped};

/// The token ids of all pairs of a text.
#[derive(Debug)]
pub struct PreparedPairs {
    bytes: Mapped,
    header: Header,
    path: Option<PathBuf>,
    /// Whether targets are whole: no end is put after them.
    is_whole: bool,
}

/// What [`PreparedPairs::open`] works with.
#[derive(Debug)]
pub struct Preparation<'a> {
    /// The text.
    pub text: &'a ParallelText,
    /// What makes ids of it.
    pub tokenizer: &'a Tokenizer,
    /// The folder for the file, made where it is missing: `prepared` in that of the data sets.
    pub folder: &'a Path,
    /// How many threads make ids; the file does not depend on it.
    pub threads: usize,
}

impl PreparedPairs {
    /// The ids of pairs that are at hand: source and target without beginning and end. They stay in
    /// memory.
    ///
    /// # Errors
    /// There are no pairs, or a sentence has no ids.
    pub fn of_ids(pairs: &[[Vec<u32>; 2]]) -> Result<Self> {
        let largest = pairs.iter().flatten().flatten().max().copied().unwrap_or(0);
        Self::at_hand(pairs, Header::new(String::new(), String::new(), largest as usize + 1))
    }

    /// As [`PreparedPairs::of_ids`], of ids that `tokenizer` has made: the fingerprint is that of a
    /// text with these ids.
    ///
    /// # Errors
    /// As [`PreparedPairs::of_ids`].
    pub fn of_tokens(pairs: &[[Vec<u32>; 2]], tokenizer: &Tokenizer) -> Result<Self> {
        Self::at_hand(pairs, Header::of(String::new(), tokenizer))
    }

    fn at_hand(pairs: &[[Vec<u32>; 2]], header: Header) -> Result<Self> {
        let (bytes, header) = build::of_ids(pairs, header)?;
        Ok(Self { bytes: Mapped::Read(bytes), header, path: None, is_whole: false })
    }

    /// As [`PreparedPairs::of_ids`], with targets that are learnt as they are: no [`EOS`] is put
    /// after them.
    ///
    /// # Errors
    /// As [`PreparedPairs::of_ids`].
    pub fn of_whole_ids(pairs: &[[Vec<u32>; 2]]) -> Result<Self> {
        Ok(Self { is_whole: true, ..Self::of_ids(pairs)? })
    }

    /// The ids of a text: from the file in the folder if there is one that fits text and tokenizer,
    /// or else made, in memory for a few thousand pairs, and written there. Another process that
    /// makes the same is waited for. Where the folder cannot be written, the ids stay in memory,
    /// which is said in a warning, as is what was left out of the text.
    ///
    /// # Errors
    /// Those of [`ParallelText::for_each`]; a sentence that has no token, with its line, unless such
    /// pairs are dropped; a disk that is full, and ids that memory cannot hold.
    pub fn open(what: &Preparation, progress: &mut dyn FnMut(Progress)) -> Result<Self> {
        let wanted = Header::of(what.text.fingerprint()?, what.tokenizer);
        let pairs = match place::Place::open(what, &wanted) {
            Ok(place) => Self::at(&place, what, wanted, progress)?,
            Err(error) => {
                tracing::warn!("{error:#}: the token ids of {} stay in memory", what.text);
                let (bytes, header) = build::in_memory(what, wanted, progress)?;
                Self { bytes: Mapped::Read(bytes), header, path: None, is_whole: false }
            }
        };
        if let Some(dropped) = pairs.header.reading.dropped() {
            tracing::warn!("{}: {dropped}", what.text);
        }
        Ok(pairs)
    }

    fn at(
        place: &place::Place,
        what: &Preparation,
        wanted: Header,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self> {
        match Self::read(&place.path, &wanted) {
            Ok(Some(pairs)) => return Ok(pairs),
            Ok(None) => {}
            Err(error) => tracing::warn!("{error:#}: rebuilding it"),
        }
        build::in_file(what, &place.path, wanted.clone(), progress)?;
        let pairs = Self::read(&place.path, &wanted)?;
        pairs.with_context(|| format!("{} was changed while it was written", place.path.display()))
    }

    /// The file at `path`; `None` if there is no such file, or it belongs to another text or
    /// tokenizer.
    fn read(path: &Path, wanted: &Header) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let name = || path.display().to_string();
        let bytes = mapped::open(path).with_context(name)?;
        let header = Header::read(&bytes).with_context(name)?;
        if !header.is_of(wanted) {
            return Ok(None);
        }
        header.check_body(&bytes).with_context(name)?;
        Ok(Some(Self { bytes, header, path: Some(path.to_path_buf()), is_whole: false }))
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.header.reading.pairs as usize
    }

    /// Whether there are no pairs; a text without pairs is refused.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What reading the text has given.
    pub fn reading(&self) -> Reading {
        self.header.reading
    }

    /// The number of all ids of a side.
    pub fn tokens(&self, side: Side) -> u64 {
        self.header.tokens[side as usize]
    }

    /// The file; `None` if the ids are in memory alone.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What tells these ids from any others, in a line: it says the same of the same text and
    /// tokenizer, wherever they are.
    pub fn fingerprint(&self) -> String {
        let Header { reading, checksum, .. } = &self.header;
        format!("{} pairs {checksum:08x}", reading.pairs)
    }

    /// The number of ids of a sentence, without those of its beginning and end.
    ///
    /// # Panics
    /// When there is no such pair; so do the functions below.
    pub fn length(&self, pair: usize, side: Side) -> usize {
        self.range(pair, side).len()
    }

    /// What is put after every target: [`EOS`], or nothing where targets are whole.
    pub fn end(&self) -> Option<u32> {
        (!self.is_whole).then_some(EOS)
    }

    /// The ids of a sentence, without those of its beginning and end.
    pub fn ids(
        &self,
        pair: usize,
        side: Side,
    ) -> impl ExactSizeIterator<Item = u32> + DoubleEndedIterator + '_ {
        let width = self.header.id_bytes;
        let Range { start, end } = self.range(pair, side);
        let bytes = &self.bytes[HEADER + width * start..HEADER + width * end];
        bytes.chunks_exact(width).map(|id| match *id {
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => unreachable!("an id has two or four bytes"),
        })
    }

    /// Where the ids of a sentence are among all.
    fn range(&self, pair: usize, side: Side) -> Range<usize> {
        assert!(pair < self.len(), "pair {pair} of {}", self.len());
        let (end, source) = self.index(pair);
        let start = if pair == 0 { 0 } else { self.index(pair - 1).0 };
        match side {
            Side::Source => start..start + source,
            Side::Target => start + source..end,
        }
    }

    fn index(&self, pair: usize) -> (usize, usize) {
        let at = self.header.index_at() + INDEX * pair;
        let entry = &self.bytes[at..at + INDEX];
        let number = |bytes: &[u8]| {
            bytes.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte)) as usize
        };
        (number(&entry[..8]), number(&entry[8..]))
    }
}
