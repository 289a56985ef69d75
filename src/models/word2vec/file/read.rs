//! Reading files of vectors: format detection, and the parts common to all formats.

use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::table::{Header, Imported, VectorTable, excerpt};
use super::{Format, binary, projector, tensors, text};
use crate::data::input::{Input, Kind, peek};
use crate::system::wording::plural;

/// Bytes by which a format is found out.
const HEAD: u64 = 1 << 16;
/// The longest first line, and the longest word.
pub(super) const MAX_WORD: u64 = 1 << 20;

/// How a file is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Its format; else what it looks like.
    pub format: Option<Format>,
    /// The most words that are read, the first ones.
    pub limit: Option<NonZeroUsize>,
    /// Whether a malformed line is an error instead of being skipped.
    pub strict: bool,
}

/// A file that is being read.
pub(super) struct VectorSource<'a> {
    pub(super) path: &'a Path,
    pub(super) reader: Box<dyn BufRead>,
    /// The most bytes that it can hold.
    pub(super) max_bytes: u64,
    pub(super) options: ImportOptions,
}

impl<'a> VectorSource<'a> {
    /// Room for the words of a header, whose values take at least this many bytes each.
    ///
    /// # Errors
    /// More words than the file can hold, or than memory can.
    pub(super) fn table(&self, header: Header, bytes_a_value: u64) -> Result<VectorTable<'a>> {
        let place = format!("{}:1", self.path.display());
        header.ensure_held(self.max_bytes, bytes_a_value).context(place)?;
        VectorTable::new(self.path, self.options, header.width, Some(header.words))
    }
}

/// Reads the vectors of a file, or of a folder for [`Format::Tsv`]. The first row is that of
/// [`crate::data::corpus::UNKNOWN`]: zeros if the file lacks it.
///
/// # Errors
/// When the file cannot be read, is cut off, or has another number of words than it says: the
/// message has file, line or word, value and rule. When no word is left, or with
/// [`ImportOptions::strict`] when one is wrong.
pub fn read(path: &Path, options: ImportOptions) -> Result<Imported> {
    if path.is_dir() {
        return projector::read(path, options)?.finish();
    }
    let mut input = Input::open(path)?;
    let max_bytes = input.max_bytes();
    let head = peek(&mut input.reader, HEAD);
    let format = options.format.unwrap_or_else(|| guess(&head));
    let source = VectorSource { path, reader: input.reader, max_bytes, options };
    let table = match format {
        Format::Text => text::read(source),
        Format::Bin => binary::read(source),
        Format::Tsv => {
            let [vectors, words] = [0, 1].map(|file| projector::FILES[file]);
            ensure!(
                path.ends_with(vectors) || path.ends_with(words),
                "{} looks like vectors of the TensorFlow projector, which are a folder with {vectors} and \
                {words}: give the files these names, and name the folder",
                path.display()
            );
            projector::read(path.parent().unwrap_or(Path::new("")), options)
        }
        Format::Safetensors => {
            ensure!(
                matches!(input.kind, Kind::Plain { .. }),
                "{} needs random access: unpack it to a plain file",
                path.display()
            );
            tensors::read(path, options)
        }
    };
    table?.finish()
}

pub(super) fn cannot_read(path: &Path) -> String {
    format!("cannot read the vectors {}", path.display())
}

/// The format of a file that begins with `head`. What follows the first line of a binary file is
/// no text.
fn guess(head: &[u8]) -> Format {
    if head.get(8) == Some(&b'{') && head[4..8] == [0; 4] {
        return Format::Safetensors;
    }
    let mut lines = head.splitn(2, |&byte| byte == b'\n');
    let (first, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(header) = Header::parse(first) else {
        let mut fields = first.split(|&byte| byte == b'\t');
        let is_number = |field| std::str::from_utf8(field).is_ok_and(|f| f.parse::<f32>().is_ok());
        return if fields.all(is_number) { Format::Tsv } else { Format::Text };
    };
    let mut lines = rest.splitn(2, |&byte| byte == b'\n');
    if let (Some(row), Some(_)) = (lines.next(), lines.next())
        && is_row(row, header.width)
    {
        return Format::Text;
    }
    let is_letter = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    // The last letter may be cut off by the end of the head.
    let is_utf8 =
        std::str::from_utf8(rest).map_or_else(|error| error.error_len().is_none(), |_| true);
    if is_utf8 && rest.iter().all(is_letter) { Format::Text } else { Format::Bin }
}

/// Whether a line ends with this many numbers, whatever the word before them is.
fn is_row(line: &[u8], width: usize) -> bool {
    let fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let fields: Vec<&[u8]> = fields.collect();
    let is_number =
        |field: &&[u8]| std::str::from_utf8(field).is_ok_and(|f| f.parse::<f32>().is_ok());
    fields.len() > width && fields[fields.len() - width..].iter().all(is_number)
}

/// Reads up to and including the next `end`, or to the end of the file; at most `most` bytes.
pub(super) fn until(
    reader: &mut dyn BufRead,
    end: u8,
    most: u64,
    to: &mut Vec<u8>,
) -> std::io::Result<()> {
    to.clear();
    std::io::Read::take(reader, most).read_until(end, to).map(|_| ())
}

/// Appends the values in `fields` to `rows`; there must be `width`.
///
/// # Errors
/// The value and the rule, without a place.
pub(super) fn parse_values<'a>(
    word: &str,
    fields: impl Iterator<Item = &'a str>,
    width: usize,
    rows: &mut Vec<f32>,
) -> Result<()> {
    let mut n = 0;
    for field in fields {
        n += 1;
        let value: f32 = field.parse().ok().with_context(|| {
            format!("value {n} of {} is {}, but must be a number", excerpt(word), excerpt(field))
        })?;
        rows.push(value);
    }
    ensure!(n == width, "{} has {n} {}, but must have {width}", excerpt(word), plural(n, "value"));
    Ok(())
}
