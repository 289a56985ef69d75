//! word2vec's text format.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, ensure};

use super::super::vectors::WordVectors;
use super::header::{Header, excerpt};
use super::read::{MOST_WORD, Source, cannot_read, until};
use super::table::Table;

/// The fewest bytes of a value: a digit and a blank.
const LEAST_BYTES: u64 = 2;
/// The most bytes of a value in the longest line that may be.
const MOST_BYTES: u64 = 64;

/// Writes `V D` and a line for each word. A value is the shortest decimal number that is read back
/// as the same `f32`.
pub(super) fn write(vectors: &WordVectors, to: &mut impl Write) -> Result<()> {
    writeln!(to, "{} {}", vectors.len(), vectors.width())?;
    for id in 0..vectors.len() as u32 {
        write!(to, "{}", vectors.vocabulary().word(id))?;
        for value in vectors.row(id) {
            // Of the two notations this one has an exponent where it is shorter.
            write!(to, " {value:?}")?;
        }
        writeln!(to)?;
    }
    Ok(())
}

pub(super) fn read(mut source: Source) -> Result<WordVectors> {
    let path = source.path;
    let mut line = Vec::new();
    let header = source.header(&mut line)?;
    let mut table = Table::new(header, header.reserve(source.bytes, LEAST_BYTES));
    let most = MOST_WORD.saturating_add((header.width as u64).saturating_mul(MOST_BYTES));
    while table.len() < header.words {
        let number = table.len() + 2;
        let place = || format!("{}:{number}", path.display());
        until(&mut *source.reader, b'\n', most, &mut line).with_context(place)?;
        if line.is_empty() {
            return Err(source.cut_off(table.len(), header));
        }
        read_line(&line, header, &mut table).with_context(place)?;
    }
    ensure_end(&mut source, header)?;
    table.finish(|index| format!("{}:{}", path.display(), index + 2))
}

/// A word and its values.
fn read_line(line: &[u8], header: Header, table: &mut Table) -> Result<()> {
    let line = std::str::from_utf8(line).context("the line is not UTF-8")?;
    let line = line.trim_end_matches(|c: char| c.is_ascii_whitespace());
    let (word, values) = line.split_once(' ').unwrap_or((line, ""));
    let mut n = 0;
    for field in values.split(' ').filter(|field| !field.is_empty()) {
        n += 1;
        let value: f32 = field.parse().ok().with_context(|| {
            format!("value {n} of {} is {}, but must be a number", excerpt(word), excerpt(field))
        })?;
        table.rows.push(value);
    }
    ensure!(
        n == header.width,
        "{} has {n} values, but the first line says {}",
        excerpt(word),
        header.width
    );
    table.push(word)
}

/// After the last word there may be blank lines, and nothing else.
fn ensure_end(source: &mut Source, header: Header) -> Result<()> {
    loop {
        let rest = source.reader.fill_buf().with_context(|| cannot_read(source.path))?;
        if rest.is_empty() {
            return Ok(());
        }
        ensure!(
            rest.iter().all(u8::is_ascii_whitespace),
            "{}:{}: more follows after {} words, which are all that its first line says",
            source.path.display(),
            header.words + 2,
            header.words
        );
        let n = rest.len();
        source.reader.consume(n);
    }
}
