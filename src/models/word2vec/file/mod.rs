//! Files of word vectors, as gensim and the TensorFlow projector read and write them.
//!
//! | format | files |
//! |---|---|
//! | text | `V D`, then one line per word: the word and its values, separated by blanks |
//! | bin | `V D`, then each word, a blank, its values as little-endian `f32`, a line feed |
//! | tsv | a folder with `vectors.tsv` and `metadata.tsv` for projector.tensorflow.org |
//! | safetensors | tensors `vectors` (V, D), `words`, `counts` |
//!
//! GloVe files, which are text without the first line, are read too. Files are written atomically, and
//! replace others only with `force`.

mod binary;
mod projector;
mod read;
mod table;
mod tensors;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

pub use read::{ImportOptions, read};
pub use table::Imported;

use super::vectors::WordVectors;
use crate::{atomic, run};

/// A format of files of word vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// word2vec's text format, one word per line
    Text,
    /// word2vec's binary format
    Bin,
    /// a folder with vectors.tsv and metadata.tsv for the TensorFlow projector and TensorBoard
    Tsv,
    /// the tensors vectors, words and counts
    Safetensors,
}

/// Writes vectors to `path`, a folder for [`Format::Tsv`] and else a file, and returns the paths of
/// the files.
///
/// # Errors
/// When a file already exists and `force` is not given, when the format cannot hold a word, or a
/// file cannot be written.
pub fn write(
    vectors: &WordVectors,
    format: Format,
    path: &Path,
    force: bool,
) -> Result<Vec<PathBuf>> {
    match format {
        Format::Text => {
            run::check_output(path, force)?;
            ensure_words_fit(vectors, "text", |c| c.is_ascii_whitespace())?;
            atomic::write_with(path, |file| text::write(vectors, file))?;
        }
        Format::Bin => {
            run::check_output(path, force)?;
            ensure_words_fit(vectors, "bin", |c| c.is_ascii_whitespace())?;
            atomic::write_with(path, |file| binary::write(vectors, file))?;
        }
        Format::Tsv => {
            let files = projector::FILES.map(|name| path.join(name));
            files.iter().try_for_each(|file| run::check_output(file, force))?;
            ensure_words_fit(vectors, "tsv", |c| matches!(c, '\t' | '\n' | '\r'))?;
            fs::create_dir_all(path)
                .with_context(|| format!("cannot create the folder {}", path.display()))?;
            atomic::write_with(&files[0], |file| projector::write_vectors(vectors, file))?;
            atomic::write_with(&files[1], |file| projector::write_metadata(vectors, file))?;
            atomic::write_with(&files[2], projector::write_config)?;
            return Ok(files.into());
        }
        Format::Safetensors => {
            run::check_output(path, force)?;
            let bytes = tensors::to_bytes(vectors)?;
            atomic::write(path, &bytes)?;
        }
    }
    Ok(vec![path.to_owned()])
}

/// A word must not look like the end of itself.
fn ensure_words_fit(vectors: &WordVectors, format: &str, ends: fn(char) -> bool) -> Result<()> {
    let vocabulary = vectors.vocabulary();
    for id in 0..vocabulary.len() as u32 {
        let word = vocabulary.word(id);
        ensure!(
            !word.is_empty() && !word.contains(ends),
            "word {id} is {word:?}, and the format {format} holds no empty words and none with \
             blanks in them; export to safetensors, which holds any word"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
