//! word2vec's binary format.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail, ensure};

use super::super::vectors::WordVectors;
use super::read::{MAX_WORD, VectorSource, cannot_read, until};
use super::table::{Header, VectorTable, excerpt};
use crate::system::wording::plural;

/// Bytes of values that are read at a time: a wrong width asks for no more memory than this.
const PART: usize = 1 << 12;
const VALUE: usize = size_of::<f32>();

/// Writes `V D`, then each word, a blank, its values and a line feed.
pub(super) fn write(vectors: &WordVectors, to: &mut impl Write) -> Result<()> {
    writeln!(to, "{} {}", vectors.len(), vectors.width())?;
    for id in 0..vectors.len() as u32 {
        write!(to, "{} ", vectors.vocabulary().word(id))?;
        for value in vectors.row(id) {
            to.write_all(&value.to_le_bytes())?;
        }
        writeln!(to)?;
    }
    Ok(())
}

/// Reads what [`write`] writes, and what gensim writes: the same without the lines' ends.
pub(super) fn read(mut source: VectorSource) -> Result<VectorTable> {
    let path = source.path;
    let mut line = Vec::new();
    until(&mut *source.reader, b'\n', MAX_WORD, &mut line).with_context(|| cannot_read(path))?;
    let header = Header::parse(&line).with_context(|| format!("{}:1", path.display()))?;
    let mut table = source.table(header, VALUE as u64)?;
    let reader = &mut *source.reader;
    for index in 0..header.words {
        if table.is_full() {
            return Ok(table);
        }
        let place = || format!("{}, word {}", path.display(), index + 1);
        skip_line_ends(reader).with_context(place)?;
        until(reader, b' ', MAX_WORD, &mut line).with_context(place)?;
        ensure!(
            !line.is_empty(),
            "{} ends after {index} {}, but its first line says {}; it is truncated, or that line is \
            wrong",
            path.display(),
            plural(index, "word"),
            header.words
        );
        let Some(word) = line.strip_suffix(b" ") else {
            bail!(
                "{}: no blank ends {}: the file is truncated or damaged, or its first line is wrong",
                place(),
                excerpt(&String::from_utf8_lossy(&line))
            );
        };
        let mut cut_off = None;
        table.add(place, |rows| {
            cut_off = read_values(reader, header.width, rows).err();
            let word = std::str::from_utf8(word);
            Ok((word.context("the word is not UTF-8")?, 0))
        })?;
        ensure!(
            cut_off.is_none(),
            "{}: the file ends within the {} {} of {}; it is truncated, or its first line is wrong",
            place(),
            header.width,
            plural(header.width, "value"),
            excerpt(&String::from_utf8_lossy(word))
        );
    }
    skip_line_ends(reader).with_context(|| cannot_read(path))?;
    ensure!(
        reader.fill_buf().with_context(|| cannot_read(path))?.is_empty(),
        "{}: more data follows after the {} {} of {} {} that its first line announces",
        path.display(),
        header.words,
        plural(header.words, "word"),
        header.width,
        plural(header.width, "value")
    );
    Ok(table)
}

/// Reads `n` values and appends them to `rows`.
fn read_values(reader: &mut dyn BufRead, n: usize, rows: &mut Vec<f32>) -> std::io::Result<()> {
    let mut part = [0; PART];
    let mut left = n;
    while left > 0 {
        let n = left.min(PART / VALUE);
        let bytes = &mut part[..n * VALUE];
        reader.read_exact(bytes)?;
        let (values, _) = bytes.as_chunks::<VALUE>();
        rows.extend(values.iter().map(|value| f32::from_le_bytes(*value)));
        left -= n;
    }
    Ok(())
}

fn skip_line_ends(reader: &mut dyn BufRead) -> std::io::Result<()> {
    while reader.fill_buf()?.first() == Some(&b'\n') {
        reader.consume(1);
    }
    Ok(())
}
