//! Where a text comes from.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Space, Token, pieces};

/// What a gzip file begins with (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A text.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// A plain file.
    Plain(PathBuf),
    /// A file compressed by gzip.
    Gzip(PathBuf),
    /// A text in memory.
    Memory(&'a str),
}

impl Source<'_> {
    /// The file at `path`; whether it is compressed, its first bytes tell.
    ///
    /// # Errors
    /// When it cannot be read, or is a folder.
    pub fn file(path: &Path) -> Result<Self> {
        let place = path.display();
        let mut file = File::open(path).with_context(|| format!("cannot open {place}"))?;
        let size = file.metadata().with_context(|| format!("cannot read {place}"))?;
        ensure!(!size.is_dir(), "{place} is a folder, not a text file");
        let mut begin = Vec::new();
        let reader = file.by_ref().take(GZIP_MAGIC.len() as u64);
        { reader }.read_to_end(&mut begin).with_context(|| format!("cannot read {place}"))?;
        let path = path.to_path_buf();
        Ok(if begin == GZIP_MAGIC { Self::Gzip(path) } else { Self::Plain(path) })
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

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(path) | Self::Gzip(path) => path.display().fmt(f),
            Self::Memory(_) => f.write_str("the text"),
        }
    }
}
