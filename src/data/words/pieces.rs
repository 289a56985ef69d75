//! A text in pieces that threads read side by side.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};

use super::{Space, TextSource, Token, is_ascii_space};
use crate::data::input::{self, Input, newlines};
use crate::system::threads;

/// How often each word occurs.
pub type Counts = HashMap<Box<str>, u64>;

/// The bytes of a piece, about.
const PIECE: u64 = 16 << 20;
/// The bytes of a plain file that are read at a time: they stay in the cache.
const BLOCK: usize = 1 << 18;
/// Nothing longer is a word.
const MAX_WORD_BYTES: usize = 1 << 20;

/// A part of a source that begins at its beginning or after a word, and ends likewise: the white
/// space before a word is in the word's own piece.
#[derive(Debug)]
pub struct Piece<'a> {
    source: &'a TextSource<'a>,
    bytes: Range<u64>,
}

/// Cuts `sources` into pieces, in their order.
///
/// # Errors
/// A file that cannot be read.
pub fn pieces<'a>(sources: &'a [TextSource<'a>]) -> Result<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    for source in sources {
        let TextSource::Plain { path, start } = source else {
            pieces.push(Piece { source, bytes: 0..0 });
            continue;
        };
        let place = || format!("cannot read {}", path.display());
        let mut file = File::open(path).with_context(place)?;
        let size = file.metadata().with_context(place)?.len();
        let mut start = *start;
        while start < size {
            let end = end_of_word(&mut file, start + PIECE, size).with_context(place)?;
            pieces.push(Piece { source, bytes: start..end });
            start = end;
        }
    }
    Ok(pieces)
}

/// The end of the first word that ends after `at`, or of the file. It is never within white space:
/// a newline and the word whose line it begins are in one piece.
fn end_of_word(file: &mut File, at: u64, size: u64) -> std::io::Result<u64> {
    let mut at = at.min(size);
    let mut buffer = [0; 4096];
    let mut in_word = false;
    file.seek(SeekFrom::Start(at))?;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(size);
        }
        for (i, &byte) in buffer[..n].iter().enumerate() {
            if in_word && is_ascii_space(byte) {
                return Ok((at + i as u64).min(size));
            }
            in_word = !is_ascii_space(byte);
        }
        at += n as u64;
    }
}

impl Piece<'_> {
    /// Whether this is a part of `source`, which is one of those that were cut.
    pub fn is_of(&self, source: &TextSource<'_>) -> bool {
        std::ptr::eq(self.source, source)
    }

    /// The source that this is a part of.
    pub fn source(&self) -> &TextSource<'_> {
        self.source
    }

    /// Whether the text begins a line here.
    pub fn starts_line(&self) -> bool {
        match self.source {
            TextSource::Plain { start, .. } => self.bytes.start == *start,
            _ => true,
        }
    }

    /// Calls `each` for every word and the end of every line.
    ///
    /// # Errors
    /// A file that cannot be read or has changed, a damaged archive, a text that is not UTF-8.
    pub fn for_each_token(&self, space: Space, mut each: impl FnMut(Token)) -> Result<()> {
        let mut each = |token: Token<'_>| {
            each(token);
            Ok(())
        };
        match self.source {
            TextSource::Memory(text) => tokens(space, text, &mut each),
            TextSource::Gzip(path) => {
                let reader = &mut *Input::open(path)?.reader;
                TokenStream { reader, path, before: (Some(0), 0) }.for_each_token(space, each)
            }
            TextSource::Plain { path, .. } => {
                let Range { start, end } = self.bytes;
                let reader = &mut part_of(path, &self.bytes)?;
                let mut read = TokenStream { reader, path, before: (None, start) };
                let bytes = read.for_each_token(space, each)?;
                ensure!(bytes == end - start, "{} was truncated while it was read", path.display());
                Ok(bytes)
            }
        }
        .map(|_| ())
    }
}

/// A part of a file.
fn part_of(path: &Path, bytes: &Range<u64>) -> Result<impl BufRead + use<>> {
    let place = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(place)?;
    file.seek(SeekFrom::Start(bytes.start)).with_context(place)?;
    Ok(BufReader::with_capacity(BLOCK, file).take(bytes.end - bytes.start))
}

/// A text that is read from here on.
pub struct TokenStream<'a> {
    /// What gives the text.
    pub reader: &'a mut dyn BufRead,
    /// What it is called.
    pub path: &'a Path,
    /// The lines and the bytes before it; those of a plain file are counted when an error asks.
    pub before: (Option<u64>, u64),
}

impl TokenStream<'_> {
    /// Calls `each` for every word and the end of every line, as soon as they are there, and
    /// returns the number of bytes.
    ///
    /// # Errors
    /// What `each` says; else as [`Piece::for_each_token`].
    pub fn for_each_token(
        &mut self,
        space: Space,
        mut each: impl FnMut(Token) -> Result<()>,
    ) -> Result<u64> {
        let place = self.path.display();
        let (mut buffer, mut lines, mut start) = (Vec::new(), 0, 0);
        loop {
            let block = self.reader.fill_buf();
            let block = block.with_context(|| format!("{place} cannot be read to the end"))?;
            let n = block.len();
            buffer.extend_from_slice(block);
            self.reader.consume(n);
            // What follows the last white space may be the begin of a word.
            let whole = match n {
                0 => buffer.len(),
                _ => buffer.iter().rposition(|&byte| is_ascii_space(byte)).map_or(0, |i| i + 1),
            };
            let (text, is_wrong) = match std::str::from_utf8(&buffer[..whole]) {
                Ok(text) => (text, false),
                Err(error) => {
                    let valid = &buffer[..error.valid_up_to()];
                    (std::str::from_utf8(valid).unwrap_or_default(), true)
                }
            };
            tokens(space, text, &mut each).with_context(|| place.to_string())?;
            lines += newlines(text.as_bytes());
            start += text.len() as u64;
            if is_wrong {
                return Err(self.not_utf8(lines, start));
            }
            if n == 0 {
                return Ok(start);
            }
            buffer.drain(..whole);
            check_length(buffer.len()).with_context(|| place.to_string())?;
        }
    }

    /// The error of a text that is valid UTF-8 for this many more lines and bytes.
    fn not_utf8(&self, lines: u64, bytes: u64) -> anyhow::Error {
        let (lines_before, bytes_before) = self.before;
        let before = lines_before.or_else(|| lines_of(self.path, bytes_before).ok());
        input::not_utf8(self.path, before.map(|before| before + lines), bytes_before + bytes)
    }
}

/// How many lines end in the first bytes of a file.
fn lines_of(path: &Path, bytes: u64) -> Result<u64> {
    let mut reader = part_of(path, &(0..bytes))?;
    let mut lines = 0;
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(lines);
        }
        lines += newlines(block);
        let n = block.len();
        reader.consume(n);
    }
}

fn tokens(space: Space, text: &str, each: &mut impl FnMut(Token) -> Result<()>) -> Result<u64> {
    space.tokens(text).try_for_each(|token| {
        if let Token::Word(word) = token {
            check_length(word.len())?;
        }
        each(token)
    })?;
    Ok(text.len() as u64)
}

fn check_length(word: usize) -> Result<()> {
    if word > MAX_WORD_BYTES {
        bail!("a word is longer than {MAX_WORD_BYTES} bytes: this is not text");
    }
    Ok(())
}

/// Counts the words of all pieces; also how many each piece has.
///
/// # Errors
/// As [`Piece::for_each_token`].
pub fn count(pieces: &[Piece], space: Space, threads: usize) -> Result<(Counts, Vec<usize>)> {
    let mut sizes = vec![0; pieces.len()];
    let counts = Mutex::new(Vec::<Counts>::new());
    let lock = || counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for_each_piece(pieces, threads, sizes.iter_mut().collect(), |piece, size: &mut usize| {
        // As many tables as threads: each piece continues with one that no other has.
        let mut own = lock().pop().unwrap_or_default();
        let result = piece.for_each_token(space, |token| {
            let Token::Word(word) = token else { return };
            *size += 1;
            match own.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(own.insert(word.into(), 1)),
            }
        });
        lock().push(own);
        result
    })?;
    let tables = std::mem::take(&mut *lock()).into_iter();
    let merged = tables.reduce(|mut all, table| {
        table.into_iter().for_each(|(word, count)| *all.entry(word).or_default() += count);
        all
    });
    Ok((merged.unwrap_or_default(), sizes))
}

/// Calls `work` for every piece with its part of `parts`, on `n_threads` threads.
///
/// # Errors
/// Threads that cannot be started, or that of the first piece whose work fails; pieces that no
/// thread has begun are left then.
pub fn for_each_piece<'a, P: Send>(
    pieces: &[Piece<'a>],
    n_threads: usize,
    parts: Vec<P>,
    work: impl Fn(&Piece<'a>, P) -> Result<()> + Sync,
) -> Result<()> {
    ensure!(parts.len() == pieces.len(), "every piece has a part");
    let queue = Mutex::new(pieces.iter().zip(parts).enumerate());
    let first_error = Mutex::new(None::<(usize, anyhow::Error)>);
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let fail = |i: usize, error| {
        // Pieces are begun in their order, so the first that fails has been begun by now.
        { queue.lock() }.unwrap_or_else(std::sync::PoisonError::into_inner).by_ref().for_each(drop);
        let mut first = first_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if first.as_ref().is_none_or(|(j, _)| i < *j) {
            *first = Some((i, error));
        }
    };
    threads::for_each(0..n_threads.clamp(1, pieces.len().max(1)), |_| {
        while let Some((i, (piece, part))) = next() {
            if let Err(error) = work(piece, part) {
                return fail(i, error);
            }
        }
    })?;
    match first_error.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}
