//! The files that a user gives: texts, questions, vectors, names.
//!
//! They are opened here. The first bytes tell what a file is, whatever its name: gzip is
//! decompressed, the byte order mark is skipped, and what cannot be read is named with the way out.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use flate2::bufread::GzDecoder;

use crate::system::memory;

/// What a gzip file begins with (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];
/// U+FEFF in UTF-8, which some programs put before a text and which is not part of it.
const MARK: &[u8] = "\u{feff}".as_bytes();
/// The largest factor by which gzip can shrink a file.
const MAX_RATIO: u64 = 1032;
/// Bytes that are read at a time.
const BUFFER: usize = 1 << 18;
/// Bytes by which a file is known: those of a tar archive's header.
const HEAD: u64 = 512;

/// Formats that are not read: the offset and the bytes that identify them, and what to do.
const NOT_READ: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", "a zip file: unpack it"),
    (4, b"1AY&SY", "a bzip2 file: unpack it with bunzip2"),
    (0, b"\xfd7zXZ\0", "an xz file: unpack it with unxz"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file: unpack it with unzstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (257, b"ustar", "a tar archive: unpack it"),
    (0, b"\xff\xfe", "a UTF-16 text: convert it, for example with iconv -f UTF-16 -t UTF-8"),
    (0, b"\xfe\xff", "a UTF-16 text: convert it, for example with iconv -f UTF-16 -t UTF-8"),
    (0, b"\x93NUMPY", "a NumPy array, which has no words: save words and vectors as text"),
    (0, b"\xba\x16\x4f\x2f", "a fastText model: give its .vec file"),
    (0, b"\x89HDF\r\n", "an HDF5 file: save its content as text"),
    (0, b"\xff\xd8\xff", "a JPEG image, not a text"),
    (0, b"\x89PNG", "a PNG image, not a text"),
    (0, b"%PDF-", "a PDF: convert it to text"),
];

/// A file that is read from its beginning to its end.
pub struct Input {
    /// What it holds, decompressed and without a byte order mark.
    pub reader: Box<dyn BufRead>,
    /// How it is kept.
    pub kind: Kind,
}

/// How the content of a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is: it can be read at any place.
    Plain {
        /// The bytes of the file.
        bytes: u64,
        /// Those of the byte order mark before its content.
        mark: u64,
    },
    /// Compressed: it can be read from its beginning, again and again.
    Gzip {
        /// The bytes of the file.
        bytes: u64,
    },
    /// A pipe or a device: it can be read once.
    Pipe,
}

impl Input {
    /// Opens a file and finds out what it is.
    ///
    /// # Errors
    /// When it cannot be read, is a folder, or has a format that is not supported; the message has
    /// a hint.
    pub fn open(path: &Path) -> Result<Self> {
        let place = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {place}"))?;
        let metadata = file.metadata().with_context(|| format!("cannot read {place}"))?;
        ensure!(!metadata.is_dir(), "{place} is a folder, not a file");
        let kind = match metadata.is_file() {
            true => Kind::Plain { bytes: metadata.len(), mark: 0 },
            false => Kind::Pipe,
        };
        let reader = Box::new(BufReader::with_capacity(BUFFER, file));
        recognised(reader, kind).map_err(|what| anyhow!("{place} is {what}"))
    }

    /// The most bytes that the file can hold, before it is read.
    pub fn max_bytes(&self) -> u64 {
        match self.kind {
            Kind::Plain { bytes, .. } => bytes,
            Kind::Gzip { bytes } => bytes.saturating_mul(MAX_RATIO),
            Kind::Pipe => u64::MAX,
        }
    }
}

/// The text of standard input, which is read as it comes.
///
/// # Errors
/// When it cannot be read, or is of a format that is not read.
pub fn stdin() -> Result<Box<dyn BufRead>> {
    as_it_comes(Box::new(io::stdin().lock()))
}

/// Recognises gzip and the byte order mark by what comes first, and waits for nothing more.
fn as_it_comes(mut reader: Box<dyn BufRead>) -> Result<Box<dyn BufRead>> {
    let head = reader.fill_buf().context("cannot read the standard input")?;
    if head.starts_with(GZIP) {
        return as_it_comes(Box::new(BufReader::with_capacity(BUFFER, Gunzip::new(reader))));
    }
    if let Some(what) = not_read(head) {
        bail!("the standard input is {what}");
    }
    let mark = if head.starts_with(MARK) { MARK.len() } else { 0 };
    reader.consume(mark);
    Ok(reader)
}

/// Recognises gzip and the byte order mark. The error names a format that is not read.
fn recognised(mut reader: Box<dyn BufRead>, mut kind: Kind) -> Result<Input, &'static str> {
    let mut head = peek(&mut reader, HEAD);
    if head.starts_with(GZIP) {
        reader = Box::new(BufReader::with_capacity(BUFFER, Gunzip::new(reader)));
        head = peek(&mut reader, HEAD);
        if let Kind::Plain { bytes, .. } = kind {
            kind = Kind::Gzip { bytes };
        }
    }
    if let Some(what) = not_read(&head) {
        return Err(what);
    }
    if head.starts_with(b"\x80") && matches!(head.get(1), Some(2..=5)) {
        return Err("a Python pickle, such as gensim's .kv: save it with save_word2vec_format");
    }
    if head.starts_with(MARK) {
        reader.consume(MARK.len());
        if let Kind::Plain { mark, .. } = &mut kind {
            *mark = MARK.len() as u64;
        }
    }
    Ok(Input { reader, kind })
}

/// The format that is not read and begins with these bytes, with what to do.
pub fn not_read(head: &[u8]) -> Option<&'static str> {
    let begins =
        |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    let known = NOT_READ.iter().find(|(at, bytes, _)| begins(*at, bytes));
    known.map(|(_, _, what)| *what)
}

/// The next bytes of `reader`, `most` of them or all, which it will give once more. An error that
/// occurs meanwhile follows them.
pub fn peek(reader: &mut Box<dyn BufRead>, most: u64) -> Vec<u8> {
    let mut head = Vec::new();
    let result = reader.by_ref().take(most).read_to_end(&mut head);
    let rest = match result {
        Ok(_) => std::mem::replace(reader, Box::new(io::empty())),
        Err(error) => Box::new(BufReader::new(Broken(error))),
    };
    *reader = Box::new(Cursor::new(head.clone()).chain(rest));
    head
}

/// A reader that fails.
struct Broken(io::Error);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(self.0.kind(), self.0.to_string()))
    }
}

/// The whole text of a file.
///
/// # Errors
/// As [`Input::open`]; a text that is not UTF-8, with its line; one that memory cannot hold.
pub fn read_to_string(path: &Path) -> Result<String> {
    let mut input = Input::open(path)?;
    if let Kind::Plain { bytes, .. } = input.kind {
        memory::ensure_fits(bytes.saturating_mul(2), || path.display().to_string())?;
    }
    whole_text(&mut *input.reader, path)
}

/// The rest of a text that is being read; `path` names it in errors.
///
/// # Errors
/// As [`read_to_string`].
pub fn whole_text(reader: &mut dyn BufRead, path: &Path) -> Result<String> {
    let place = path.display();
    let mut bytes = Vec::new();
    let most = memory::available() / 2;
    let n = reader.take(most).read_to_end(&mut bytes);
    let n = n.with_context(|| format!("{place} cannot be read to the end"))?;
    ensure!((n as u64) < most, "{place} does not fit into memory: write it to a plain file");
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        not_utf8(path, Some(newlines(valid)), valid.len() as u64)
    })
}

/// How many lines end in `bytes`.
pub fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// The error of a text that is valid UTF-8 for this many lines, if known, and bytes.
pub fn not_utf8(path: &Path, lines: Option<u64>, bytes: u64) -> anyhow::Error {
    let line = lines.map_or("?".to_owned(), |lines| (lines + 1).to_string());
    let place = path.display();
    anyhow!(
        "{place}:{line}: the text is not UTF-8, byte {bytes}; convert it, for example with iconv"
    )
}

/// Decompresses all members of a gzip file. Zeros may fill up its last block, as on tapes.
pub struct Gunzip<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Gunzip<R> {
    /// Decompresses what `reader` gives.
    pub fn new(reader: R) -> Self {
        Self(Some(GzDecoder::new(reader)))
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.0 else { return Ok(0) };
            let n = member.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let rest = self.0.take().map(GzDecoder::into_inner);
            self.0 = rest.map(behind_zeros).transpose()?.flatten().map(GzDecoder::new);
        }
    }
}

/// What follows the zeros, if anything does.
fn behind_zeros<R: BufRead>(mut reader: R) -> io::Result<Option<R>> {
    loop {
        let bytes = reader.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let (is_end, is_other) = (bytes.is_empty(), zeros < bytes.len());
        reader.consume(zeros);
        if is_end || is_other {
            return Ok(is_other.then_some(reader));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn open(bytes: &[u8]) -> (Kind, Result<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, bytes).unwrap();
        (Input::open(&path).unwrap().kind, read_to_string(&path))
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_zeros_and_marks_are_no_part_of_a_text() {
        let (kind, text) = open("\u{feff}é\u{feff}".as_bytes());
        assert_eq!((kind, &*text.unwrap()), (Kind::Plain { bytes: 8, mark: 3 }, "é\u{feff}"));
        let members = [gzip("\u{feff}one "), vec![0; 3], gzip("two"), vec![0; 2000]].concat();
        let (kind, text) = open(&members);
        assert_eq!(
            (kind, &*text.unwrap()),
            (Kind::Gzip { bytes: members.len() as u64 }, "one two")
        );
        assert_eq!(open(b"").1.unwrap(), "");
        let cut = open(&members[..20]).1.unwrap_err();
        assert!(format!("{cut:#}").contains("cannot be read to the end"), "{cut:#}");
        let other = open(&[gzip("one"), b"two and more".to_vec()].concat()).1;
        assert!(format!("{:#}", other.unwrap_err()).contains("gzip header"));
    }

    #[test]
    fn what_comes_through_a_pipe_is_recognised_too() {
        let read = |bytes: Vec<u8>| {
            let mut text = String::new();
            as_it_comes(Box::new(Cursor::new(bytes)))?.read_to_string(&mut text)?;
            anyhow::Ok(text)
        };
        assert_eq!(read(b"one\n".to_vec()).unwrap(), "one\n");
        assert_eq!(read(gzip("\u{feff}one\ntwo")).unwrap(), "one\ntwo");
        assert_eq!(read(Vec::new()).unwrap(), "");
        let zip = read(b"PK\x03\x04...".to_vec()).unwrap_err().to_string();
        assert_eq!(zip, "the standard input is a zip file: unpack it");
    }
}
