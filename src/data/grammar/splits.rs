//! Generated text as files: a training, a validation and a test split.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{Grammar, Measure};
use crate::atomic;
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
    /// Its size and probability.
    pub measure: Measure,
}

/// Writes `grammar.train.txt` with at least `words` tokens, and `grammar.valid.txt` and
/// `grammar.test.txt` with a twelfth of that each but at least 2,000, from independent
/// streams of `seed`. Missing folders are made. Each file appears whole or not at all.
///
/// # Errors
/// If `words` is 0, if a file with another text exists and `force` is not set, or if one cannot be
/// written.
pub fn write_splits(dir: &Path, words: usize, seed: u64, force: bool) -> Result<Vec<SplitFile>> {
    if words == 0 {
        bail!("words = 0 must be at least 1");
    }
    let sizes = split_sizes(words);
    let path = |split| dir.join(format!("grammar.{split}.txt"));
    let grammar = Grammar::english();
    let of_other_text = sizes.iter().find(|(split, tokens)| {
        let path = path(*split);
        path.exists() && !holds(&path, &grammar, *split, *tokens, seed)
    });
    if let Some((split, _)) = of_other_text
        && !force
    {
        bail!(
            "{} already exists; remove it, choose another folder or use --force",
            path(*split).display()
        );
    }
    atomic::create_folder(dir)?;
    let write = |(split, tokens)| {
        let (path, mut measure) = (path(split), Measure::default());
        atomic::write_with(&path, |file| {
            let put = |line: &str| file.write_all(line.as_bytes());
            measure = grammar.write(seed, &split_stream(split), tokens, put)?;
            Ok(())
        })?;
        Ok(SplitFile { path, split, measure })
    };
    sizes.into_iter().map(write).collect()
}

/// Whether the file already has the text that is to be written. A call that was killed between two
/// files leaves such a file.
fn holds(path: &Path, grammar: &Grammar, split: Split, tokens: usize, seed: u64) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let (mut reader, mut there) = (BufReader::new(file), Vec::new());
    let compare = |line: &str| {
        there.resize(line.len(), 0);
        reader.read_exact(&mut there)?;
        if there == line.as_bytes() { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
    };
    grammar.write::<io::Error>(seed, &split_stream(split), tokens, compare).is_ok()
        && reader.read(&mut [0]).is_ok_and(|more| more == 0)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_call_that_was_killed_between_two_files_is_completed_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let all = write_splits(dir.path(), 3_000, 1, false).unwrap();
        for split in &all {
            fs::remove_file(&split.path).unwrap();
            let name = split.path.file_name().unwrap().to_str().unwrap();
            fs::write(dir.path().join(format!(".{name}.tmp")), "half").unwrap();
            assert_eq!(write_splits(dir.path(), 3_000, 1, false).unwrap(), all);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        }
        for (words, seed) in [(3_000, 2), (4_000, 1)] {
            assert!(write_splits(dir.path(), words, seed, false).is_err());
        }
    }

    #[test]
    fn the_splits_have_their_sizes_and_texts() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("deep/er");
        let splits = write_splits(&dir, 60_000, 7, false).unwrap();
        let grammar = Grammar::english();
        for (split, at_least) in splits.iter().zip([60_000, 5_000, 5_000]) {
            assert!((at_least..at_least + 100).contains(&split.measure.tokens));
            let name = format!("grammar/{}", split.split);
            let made = grammar.text(7, &name, at_least);
            assert_eq!((fs::read_to_string(&split.path).unwrap(), split.measure), made);
        }
        assert_ne!(fs::read(&splits[1].path).unwrap(), fs::read(&splits[2].path).unwrap());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
    }

    #[test]
    fn the_held_out_splits_have_a_least_size() {
        let dir = tempfile::tempdir().unwrap();
        let splits = write_splits(dir.path(), 1, 1, false).unwrap();
        assert!(
            splits[1].measure.tokens >= MIN_HELD_OUT && splits[2].measure.tokens >= MIN_HELD_OUT
        );
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
