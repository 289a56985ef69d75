//! A text in pieces that threads read side by side.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use memmap2::MmapOptions;

use super::{Source, Space, Token, is_ascii_space};

/// How often each word occurs.
pub type Counts = HashMap<Box<str>, u64>;

/// The bytes of a piece, and of what is decompressed at a time, about.
const PIECE: u64 = 16 << 20;
/// Nothing longer is a word.
const LONGEST_WORD: usize = 1 << 20;

/// A part of a source that begins at its beginning or behind a word, and ends likewise: the
/// white space before a word is in the word's own piece.
#[derive(Debug)]
pub struct Piece<'a> {
    source: &'a Source<'a>,
    bytes: Range<u64>,
}

/// Cuts `sources` into pieces, in their order.
///
/// # Errors
/// A file that cannot be read.
pub fn pieces<'a>(sources: &'a [Source<'a>]) -> Result<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    for source in sources {
        let Source::Plain(path) = source else {
            pieces.push(Piece { source, bytes: 0..0 });
            continue;
        };
        let place = || format!("cannot read {}", path.display());
        let mut file = File::open(path).with_context(place)?;
        let size = file.metadata().with_context(place)?.len();
        let mut start = 0;
        while start < size {
            let end = end_of_word(&mut file, start + PIECE, size).with_context(place)?;
            pieces.push(Piece { source, bytes: start..end });
            start = end;
        }
    }
    Ok(pieces)
}

/// The end of the first word that ends behind `at`, or of the file. It is never within white
/// space: a newline and the word whose line it begins are in one piece.
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
    pub fn is_of(&self, source: &Source<'_>) -> bool {
        std::ptr::eq(self.source, source)
    }

    /// The source that this is a part of.
    pub fn source(&self) -> &Source<'_> {
        self.source
    }

    /// Whether the text begins a line here.
    pub fn starts_line(&self) -> bool {
        self.bytes.start == 0
    }

    /// Calls `each` for every word and the end of every line.
    ///
    /// # Errors
    /// A file that cannot be read, a damaged archive, a text that is not UTF-8.
    pub fn for_each_token(&self, space: Space, mut each: impl FnMut(Token)) -> Result<()> {
        match self.source {
            Source::Memory(text) => tokens(space, text, &mut each),
            Source::Plain(path) => for_each_token_of_file(path, &self.bytes, space, each),
            Source::Gzip(path) => for_each_token_of_gzip(path, space, each),
        }
    }
}

fn for_each_token_of_file(
    path: &Path,
    range: &Range<u64>,
    space: Space,
    mut each: impl FnMut(Token),
) -> Result<()> {
    let bytes = map(path, range)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| not_utf8(path, range.start, &bytes[..error.valid_up_to()]))?;
    tokens(space, text, &mut each).with_context(|| path.display().to_string())
}

/// The bytes of a file, which are in memory while they are looked at.
#[allow(unsafe_code)]
fn map(path: &Path, bytes: &Range<u64>) -> Result<memmap2::Mmap> {
    let len = (bytes.end - bytes.start) as usize;
    let place = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {place}"))?;
    // SAFETY: a file that another program shortens meanwhile ends this process with a signal
    // instead of a wrong result; nothing else reads the mapping.
    unsafe { MmapOptions::new().offset(bytes.start).len(len).map(&file) }
        .with_context(|| format!("cannot map {place}"))
}

/// The error of a text that is valid from `start` on as far as `valid` goes.
fn not_utf8(path: &Path, start: u64, valid: &[u8]) -> anyhow::Error {
    let newlines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
    let before = || -> Result<usize> {
        let mut lines = 0;
        let mut at = 0;
        while at < start {
            let end = start.min(at + PIECE);
            lines += newlines(&map(path, &(at..end))?);
            at = end;
        }
        Ok(lines)
    };
    let line = before().map_or_else(|_| "?".to_string(), |n| (n + newlines(valid) + 1).to_string());
    invalid(path, line, start + valid.len() as u64)
}

fn invalid(path: &Path, line: impl Display, byte: u64) -> anyhow::Error {
    let place = path.display();
    anyhow::anyhow!("{place}:{line}: the text is not UTF-8, byte {byte}; convert it, as with iconv")
}

fn for_each_token_of_gzip(path: &Path, space: Space, mut each: impl FnMut(Token)) -> Result<()> {
    let place = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {place}"))?;
    let mut reader = MultiGzDecoder::new(file);
    let (mut buffer, mut line, mut start) = (Vec::new(), 1, 0);
    loop {
        let held = buffer.len() as u64;
        let n = { reader.by_ref() }
            .take(PIECE.saturating_sub(held).max(1))
            .read_to_end(&mut buffer)
            .with_context(|| format!("{place} is damaged: it cannot be decompressed to its end"))?;
        // What follows the last white space may be the begin of a word.
        let whole = match n {
            0 => buffer.len(),
            _ => buffer.iter().rposition(|&byte| is_ascii_space(byte)).unwrap_or(0),
        };
        let text = std::str::from_utf8(&buffer[..whole]).map_err(|error| {
            let valid = &buffer[..error.valid_up_to()];
            let line = line + valid.iter().filter(|&&byte| byte == b'\n').count();
            invalid(path, line, start + valid.len() as u64)
        })?;
        tokens(space, text, &mut each).with_context(|| place.to_string())?;
        if n == 0 {
            return Ok(());
        }
        line += text.bytes().filter(|&byte| byte == b'\n').count();
        start += whole as u64;
        buffer.drain(..whole);
        check_length(buffer.len()).with_context(|| place.to_string())?;
    }
}

fn tokens(space: Space, text: &str, each: &mut impl FnMut(Token)) -> Result<()> {
    space.tokens(text).try_for_each(|token| {
        if let Token::Word(word) = token {
            check_length(word.len())?;
        }
        each(token);
        Ok(())
    })
}

fn check_length(word: usize) -> Result<()> {
    if word > LONGEST_WORD {
        bail!("a word of more than {LONGEST_WORD} bytes is no text");
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
        // As many tables as threads: each piece goes on with one that no other has.
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

/// Calls `work` for every piece with its part of `parts`, on `threads` threads.
///
/// # Errors
/// That of the first piece whose work fails; pieces that no thread has begun are left then.
pub fn for_each_piece<'a, P: Send>(
    pieces: &[Piece<'a>],
    threads: usize,
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
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, pieces.len().max(1)) {
            scope.spawn(|| {
                while let Some((i, (piece, part))) = next() {
                    if let Err(error) = work(piece, part) {
                        return fail(i, error);
                    }
                }
            });
        }
    });
    match first_error.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}
