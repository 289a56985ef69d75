//! The two files that the TensorFlow projector takes.

use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::super::vectors::WordVectors;
use super::read::{ImportOptions, parse_values};
use super::table::VectorTable;
use crate::data::input::Input;

/// The files of vectors, of words, and of where TensorBoard finds both.
pub(super) const FILES: [&str; 3] = ["vectors.tsv", "metadata.tsv", "projector_config.pbtxt"];
/// The header of the second column of the words.
const HEAD: &str = "word\tcount";

/// The config that TensorBoard's projector reads first.
pub(super) fn write_config(to: &mut impl Write) -> Result<()> {
    let [vectors, metadata, _] = FILES;
    write!(
        to,
        "embeddings {{\n  tensor_path: \"{vectors}\"\n  metadata_path: \"{metadata}\"\n}}\n"
    )?;
    Ok(())
}

/// A line of values with tabs between them for each word.
pub(super) fn write_vectors(vectors: &WordVectors, to: &mut impl Write) -> Result<()> {
    for row in vectors.rows().chunks(vectors.width()) {
        for (index, value) in row.iter().enumerate() {
            let tab = if index == 0 { "" } else { "\t" };
            write!(to, "{tab}{value:?}")?;
        }
        writeln!(to)?;
    }
    Ok(())
}

/// A line for each word. With counts there is a second column, and then the projector expects a
/// line of names; a single column must have none.
pub(super) fn write_metadata(vectors: &WordVectors, to: &mut impl Write) -> Result<()> {
    let vocabulary = vectors.vocabulary();
    let Some(counts) = vectors.counts() else {
        to.write_all(vocabulary.to_text().as_bytes())?;
        return Ok(());
    };
    writeln!(to, "{HEAD}")?;
    for (id, count) in (0..).zip(counts) {
        writeln!(to, "{}\t{count}", vocabulary.word(id))?;
    }
    Ok(())
}

/// Reads vectors in this format from `folder`.
pub(super) fn read(folder: &Path, options: ImportOptions) -> Result<VectorTable<'_>> {
    let paths = FILES.map(|name| folder.join(name));
    let [vectors, metadata, _] = &paths;
    let (mut words, mut rows) = (lines(metadata)?, lines(vectors)?);
    let mut first = words.next().transpose()?;
    let has_counts = first.as_deref() == Some(HEAD);
    if has_counts {
        first = words.next().transpose()?;
    }
    let mut table = None;
    for (line, word) in (1..).zip(first.into_iter().map(Ok).chain(words)) {
        let (word, row) = (word?, rows.next().transpose()?);
        let row = row.with_context(|| {
            format!("{} ends before line {line}, but there are more words", vectors.display())
        })?;
        let width = row.split('\t').count();
        let table = match &mut table {
            Some(table) => table,
            none => none.insert(VectorTable::new(folder, options, width, None)?),
        };
        let (width, counted) = (table.width, word_and_count(&word, has_counts));
        let is_counted = counted.is_ok();
        table.add(
            || match is_counted {
                true => format!("{}:{line}", vectors.display()),
                // Behind the line of names.
                false => format!("{}:{}", metadata.display(), line + 1),
            },
            |values| {
                let (word, count) = counted?;
                parse_values(word, row.split('\t'), width, values)?;
                Ok((word, count))
            },
        )?;
        if table.is_full() {
            break;
        }
    }
    let is_limited = table.as_ref().is_some_and(VectorTable::is_full);
    ensure!(is_limited || rows.next().is_none(), "{} has more lines than words", vectors.display());
    table.with_context(|| format!("{} has no words", metadata.display()))
}

/// What a line of the words says.
fn word_and_count(line: &str, has_counts: bool) -> Result<(&str, u64)> {
    if !has_counts {
        return Ok((line, 0));
    }
    let (word, count) = line.rsplit_once('\t').context("the word has no count")?;
    Ok((word, count.parse().with_context(|| format!("{count:?} is not a count"))?))
}

/// The lines of a file.
fn lines(path: &Path) -> Result<impl Iterator<Item = Result<String>>> {
    let place = path.display().to_string();
    let lines = Input::open(path)?.reader.lines();
    Ok(lines.map(move |line| line.with_context(|| format!("cannot read {place}"))))
}
