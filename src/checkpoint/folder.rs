//! The names in a folder of checkpoints.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub(super) const BEST: &str = "best.safetensors";
const TEMPORARY: &str = ".tmp";

/// The steps that have a file in the folder `dir`, ascending; empty if the folder does not exist.
///
/// # Errors
/// The folder cannot be read.
pub fn steps(dir: &Path) -> Result<Vec<u64>> {
    let mut steps: Vec<u64> = names(dir)?.iter().filter_map(|name| parse_step(name)).collect();
    steps.sort_unstable();
    Ok(steps)
}

/// Whether there is a best checkpoint.
pub fn has_best(dir: &Path) -> bool {
    dir.join(BEST).is_file()
}

/// The file of `step`.
pub fn step_path(dir: &Path, step: u64) -> PathBuf {
    dir.join(step_name(step))
}

/// The name under which `path` is written.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    PathBuf::from(name)
}

/// Removes what a killed process was writing: our own temporary names and nothing else.
pub(super) fn remove_temporary(dir: &Path) -> Result<()> {
    for name in names(dir)? {
        let Some(stem) = name.strip_suffix(TEMPORARY) else { continue };
        if stem == BEST || parse_step(stem).is_some() {
            remove(&dir.join(&name))?;
        }
    }
    Ok(())
}

/// Removes the steps after `newest` and all but the last `keep` up to it.
///
/// A step after the newest is of a future that the run has left: it was damaged, and the
/// run resumed from before it.
///
/// # Errors
/// One cannot be removed.
pub fn prune(dir: &Path, newest: u64, keep: usize) -> Result<()> {
    let steps = steps(dir)?;
    let (past, left): (Vec<u64>, Vec<u64>) = steps.into_iter().partition(|&step| step <= newest);
    let old = past.len().saturating_sub(keep.max(1));
    for step in past[..old].iter().chain(&left) {
        remove(&step_path(dir, *step))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

fn step_name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

fn parse_step(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()?;
    (step_name(step) == name).then_some(step)
}

fn names(dir: &Path) -> Result<Vec<String>> {
    let context = || format!("cannot read the folder {}", dir.display());
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(context)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is not UTF-8 is not one of ours.
        names.extend(entry.with_context(context)?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_names_are_read_strictly() {
        for step in [0, 7, 99_999_999, 100_000_000, u64::MAX] {
            assert_eq!(parse_step(&step_name(step)), Some(step));
        }
        for name in ["step-7.safetensors", "step-+0000007.safetensors", "step-00000007", BEST] {
            assert_eq!(parse_step(name), None, "{name}");
        }
    }
}
