//! The words of a text: what is between them, and texts of any size read by it.
//!
//! A text is a file, plain or compressed, or a string in memory ([`TextSource`]). It is read in
//! pieces, in turn or by several threads.

mod pieces;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::data::input::{self, Input, Kind};

pub use pieces::{Counts, Piece, TokenStream, count, for_each_piece, pieces};

/// The word that ends a sentence.
pub const END_OF_SENTENCE: &str = "<eos>";

/// The white space that parts words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// That of C's `isspace`, as in the `ScanWord` of word2vec's reference.
    Ascii,
    /// That of Python's `str.split`, as in the reference of the Penn Treebank.
    Unicode,
}

/// What a text consists of beside its white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A word.
    Word(&'a str),
    /// The end of a line.
    Newline,
}

impl<'a> Token<'a> {
    /// The word, a newline being `<eos>`.
    ///
    /// As in `ptb_raw_data` of the reference, but for one thing: there a newline without a space
    /// beside it melts into its neighbours, here it is always a word of its own. On the Penn
    /// Treebank both give the same words.
    pub fn or_end(self) -> &'a str {
        match self {
            Token::Word(word) => word,
            Token::Newline => END_OF_SENTENCE,
        }
    }
}

impl Space {
    /// The tokens of `text`.
    pub fn tokens(self, text: &str) -> Tokens<'_> {
        Tokens { text, at: 0, space: self }
    }

    /// The words of `text`, wherever its lines end.
    pub fn words(self, text: &str) -> impl Iterator<Item = &str> {
        self.tokens(text).filter_map(|token| match token {
            Token::Word(word) => Some(word),
            Token::Newline => None,
        })
    }

    /// The bytes of the white space that is at `at`, where a character begins; 0 for none.
    #[inline]
    fn len_at(self, text: &str, at: usize) -> usize {
        match text.as_bytes()[at] {
            b'!'..=0xc1 => 0,
            byte if is_ascii_space(byte) => 1,
            0x1c..=0x1f if self == Space::Unicode => 1,
            // No white space begins with another byte.
            0xc2 | 0xe1..=0xe3 if self == Space::Unicode => {
                let char = text[at..].chars().next();
                char.filter(|c| c.is_whitespace()).map_or(0, char::len_utf8)
            }
            _ => 0,
        }
    }
}

/// White space as C's `isspace` has it.
const fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The tokens of a text; see [`Space::tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    space: Space,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() {
            let len = self.space.len_at(self.text, self.at);
            if len == 0 {
                break;
            }
            self.at += len;
            if bytes[self.at - 1] == b'\n' {
                return Some(Token::Newline);
            }
        }
        let start = self.at;
        while self.at < bytes.len() && self.space.len_at(self.text, self.at) == 0 {
            self.at += 1;
        }
        (start < self.at).then(|| Token::Word(&self.text[start..self.at]))
    }
}

/// A text.
#[derive(Clone, Debug)]
pub enum TextSource<'a> {
    /// A plain file.
    Plain {
        /// The file.
        path: PathBuf,
        /// Where its text begins: after a byte order mark.
        start: u64,
    },
    /// A file compressed by gzip.
    Gzip(PathBuf),
    /// A text in memory.
    Memory(Cow<'a, str>),
}

impl TextSource<'_> {
    /// The file at `path`. What can be read only once, as a pipe, is read now.
    ///
    /// # Errors
    /// As [`Input::open`], and for a pipe also as [`input::read_to_string`].
    pub fn file(path: &Path) -> Result<Self> {
        let mut input = Input::open(path)?;
        Ok(match input.kind {
            Kind::Plain { mark, .. } => Self::Plain { path: path.to_path_buf(), start: mark },
            Kind::Gzip { .. } => Self::Gzip(path.to_path_buf()),
            Kind::Pipe => Self::Memory(input::whole_text(&mut *input.reader, path)?.into()),
        })
    }

    /// Calls `each` for every word and the end of every line, in turn.
    ///
    /// # Errors
    /// A file that cannot be read, a damaged archive, a text that is not UTF-8: file and line
    /// are named.
    pub fn for_each_token(&self, space: Space, mut each: impl FnMut(Token)) -> Result<()> {
        let pieces = pieces(std::slice::from_ref(self))?;
        pieces.iter().try_for_each(|piece| piece.for_each_token(space, &mut each))
    }
}

impl fmt::Display for TextSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { path, .. } | Self::Gzip(path) => path.display().fmt(f),
            Self::Memory(_) => f.write_str("the text"),
        }
    }
}

#[cfg(test)]
mod tests;
