//! Where runs lie and which is the newest.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use super::manifest::Manifest;
use super::{MANIFEST, time};

/// A message names this many runs at most.
const LISTED: usize = 10;

/// A free folder for a new run: `<root>/<model>-<preset>-<YYYYMMDD-HHMMSS>` (UTC), without
/// the model's name twice (`ptb-small-…`), and with `-2`, `-3` … where the name is taken.
pub fn default_path(root: &Path, model: &str, preset: &str, now: SystemTime) -> PathBuf {
    let own = preset == model || preset.starts_with(&format!("{model}-"));
    let name = if own { preset.to_owned() } else { format!("{model}-{preset}") };
    let name = format!("{name}-{}", time::compact(now));
    let mut path = root.join(&name);
    let mut copy = 2_u64;
    while path.exists() {
        path = root.join(format!("{name}-{copy}"));
        copy += 1;
    }
    path
}

/// The run of `model` and `preset` in `root` that was started last.
///
/// # Errors
/// There is none: says what was looked for, where, and which runs there are.
pub fn newest(root: &Path, model: &str, preset: &str) -> Result<PathBuf> {
    let runs = runs(root).with_context(|| {
        format!("no run of {model} with preset {preset} to resume in {}", root.display())
    })?;
    let found = runs
        .iter()
        .filter(|(_, manifest)| manifest.model == model && manifest.preset == preset)
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

/// The runs inside of `path`, else those beside it, for a message.
pub(super) fn near(path: &Path) -> Vec<String> {
    let paths = |dir: &Path| -> Vec<PathBuf> {
        runs(dir).unwrap_or_default().into_iter().map(|(path, _)| path).collect()
    };
    let inside = paths(path);
    if !inside.is_empty() {
        return listed(inside);
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
