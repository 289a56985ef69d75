//! What a file of token ids says of itself.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::data::parallel::Reading;
use crate::data::tokenizer::{Side, Tokenizer};

/// The bytes of the header.
pub(super) const HEADER: usize = 4096;
/// The bytes of a pair in the index.
pub(super) const INDEX: usize = 12;
/// The first bytes of a file.
const MAGIC: &[u8; 8] = b"TFMPAIRS";
/// Where the JSON begins.
const JSON: usize = MAGIC.len() + 4;
/// The way of writing that this module knows.
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    version: u32,
    /// Of the text's content.
    text: String,
    tokenizer: String,
    pub(super) id_bytes: usize,
    pub(super) reading: Reading,
    /// All ids of source and target.
    pub(super) tokens: [u64; 2],
    /// CRC-32C of all that follows the header.
    pub(super) checksum: u32,
}

impl Header {
    /// That of a file that is to be written, of which nothing is known yet but what it is made of.
    pub(super) fn of(text: String, tokenizer: &Tokenizer) -> Self {
        let size = Side::ALL.map(|side| tokenizer.size(side)).into_iter().max().unwrap_or(0);
        Self::new(text, tokenizer.fingerprint(), size)
    }

    /// As [`Header::of`], of ids below `size`.
    pub(super) fn new(text: String, tokenizer: String, size: usize) -> Self {
        Self {
            version: VERSION,
            text,
            tokenizer,
            id_bytes: if size <= 1 << 16 { 2 } else { 4 },
            reading: Reading::default(),
            tokens: [0; 2],
            checksum: 0,
        }
    }

    /// Whether it is made of the same text by the same tokenizer.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        let made_of = |header: &Self| {
            let Self { version, text, tokenizer, id_bytes, .. } = header.clone();
            (version, text, tokenizer, id_bytes)
        };
        made_of(self) == made_of(other)
    }

    /// What tells files beside each other apart: the tokenizer and the width of ids.
    pub(super) fn kind(&self) -> String {
        format!("{} {}", self.tokenizer, self.id_bytes)
    }

    /// The [`HEADER`] bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = [&MAGIC[..], &[0; JSON - MAGIC.len()]].concat();
        serde_json::to_writer(&mut bytes, self)?;
        ensure!(bytes.len() <= HEADER, "the header of {} bytes is too long", bytes.len());
        bytes.resize(HEADER, b' ');
        let checksum = crc32c::crc32c(&bytes[JSON..]);
        bytes[MAGIC.len()..JSON].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// That of a file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let header = bytes.get(..HEADER).context("it is too short")?;
        let (mark, rest) = header.split_at(MAGIC.len());
        let (checksum, json) = rest.split_at(JSON - MAGIC.len());
        ensure!(mark == MAGIC, "it is not a file of token ids");
        ensure!(checksum == crc32c::crc32c(json).to_le_bytes(), "its header is damaged");
        serde_json::from_slice(json).context("its header is that of another version")
    }

    /// Holds the rest of the file to its size and checksum.
    pub(super) fn check_body(&self, bytes: &[u8]) -> Result<()> {
        let expected = self.index_at() + INDEX * self.reading.pairs as usize;
        ensure!(bytes.len() == expected, "it has {} of {expected} bytes", bytes.len());
        ensure!(crc32c::crc32c(&bytes[HEADER..]) == self.checksum, "it is damaged");
        Ok(())
    }

    /// Where the index begins.
    pub(super) fn index_at(&self) -> usize {
        HEADER + self.id_bytes * self.tokens.iter().sum::<u64>() as usize
    }
}
