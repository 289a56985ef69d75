//! word2vec's text format.

use std::io::Write;

use anyhow::{Context, Result, ensure};

use super::super::vectors::WordVectors;
use super::read::{MAX_WORD, VectorSource, cannot_read, parse_values, until};
use super::table::{Header, VectorTable};
use crate::system::wording::plural;

/// The fewest bytes of a value: a digit and a blank.
const MIN_BYTES: u64 = 2;
/// The most bytes of a value in the longest line that may be.
const MAX_BYTES: u64 = 64;
/// The longest first line: a word and its values, if there is no header.
const MAX_LINE: u64 = 64 * MAX_WORD;

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

/// Reads what [`write`] writes, and files of GloVe's, which have no first line.
pub(super) fn read(mut source: VectorSource) -> Result<VectorTable> {
    let path = source.path;
    let mut line = Vec::new();
    until(&mut *source.reader, b'\n', MAX_LINE, &mut line).with_context(|| cannot_read(path))?;
    let header = Header::parse(&line);
    let (mut table, words, head) = match (header, width_without_header(&line)) {
        (Ok(header), _) => (source.table(header, MIN_BYTES)?, Some(header.words), 1),
        (_, Some(width)) => (VectorTable::new(path, source.options, width, None)?, None, 0),
        (Err(error), None) => return Err(error).with_context(|| format!("{}:1", path.display())),
    };
    let most = MAX_WORD.saturating_add((table.width as u64).saturating_mul(MAX_BYTES));
    let (mut number, mut found) = (1, 0);
    if head == 1 {
        line.clear();
    }
    while !table.is_full() {
        let place = || format!("{}:{number}", path.display());
        if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
            let is_more = words.is_some_and(|words| found == words);
            ensure!(
                !is_more,
                "{}: more data follows after the {found} {} that the first line announces",
                place(),
                plural(found, "word")
            );
            found += 1;
            let width = table.width;
            table.add(place, |rows| parse_line(&line, width, rows).map(|word| (word, 0)))?;
        }
        until(&mut *source.reader, b'\n', most, &mut line).with_context(place)?;
        number += 1;
        if line.is_empty() {
            let is_whole = words.is_none_or(|words| found == words);
            ensure!(
                is_whole,
                "{} ends after {found} {}, but its first line says {}; it is truncated, or that line is \
                wrong",
                path.display(),
                plural(found, "word"),
                words.unwrap_or_default()
            );
            break;
        }
    }
    Ok(table)
}

/// The number of values of a line that is a word and its values.
fn width_without_header(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    let values = || line.split_ascii_whitespace().skip(1);
    let is_number = |field: &str| field.parse::<f32>().is_ok();
    // Two whole numbers are a first line, right or wrong, and no word with a single value.
    let is_whole = |field: &str| {
        let digits = field.strip_prefix(['-', '+']).unwrap_or(field);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut fields = line.split_ascii_whitespace();
    if let (Some(first), Some(second), None) = (fields.next(), fields.next(), fields.next())
        && is_whole(first)
        && is_whole(second)
    {
        return None;
    }
    (values().next().is_some() && values().all(is_number)).then(|| values().count())
}

/// Returns the word of a line and appends its values to `rows`.
fn parse_line<'a>(line: &'a [u8], width: usize, rows: &mut Vec<f32>) -> Result<&'a str> {
    let line = std::str::from_utf8(line).context("the line is not UTF-8")?;
    let line = line.trim_end_matches(|c: char| c.is_ascii_whitespace());
    let (word, values) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let fields = values.split([' ', '\t']).filter(|field| !field.is_empty());
    parse_values(word, fields, width, rows)?;
    Ok(word)
}
