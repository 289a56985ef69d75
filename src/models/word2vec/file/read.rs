//! Opening a file of vectors, plain or compressed, and finding out its format.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use flate2::read::MultiGzDecoder;

use super::super::vectors::WordVectors;
use super::header::Header;
use super::{Format, binary, text};

/// What is read of a file at a time, and all that is looked at to find out its format.
const BUFFER_BYTES: usize = 1 << 20;

/// The longest first line, and the longest word.
pub(super) const MOST_WORD: u64 = 1 << 20;

/// A file that is being read.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) reader: Box<dyn BufRead + 'a>,
    /// The file's size, where that is the size of what is read.
    pub(super) bytes: Option<u64>,
}

impl Source<'_> {
    /// Reads the first line, by way of `line`.
    pub(super) fn header(&mut self, line: &mut Vec<u8>) -> Result<Header> {
        let place = || cannot_read(self.path);
        until(&mut *self.reader, b'\n', MOST_WORD, line).with_context(place)?;
        Header::parse(line).with_context(|| format!("{}:1", self.path.display()))
    }

    /// The error of a file that ends after `words` words.
    pub(super) fn cut_off(&self, words: usize, header: Header) -> anyhow::Error {
        anyhow!(
            "{} ends after {words} words, but its first line says {}; it is cut off, or that line \
             is wrong",
            self.path.display(),
            header.words
        )
    }
}

/// Reads a file in word2vec's text or binary format, either also compressed as `.gz`. Without
/// `format` the first word's values tell which it is.
///
/// # Errors
/// When the file cannot be read, is damaged or cut off, has a word twice, or another number of
/// words than it says: the message has file, line or word, value and rule. Formats that are only
/// written.
pub fn read(path: &Path, format: Option<Format>) -> Result<WordVectors> {
    let mut source = open(path)?;
    let format = match format {
        Some(format) => format,
        None => guess(&mut source.reader).with_context(|| cannot_read(path))?,
    };
    match format {
        Format::Text => text::read(source),
        Format::Bin => binary::read(source),
        Format::Tsv | Format::Safetensors => {
            bail!("{}: only the formats text and bin are read", path.display())
        }
    }
}

pub(super) fn cannot_read(path: &Path) -> String {
    format!("cannot read the vectors {}", path.display())
}

fn open(path: &Path) -> Result<Source<'_>> {
    let file = File::open(path).with_context(|| cannot_read(path))?;
    let bytes = file.metadata().with_context(|| cannot_read(path))?.len();
    let mut plain = BufReader::with_capacity(BUFFER_BYTES, file);
    let is_gzip = plain.fill_buf().with_context(|| cannot_read(path))?.starts_with(&[0x1f, 0x8b]);
    Ok(match is_gzip {
        true => {
            let unpacked = BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(plain));
            Source { path, reader: Box::new(unpacked), bytes: None }
        }
        false => Source { path, reader: Box::new(plain), bytes: Some(bytes) },
    })
}

/// Text, where the line after the first holds a word and numbers, or the file ends before that.
fn guess(reader: &mut dyn BufRead) -> std::io::Result<Format> {
    let head = reader.fill_buf()?;
    let mut lines = head.split(|&byte| byte == b'\n');
    let (first, second) = (lines.next().unwrap_or(b""), lines.next().unwrap_or(b""));
    let Ok(header) = Header::parse(first) else { return Ok(Format::Text) };
    let fields = second.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    // The last one may be cut off by the end of the buffer.
    let is_number = |field: &[u8]| {
        std::str::from_utf8(field).is_ok_and(|field| {
            field.parse::<f32>().is_ok() || field.ends_with(['e', 'E', '-', '+', '.'])
        })
    };
    let numbers = fields.skip(1).take_while(|field| is_number(field)).count();
    let is_text = numbers > 0
        && (numbers >= header.width || lines.next().is_none())
        && second.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    Ok(if is_text || second.is_empty() { Format::Text } else { Format::Bin })
}

/// Reads up to and with the next `end`, but no more than `most` bytes. Without its `end` where the
/// file ends before it.
pub(super) fn until(
    reader: &mut dyn BufRead,
    end: u8,
    most: u64,
    to: &mut Vec<u8>,
) -> std::io::Result<()> {
    to.clear();
    reader.take(most).read_until(end, to).map(|_| ())
}
