//! Where a text comes from.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Space, Token, pieces};
use crate::data::input::{self, Input, Kind};

/// A text.
#[derive(Clone, Debug)]
pub enum TextSource<'a> {
    /// A plain file.
    Plain {
        /// The file.
        path: PathBuf,
        /// Where its text begins: behind a byte order mark.
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
