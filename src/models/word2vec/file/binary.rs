//! word2vec's binary format.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail, ensure};

use super::super::vectors::WordVectors;
use super::header::{Header, excerpt};
use super::read::{MOST_WORD, Source, cannot_read, until};
use super::table::Table;

/// Bytes of values that are read at a time: a wrong width asks for no more memory than this.
const PART: usize = 1 << 16;
const VALUE: usize = size_of::<f32>();

/// Writes `V D`, and each word, a blank, its values and a line's end.
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
pub(super) fn read(mut source: Source) -> Result<WordVectors> {
    let path = source.path;
    let mut line = Vec::new();
    let header = source.header(&mut line)?;
    let mut table = Table::new(header, header.reserve(source.bytes, VALUE as u64));
    let place = |index: usize| format!("{}, word {}", path.display(), index + 1);
    while table.len() < header.words {
        let index = table.len();
        skip_line_ends(&mut *source.reader).with_context(|| place(index))?;
        until(&mut *source.reader, b' ', MOST_WORD, &mut line).with_context(|| place(index))?;
        if line.is_empty() {
            return Err(source.cut_off(index, header));
        }
        read_word(&mut *source.reader, &line, header, &mut table).with_context(|| place(index))?;
    }
    skip_line_ends(&mut *source.reader).with_context(|| cannot_read(path))?;
    ensure!(
        source.reader.fill_buf().with_context(|| cannot_read(path))?.is_empty(),
        "{}: more follows after {} words of {} values, which are all that its first line says",
        path.display(),
        header.words,
        header.width
    );
    table.finish(place)
}

fn skip_line_ends(reader: &mut dyn BufRead) -> std::io::Result<()> {
    while reader.fill_buf()?.first() == Some(&b'\n') {
        reader.consume(1);
    }
    Ok(())
}

/// The values of the word that `text` holds, with the blank behind it.
fn read_word(
    reader: &mut dyn BufRead,
    text: &[u8],
    header: Header,
    table: &mut Table,
) -> Result<()> {
    let Some(word) = text.strip_suffix(b" ") else {
        bail!(
            "no blank ends {}: the file is cut off or damaged, or its first line is wrong",
            excerpt(&String::from_utf8_lossy(text))
        );
    };
    let Ok(word) = std::str::from_utf8(word) else {
        bail!(
            "{} is not UTF-8: the file is damaged or in another encoding, or its first line is \
             wrong",
            excerpt(&String::from_utf8_lossy(word))
        );
    };
    let mut part = [0; PART];
    let mut left = header.width;
    while left > 0 {
        let n = left.min(PART / VALUE);
        let bytes = &mut part[..n * VALUE];
        reader.read_exact(bytes).map_err(|_| {
            anyhow::anyhow!(
                "the file ends within the {} values of {}; it is cut off, or its first line is \
                 wrong",
                header.width,
                excerpt(word)
            )
        })?;
        let (values, _) = bytes.as_chunks::<VALUE>();
        table.rows.extend(values.iter().map(|value| f32::from_le_bytes(*value)));
        left -= n;
    }
    table.push(word)
}
