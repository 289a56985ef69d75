//! The lines of a file, one at a time.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::data::input::{Input, Kind, not_utf8};

/// A longer line is not a sentence; a file without line ends would fill the memory.
const LONGEST: u64 = 1 << 20;

/// A file that is read line by line.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    /// The bytes of a plain file.
    pub(super) size: Option<u64>,
    /// Bytes of its content before the line.
    start: u64,
    /// Bytes of its content that were read.
    pub(super) done: u64,
    /// Lines that were read.
    pub(super) count: u64,
    bytes: Vec<u8>,
    /// Whether the line is longer than any sentence; its end is not kept.
    is_too_long: bool,
}

impl Lines {
    /// Opens a file, which must be one that can be read again.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let input = Input::open(path)?;
        ensure!(
            input.kind != Kind::Pipe,
            "{} can be read once only, and it is read again and again: write it to a file",
            path.display()
        );
        let size = match input.kind {
            Kind::Plain { bytes, .. } => Some(bytes),
            _ => None,
        };
        Ok(Self {
            path: path.to_path_buf(),
            reader: input.reader,
            size,
            start: 0,
            done: 0,
            count: 0,
            bytes: Vec::new(),
            is_too_long: false,
        })
    }

    /// Goes on to the next line; false at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.bytes.clear();
        // With the two characters of a line's end.
        let mut reader = self.reader.by_ref().take(LONGEST + 2);
        let broken = || format!("{} cannot be read to the end", self.path.display());
        let mut n = reader.read_until(b'\n', &mut self.bytes).with_context(broken)?;
        if n == 0 {
            return Ok(false);
        }
        if n as u64 > LONGEST && self.bytes.last() != Some(&b'\n') {
            n += self.reader.skip_until(b'\n').with_context(broken)?;
        }
        self.start = self.done;
        self.done += n as u64;
        self.count += 1;
        // Texts of Windows end their lines by two characters.
        for end in [b'\n', b'\r'] {
            if self.bytes.last() == Some(&end) {
                self.bytes.pop();
            }
        }
        self.is_too_long = self.bytes.len() as u64 > LONGEST;
        Ok(true)
    }

    /// Holds the line to the length of a sentence.
    pub(super) fn check_length(&self) -> Result<()> {
        let is_sentence = !self.is_too_long;
        ensure!(is_sentence, "{}: the line is longer than {LONGEST} bytes", self.place());
        Ok(())
    }

    /// The line; an error where it is not UTF-8.
    pub(super) fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let bytes = self.start + error.valid_up_to() as u64;
            not_utf8(&self.path, Some(self.count - 1), bytes)
        })
    }

    /// How many columns tabs make of the line.
    pub(super) fn columns(&self) -> usize {
        1 + self.bytes.iter().filter(|&&byte| byte == b'\t').count()
    }

    /// The file and the line, as errors name them.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.count)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
