//! Where runs are and which is the newest.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use super::manifest::Manifest;
use super::{MANIFEST, compact_time};
use crate::atomic;

/// A message names this many runs at most.
const LISTED: usize = 10;

/// Where runs are put.
pub const ROOT: &str = "runs";

/// The folder of a new run: the one that is `given`, else a free one in [`ROOT`].
///
/// # Errors
/// The folder cannot be made.
pub fn folder(given: Option<&Path>, manifest: &Manifest) -> Result<PathBuf> {
    let Manifest { model, preset, .. } = manifest;
    match given {
        Some(path) => Ok(path.to_owned()),
        None => make_free(Path::new(ROOT), model, preset, SystemTime::now()),
    }
}

/// Makes a folder for a new run in `root`, under a name that is free: two runs that start in the
/// same second get two folders.
///
/// # Errors
/// The folder cannot be made.
pub(super) fn make_free(
    root: &Path,
    model: &str,
    preset: &str,
    now: SystemTime,
) -> Result<PathBuf> {
    atomic::create_folder(root)?;
    loop {
        let path = default_path(root, model, preset, now);
        match fs::create_dir(&path).and_then(|()| atomic::sync_folder(root)) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot create the run folder {}", path.display()));
            }
        }
    }
}

/// `<root>/<model>-<preset>-<YYYYMMDD-HHMMSS>` (UTC), without the model's name twice
/// (`ptb-small-…`), and with `-2`, `-3` … where the name is taken.
fn default_path(root: &Path, model: &str, preset: &str, now: SystemTime) -> PathBuf {
    let own = preset == model || preset.starts_with(&format!("{model}-"));
    let name = if own { preset.to_owned() } else { format!("{model}-{preset}") };
    let name = format!("{name}-{}", compact_time(now));
    let mut path = root.join(&name);
    let mut copy = 2_u64;
    // A link that leads nowhere takes its name too.
    while fs::symlink_metadata(&path).is_ok() {
        path = root.join(format!("{name}-{copy}"));
        copy += 1;
    }
    path
}

/// The run of `model` and `preset` in `root` that was started last.
///
/// # Errors
/// There is no such run: says what was looked for, where, and which runs exist.
pub fn newest(root: &Path, model: &str, preset: &str) -> Result<PathBuf> {
    let runs = runs(root).with_context(|| {
        format!("no run of {model} with preset {preset} to resume in {}", root.display())
    })?;
    let found = runs
        .iter()
        .filter(|(_, manifest)| {
            let is_of = manifest.model == model && manifest.preset == preset;
            is_of && !manifest.is_imported()
        })
        .max_by_key(|(path, manifest)| (&manifest.started, path.as_os_str().len(), path));
    if let Some((path, _)) = found {
        return Ok(path.clone());
    }
    let others = listed(runs.into_iter().map(|(path, _)| path).collect());
    let others = match others.is_empty() {
        true => "there are no runs".to_owned(),
        false => format!("there are: {}", others.join(", ")),
    };
    bail!("no run of {model} with preset {preset} in {}; {others}", root.display())
}

/// The runs inside of `path`, or those of the sweep that it is, else those beside it, for a message.
pub(super) fn near(path: &Path) -> Vec<String> {
    let place = |path: &Path| path.canonicalize().ok();
    let own = place(path);
    let paths = |dir: &Path| -> Vec<PathBuf> {
        let runs = runs(dir).unwrap_or_default().into_iter().map(|(path, _)| path);
        runs.filter(|run| own.is_none() || place(run) != own).collect()
    };
    for inside in [path.to_owned(), path.join("points")] {
        let inside = paths(&inside);
        if !inside.is_empty() {
            return listed(inside);
        }
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Vec::new(),
    };
    listed(paths(parent))
}

/// Every folder in `root` that has a readable manifest, by path.
fn runs(root: &Path) -> std::io::Result<Vec<(PathBuf, Manifest)>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if let Ok(manifest) = Manifest::read(&path.join(MANIFEST)) {
            runs.push((path, manifest));
        }
    }
    runs.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(runs)
}

fn listed(paths: Vec<PathBuf>) -> Vec<String> {
    let more = paths.len().saturating_sub(LISTED);
    let mut names: Vec<_> =
        paths.iter().take(LISTED).map(|path| path.display().to_string()).collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names
}
