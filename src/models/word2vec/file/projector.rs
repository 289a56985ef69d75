//! The two files that the TensorFlow projector takes.

use std::io::Write;

use anyhow::Result;

use super::super::vectors::WordVectors;

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
    writeln!(to, "word\tcount")?;
    for (id, count) in (0..).zip(counts) {
        writeln!(to, "{}\t{count}", vocabulary.word(id))?;
    }
    Ok(())
}
