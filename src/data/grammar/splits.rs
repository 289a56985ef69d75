//! Generated text as files: a training, a validation and a test split.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Grammar, perplexity};
use crate::data::Split;

/// The least size of the validation and test splits, in tokens.
const MIN_HELD_OUT: usize = 2_000;
/// The training split is this many times as large as each of the others.
const HELD_OUT_FRACTION: usize = 12;

/// A file of generated text.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitFile {
    /// `grammar.<name>.txt` in the folder asked for.
    pub path: PathBuf,
    /// What the text is for.
    pub split: Split,
    /// Words, with an `<eos>` for each line.
    pub tokens: usize,
    /// Natural logarithm of the probability of all tokens.
    pub log_probability: f64,
}

impl SplitFile {
    /// The perplexity per token of the grammar itself on this split: its floor.
    pub fn perplexity(&self) -> f64 {
        perplexity(self.log_probability, self.tokens)
    }
}

/// Writes `grammar.train.txt` with at least `words` tokens, and `grammar.valid.txt` and
/// `grammar.test.txt` with a twelfth of that each but at least 2,000, from independent
/// streams of `seed`. Missing folders are made. Each file appears whole or not at all.
///
/// # Errors
/// If `words` is 0, if a file exists and `force` is not set, or if one cannot be written.
pub fn write_splits(dir: &Path, words: usize, seed: u64, force: bool) -> Result<Vec<SplitFile>> {
    if words == 0 {
        bail!("words = 0 must be at least 1");
    }
    let sizes = split_sizes(words);
    let path = |split| dir.join(format!("grammar.{split}.txt"));
    if let Some(path) = sizes.iter().map(|(split, _)| path(*split)).find(|path| path.exists())
        && !force
    {
        bail!("{} exists already; remove it, choose another folder or use --force", path.display());
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let grammar = Grammar::english();
    sizes
        .into_iter()
        .map(|(split, tokens)| write_split(&grammar, path(split), split, tokens, seed))
        .collect()
}

/// Writes under a temporary name first.
fn write_split(
    grammar: &Grammar,
    path: PathBuf,
    split: Split,
    tokens: usize,
    seed: u64,
) -> Result<SplitFile> {
    let temporary = path.with_extension(format!("txt.tmp-{}", std::process::id()));
    let written = write_text(grammar, &temporary, split, tokens, seed)
        .and_then(|measures| fs::rename(&temporary, &path).map(|()| measures));
    if written.is_err() {
        // The first error is the one to report; a file that was never made has none to add.
        let _ = fs::remove_file(&temporary);
    }
    let (tokens, log_probability) =
        written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(SplitFile { path, split, tokens, log_probability })
}

/// The least sizes, in tokens, of the splits that go with `words` of training text.
pub fn split_sizes(words: usize) -> [(Split, usize); 3] {
    let held_out = (words / HELD_OUT_FRACTION).max(MIN_HELD_OUT);
    [(Split::Train, words), (Split::Valid, held_out), (Split::Test, held_out)]
}

/// The stream of a split's sentences.
pub fn split_stream(split: Split) -> String {
    format!("grammar/{split}")
}

/// The number of tokens written and their log-probability.
fn write_text(
    grammar: &Grammar,
    path: &Path,
    split: Split,
    n_tokens: usize,
    seed: u64,
) -> std::io::Result<(usize, f64)> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut tokens, mut log_probability) = (0, 0.0);
    let mut line = String::new();
    for sentence in grammar.sentences(seed, &split_stream(split)) {
        if tokens >= n_tokens {
            break;
        }
        line.clear();
        sentence.push_line(&mut line);
        file.write_all(line.as_bytes())?;
        tokens += sentence.tokens();
        log_probability += sentence.log_probability;
    }
    file.into_inner()?.sync_all()?;
    Ok((tokens, log_probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_splits_have_their_sizes_and_scores() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("deep/er");
        let splits = write_splits(&dir, 60_000, 7, false).unwrap();
        let grammar = Grammar::english();
        for (split, at_least) in splits.iter().zip([60_000, 5_000, 5_000]) {
            assert!((at_least..at_least + 100).contains(&split.tokens));
            let text = fs::read_to_string(&split.path).unwrap();
            let lines: Vec<Vec<_>> =
                text.lines().map(|line| line.split_whitespace().collect()).collect();
            assert_eq!(lines.iter().map(|line| line.len() + 1).sum::<usize>(), split.tokens);
            let score: f64 = lines.iter().map(|line| grammar.score(line).unwrap()).sum();
            assert!((score - split.log_probability).abs() < 1e-6);
            assert_eq!(text, grammar_text(&grammar, split.split, at_least));
        }
        assert_ne!(fs::read(&splits[1].path).unwrap(), fs::read(&splits[2].path).unwrap());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
    }

    fn grammar_text(grammar: &Grammar, split: Split, n_tokens: usize) -> String {
        grammar.text(7, &format!("grammar/{split}"), n_tokens).text
    }

    #[test]
    fn the_held_out_splits_have_a_least_size() {
        let dir = tempfile::tempdir().unwrap();
        let splits = write_splits(dir.path(), 1, 1, false).unwrap();
        assert!(splits[1].tokens >= MIN_HELD_OUT && splits[2].tokens >= MIN_HELD_OUT);
    }

    #[test]
    fn a_file_that_exists_stays() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("grammar.valid.txt");
        fs::write(&kept, "mine").unwrap();
        let error = write_splits(dir.path(), 3_000, 1, false).unwrap_err().to_string();
        assert!(error.contains("grammar.valid.txt"), "{error}");
        assert_eq!(fs::read_to_string(&kept).unwrap(), "mine");
        assert!(!dir.path().join("grammar.train.txt").exists());

        write_splits(dir.path(), 3_000, 1, true).unwrap();
        assert_ne!(fs::read_to_string(&kept).unwrap(), "mine");
    }

    #[test]
    fn no_words_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write_splits(dir.path(), 0, 1, false).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write_splits(&file.join("sub"), 1, 1, false).unwrap_err();
        assert!(format!("{error:#}").contains("sub"), "{error:#}");
    }
}
