//! The language pair as files: a training, a development and a test split.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::{SyntheticPair, pairs};
use crate::atomic;
use crate::data::Split;

/// The training split is this many times as large as each of the others.
const HELD_OUT_FRACTION: usize = 20;
/// The least and the most pairs of the others.
const HELD_OUT: (usize, usize) = (200, 2000);

/// The two files of a split, whose lines belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitFiles {
    /// What the pairs are for.
    pub split: Split,
    /// `<name>.src` in the folder asked for: English, one sentence a line.
    pub source: PathBuf,
    /// `<name>.tgt`: their translations.
    pub target: PathBuf,
    /// The number of lines of each.
    pub pairs: usize,
}

/// Writes `train.src` and `train.tgt` with `pairs` pairs, and `dev.*` and `test.*` with a twentieth
/// of that each, but from 200 to 2,000. Missing folders are made. Each file appears whole or not at
/// all.
///
/// # Errors
/// `pairs` is 0, a file with another text exists and `force` is not set, or a file cannot be
/// written.
pub fn write_splits(dir: &Path, pairs: usize, seed: u64, force: bool) -> Result<Vec<SplitFiles>> {
    ensure!(pairs > 0, "pairs = 0 must be at least 1");
    let all = Split::ALL.map(|split| files(dir, split, pairs));
    if !force && let Some(path) = all.iter().find_map(|files| of_other_text(files, seed)) {
        bail!("{} already exists; remove it, choose another folder or use --force", path.display());
    }
    atomic::create_folder(dir)?;
    all.iter().try_for_each(|files| write(files, seed))?;
    Ok(all.to_vec())
}

fn files(dir: &Path, split: Split, pairs: usize) -> SplitFiles {
    let held_out = (pairs / HELD_OUT_FRACTION).clamp(HELD_OUT.0, HELD_OUT.1);
    let (name, pairs) = match split {
        Split::Train => ("train", pairs),
        Split::Valid => ("dev", held_out),
        Split::Test => ("test", held_out),
    };
    let path = |side: &str| dir.join(format!("{name}.{side}"));
    SplitFiles { split, source: path("src"), target: path("tgt"), pairs }
}

fn write(files: &SplitFiles, seed: u64) -> Result<()> {
    atomic::write_with(&files.source, |sources| {
        atomic::write_with(&files.target, |targets| {
            for SyntheticPair { source, target } in pairs(seed, files.split).take(files.pairs) {
                writeln!(sources, "{source}")?;
                writeln!(targets, "{target}")?;
            }
            Ok(())
        })
    })
}

/// A file that is there with another text than is to be written: an earlier call leaves the same
/// one that was killed between two files.
fn of_other_text(files: &SplitFiles, seed: u64) -> Option<&Path> {
    let made = || pairs(seed, files.split).take(files.pairs);
    let SplitFiles { source, target, .. } = files;
    if source.exists() && !holds(source, made().map(|pair| pair.source)) {
        return Some(source);
    }
    let is_other = target.exists() && !holds(target, made().map(|pair| pair.target));
    is_other.then_some(target)
}

fn holds(path: &Path, mut expected: impl Iterator<Item = String>) -> bool {
    let Ok(file) = File::open(path) else { return false };
    BufReader::new(file).lines().all(|line| line.ok() == expected.next())
        && expected.next().is_none()
}
