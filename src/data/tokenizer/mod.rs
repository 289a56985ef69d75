//! Sentences as token ids and back, for models that translate: a source side and a target side.
//!
//! Two ways. [`Basic`] is that of the reference (`data_utils.py` of tutorials/rnn/translate): words
//! and punctuation, digits as 0, a vocabulary a side; what it leaves out does not come back.
//! [`Bpe`] is byte-pair encoding (Sennrich et al., arXiv 1508.07909) on the bytes of the text, one
//! vocabulary for both sides: every text comes back as it was written.
//!
//! In both the ids 0 to 3 are [`PAD`], [`GO`], [`EOS`] and [`UNK`], and text never gives one of the
//! first three, whatever is written in it.

mod basic;
mod bpe;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use basic::Basic;
pub use bpe::Bpe;

use crate::atomic;

/// Pads sentences that are shorter than their batch.
pub const PAD: u32 = 0;
/// Starts the decoder's input.
pub const GO: u32 = 1;
/// Ends a target sentence.
pub const EOS: u32 = 2;
/// Stands for tokens outside the vocabulary.
pub const UNK: u32 = 3;
/// The tokens of the first ids, as the reference writes them.
pub const SPECIAL: [&str; 4] = ["_PAD", "_GO", "_EOS", "_UNK"];

/// One of the two languages of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// What is translated.
    Source,
    /// What it is translated into.
    Target,
}

impl Side {
    /// Both, in the order of their discriminants.
    pub const ALL: [Side; 2] = [Side::Source, Side::Target];

    /// `source` or `target`.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Target => "target",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How sentences are split into tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words and punctuation, digits replaced by 0, one vocabulary per side, as in the reference.
    #[default]
    Basic,
    /// Byte-pair encoding, one vocabulary for both sides; text comes back as it was written.
    Bpe,
}

/// A tokenizer of either kind.
#[derive(Clone, Debug)]
pub enum Tokenizer {
    /// The reference's.
    Basic(Basic),
    /// Byte-pair encoding, or whatever else a `tokenizer.json` says.
    Bpe(Bpe),
}

impl Tokenizer {
    /// The ids of a sentence, without [`GO`] and [`EOS`].
    pub fn encode(&self, side: Side, text: &str) -> Vec<u32> {
        match self {
            Self::Basic(basic) => basic.encode(side, text),
            Self::Bpe(bpe) => bpe.encode(text),
        }
    }

    /// The text of ids: up to the first [`EOS`], without [`PAD`] and [`GO`].
    ///
    /// # Panics
    /// When an id is not below [`Tokenizer::size`].
    pub fn decode(&self, side: Side, ids: &[u32]) -> String {
        let ids = ids.iter().copied().take_while(|&id| id != EOS);
        let ids: Vec<u32> = ids.filter(|id| ![PAD, GO].contains(id)).collect();
        match self {
            Self::Basic(basic) => basic.decode(side, &ids),
            Self::Bpe(bpe) => bpe.decode(&ids),
        }
    }

    /// What one id stands for, such as for the labels of an attention map; the special tokens have
    /// the names of [`SPECIAL`].
    ///
    /// # Panics
    /// When the id is not below [`Tokenizer::size`].
    pub fn piece(&self, side: Side, id: u32) -> String {
        match (SPECIAL.get(id as usize), self) {
            (Some(name), _) => (*name).to_owned(),
            (None, Self::Basic(basic)) => basic.decode(side, &[id]),
            (None, Self::Bpe(bpe)) => bpe.decode(&[id]),
        }
    }

    /// What one id stands for, in the plural.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Basic(_) => "words",
            Self::Bpe(_) => "tokens",
        }
    }

    /// The number of ids of a side, the four special ones among them.
    pub fn size(&self, side: Side) -> usize {
        match self {
            Self::Basic(basic) => basic.size(side),
            Self::Bpe(bpe) => bpe.size(),
        }
    }

    /// Whether both sides have the same ids.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Bpe(_))
    }

    /// A line that identifies the tokenizer: kind, sizes and checksums.
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Basic(basic) => basic.fingerprint(),
            Self::Bpe(bpe) => bpe.fingerprint(),
        }
    }

    /// The files that hold it, by name: a `tokenizer.json` as the `tokenizers` library of Python
    /// reads it, or `source.vocab.txt` and `target.vocab.txt` with one word per line.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        match self {
            Self::Basic(basic) => basic.files(),
            Self::Bpe(bpe) => vec![(bpe::FILE, bpe.json().as_bytes().to_vec())],
        }
    }

    /// Writes these files into `folder`.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let write = |(name, bytes): (&str, Vec<u8>)| atomic::write(&folder.join(name), &bytes);
        self.files().into_iter().try_for_each(write)
    }

    /// The words of a sentence, one for each id of [`Tokenizer::encode`]; unknown ones as they are
    /// written.
    pub fn words(&self, side: Side, text: &str) -> Vec<String> {
        match self {
            Self::Basic(_) => basic::words(text),
            Self::Bpe(bpe) => {
                let word = |(id, written): (u32, &str)| match id {
                    UNK => written.to_owned(),
                    id => self.piece(side, id),
                };
                bpe.encode_with_text(text).into_iter().map(word).collect()
            }
        }
    }

    /// Reads what [`Tokenizer::save`] has written.
    ///
    /// # Errors
    /// A folder without a tokenizer, or one that is damaged: the file is named.
    pub fn load(folder: &Path) -> Result<Self> {
        let json = folder.join(bpe::FILE);
        if json.exists() {
            return Ok(Self::Bpe(Bpe::read(&json)?));
        }
        if !Side::ALL.iter().any(|&side| folder.join(basic::file(side)).exists()) {
            let [source, target] = Side::ALL.map(basic::file);
            let (folder, json) = (folder.display(), bpe::FILE);
            bail!("{folder} has no tokenizer: neither {json} nor {source} and {target}");
        }
        Ok(Self::Basic(Basic::load(folder)?))
    }
}
