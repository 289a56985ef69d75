//! Taking `metrics.jsonl` back to a checkpoint, without losing a byte of what came after it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::atomic;

/// Keeps the first `lines_kept` lines of `path` and moves what follows, a cut last line included,
/// to `metrics.orphan-N.jsonl` beside it, under the first free N from 1. Returns the bytes kept.
///
/// The orphans are complete on the disk before the file gives them up, and each of the two files
/// is placed at once: whenever this is killed, calling it again ends in the same state.
///
/// # Errors
/// When the file holds fewer whole lines than `lines_kept`, or a file cannot be read or written.
pub(super) fn keep_lines(path: &Path, lines_kept: u64) -> Result<u64> {
    let (kept, orphans) = split(path, lines_kept)?;
    if !orphans.is_empty() {
        place_orphans(path, &orphans)?;
        atomic::write(path, &kept)?;
    }
    Ok(kept.len() as u64)
}

/// The first `lines_kept` lines of `path`, and what follows.
///
/// # Errors
/// When the file holds fewer whole lines, or cannot be read.
pub(super) fn split(path: &Path, lines_kept: u64) -> Result<(Vec<u8>, Vec<u8>)> {
    atomic::expect_plain(path)?;
    let mut bytes = match fs::read(path) {
        // A run killed before its first line has nothing to keep.
        Err(error) if error.kind() == ErrorKind::NotFound && lines_kept == 0 => Vec::new(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let orphans = bytes.split_off(length_of(path, &bytes, lines_kept)?);
    Ok((bytes, orphans))
}

fn length_of(path: &Path, bytes: &[u8], lines: u64) -> Result<usize> {
    let mut ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n').map(|(i, _)| i + 1);
    let (mut length, mut found) = (0, 0);
    while found < lines
        && let Some(end) = ends.next()
    {
        (length, found) = (end, found + 1);
    }
    ensure!(
        found == lines,
        "{} holds {found} lines but the checkpoint was written after {lines}: \
         put the missing lines back, or resume from an earlier checkpoint",
        path.display()
    );
    Ok(length)
}

fn place_orphans(path: &Path, orphans: &[u8]) -> Result<()> {
    let mut number = 1;
    while orphan_path(path, number).try_exists().context("cannot look for earlier orphans")? {
        number += 1;
    }
    // An earlier call that was killed halfway has placed these very lines already.
    let last = orphan_path(path, number - 1);
    if number > 1 && fs::read(last).is_ok_and(|there| there == orphans) {
        return Ok(());
    }
    atomic::write(&orphan_path(path, number), orphans)
}

fn orphan_path(path: &Path, number: u64) -> PathBuf {
    path.with_file_name(format!("metrics.orphan-{number}.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets up files by name, calls `keep_lines`, and returns all files, sorted by name.
    fn check(files: &[(&str, &str)], lines_kept: u64) -> Result<Vec<(String, String)>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let path = folder.path().join("metrics.jsonl");
        let bytes = keep_lines(&path, lines_kept)?;
        assert_eq!(bytes, fs::metadata(&path).map_or(0, |file| file.len()));
        let mut found: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| (name.clone(), fs::read_to_string(folder.path().join(&name)).unwrap()))
            .collect();
        found.sort();
        Ok(found)
    }

    fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn what_follows_the_kept_lines_becomes_an_orphan() {
        let found = check(&[("metrics.jsonl", "a\nb\nc\nd")], 2).unwrap();
        let wanted = [("metrics.jsonl", "a\nb\n"), ("metrics.orphan-1.jsonl", "c\nd")];
        assert_eq!(found, owned(&wanted));
        let found = check(&[("metrics.jsonl", "a\n")], 0).unwrap();
        assert_eq!(found, owned(&[("metrics.jsonl", ""), ("metrics.orphan-1.jsonl", "a\n")]));
    }

    #[test]
    fn nothing_moves_where_nothing_follows() {
        for (text, lines) in [("a\nb\n", 2), ("", 0)] {
            let found = check(&[("metrics.jsonl", text)], lines).unwrap();
            assert_eq!(found, owned(&[("metrics.jsonl", text)]));
        }
    }

    #[test]
    fn a_missing_file_has_no_line() {
        assert_eq!(check(&[], 0).unwrap(), []);
        assert!(check(&[], 1).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn earlier_orphans_stay() {
        let files = [("metrics.jsonl", "a\nc\n"), ("metrics.orphan-1.jsonl", "b\n")];
        let wanted = [
            ("metrics.jsonl", "a\n"),
            ("metrics.orphan-1.jsonl", "b\n"),
            ("metrics.orphan-2.jsonl", "c\n"),
        ];
        assert_eq!(check(&files, 1).unwrap(), owned(&wanted));
    }

    /// The states in which a kill can leave the folder: the orphan's temporary file is being
    /// written, the orphan is in place, the kept part's temporary file is being written.
    #[test]
    fn a_call_that_was_killed_is_completed_by_the_next() {
        let before = ("metrics.jsonl", "a\nb\nc");
        let (kept, orphan) = (("metrics.jsonl", "a\n"), ("metrics.orphan-1.jsonl", "b\nc"));
        let partial = (".metrics.orphan-1.jsonl.tmp", "b");
        assert_eq!(check(&[before, partial], 1).unwrap(), owned(&[kept, orphan]));
        assert_eq!(check(&[before, orphan], 1).unwrap(), owned(&[kept, orphan]));
        let partial = (".metrics.jsonl.tmp", "");
        assert_eq!(check(&[before, orphan, partial], 1).unwrap(), owned(&[kept, orphan]));
        assert_eq!(check(&[kept, orphan], 1).unwrap(), owned(&[kept, orphan]));
    }

    #[test]
    fn too_few_lines_are_an_error_and_change_nothing() {
        let error = check(&[("metrics.jsonl", "a\nb")], 2).unwrap_err().to_string();
        assert!(
            error.contains("metrics.jsonl holds 1 lines but the checkpoint was written after 2"),
            "{error}"
        );
    }
}
