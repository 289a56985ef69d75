//! Finds the runs in folders, and reads what has changed since they were read last.
//!
//! For many runs a cache (`.runs.json`) is kept next to them; it holds for each run when its files
//! last changed. It is written only where it saves time, and failing to write it is harmless.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::UNIX_EPOCH;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::RunSummary;
use super::summary::Presets;
use crate::atomic;
use crate::run::{RunDir, State};
use crate::version::LONG;

/// The file of a folder with many runs that holds what was read of them.
const CACHE: &str = ".runs.json";
/// So many runs are worth a cache.
const MIN_CACHED: usize = 50;
/// Folders below the one that was named.
const MAX_DEPTH: usize = 5;
/// The files that a summary is read from.
const FILES: [&str; 5] = ["run.json", "config.toml", "status.json", "notes.json", "metrics.jsonl"];

/// Runs, and folders that should be some.
#[derive(Debug, Default)]
pub struct Found {
    /// The runs, in the order of their paths.
    pub runs: Vec<RunSummary>,
    /// Runs and folders that cannot be read, and why.
    pub damaged: Vec<(PathBuf, String)>,
}

impl Found {
    /// Names the runs that cannot be read.
    pub fn warn_of_damaged(&self) {
        for (path, why) in &self.damaged {
            tracing::warn!("{} cannot be read and is skipped: {why}", path.display());
        }
    }
}

/// The runs at `paths` and in the folders below them, each once.
///
/// # Errors
/// A path does not exist, or holds no run. A damaged run is not an error: it is listed with the
/// others.
pub fn read(paths: &[PathBuf]) -> Result<Found> {
    let (mut found, mut known) = (Found::default(), BTreeSet::new());
    // Runs that were named themselves, one after the other.
    let mut named = Vec::new();
    for path in paths {
        let (mut folders, mut unread) = (Vec::new(), Vec::new());
        find(path, MAX_DEPTH, &mut folders, &mut unread);
        folders.sort();
        if folders.is_empty() {
            if let Some((path, why)) = unread.pop() {
                bail!("{} cannot be read: {why}", path.display());
            }
            let why = if path.exists() { "holds no run" } else { "does not exist" };
            bail!("{} {why}; give a run, a sweep or a folder of them", path.display());
        }
        found.damaged.append(&mut unread);
        let is_run = folders == [path.as_path()];
        // The same run by another path is the same run.
        let place = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
        folders.retain(|folder| known.insert(place(folder)));
        if is_run {
            named.extend(folders);
        } else {
            read_all(None, mem::take(&mut named), &mut found);
            read_all(Some(path), folders, &mut found);
        }
    }
    read_all(None, named, &mut found);
    Ok(found)
}

/// The one run at `path`.
///
/// # Errors
/// It is not a run, or it is damaged.
pub fn read_one(path: &Path) -> Result<RunSummary> {
    RunSummary::of(&RunDir::read(path)?, &mut Presets::default())
}

/// Appends the run folders at and below `path`; a run holds no others. What cannot be read goes to
/// `unread`.
fn find(path: &Path, depth: usize, into: &mut Vec<PathBuf>, unread: &mut Vec<(PathBuf, String)>) {
    // What has lost its manifest is damaged, and is named.
    let is_damaged = || path.join("checkpoints").is_dir() && path.join("config.toml").is_file();
    if path.join("run.json").is_file() || is_damaged() {
        into.push(path.to_owned());
        return;
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries.flatten(),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return,
        Err(error) => return unread.push((path.to_owned(), error.to_string())),
    };
    // What is found by a link would be found twice, or without an end.
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    if depth > 0 {
        for entry in entries.filter(is_folder) {
            find(&entry.path(), depth - 1, into, unread);
        }
    }
}

/// When the files of a run were changed, and their sizes.
type Stamp = [[u64; 2]; FILES.len()];

#[derive(Serialize, Deserialize)]
struct Cached {
    stamp: Stamp,
    summary: RunSummary,
}

/// What was read of the runs in a folder.
#[derive(Default, Serialize, Deserialize)]
struct Cache {
    /// The tfm that wrote it: another one may see other settings.
    tfm: String,
    /// By the path of the run below the folder.
    runs: BTreeMap<String, Cached>,
}

fn stamp(run: &Path) -> Stamp {
    FILES.map(|name| {
        let Ok(file) = fs::metadata(run.join(name)) else { return [0; 2] };
        let changed = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        [changed.map_or(0, |time| time.as_nanos() as u64), file.len()]
    })
}

/// Reads runs; what is known of those below `root` is in its cache.
fn read_all(root: Option<&PathBuf>, folders: Vec<PathBuf>, found: &mut Found) {
    let file = root.map(|root| root.join(CACHE));
    let mut cache = file.as_deref().map(read_cache).unwrap_or_default();
    let name = |run: &Path| {
        let below = root.and_then(|root| run.strip_prefix(root).ok()).unwrap_or(run);
        below.to_string_lossy().into_owned()
    };
    let mut jobs = Vec::new();
    for folder in folders {
        let stamp = stamp(&folder);
        let cached = cache.runs.remove(&name(&folder)).filter(|cached| cached.stamp == stamp);
        jobs.push((folder, stamp, cached.map(|cached| cached.summary)));
    }
    let (mut changed, mut kept) = (0, BTreeMap::new());
    for ((folder, stamp, cached), read) in in_parallel(jobs) {
        match read {
            Ok(summary) => {
                // A run that trains changes without its files.
                if summary.state != State::Running {
                    changed += usize::from(!cached);
                    kept.insert(name(&folder), Cached { stamp, summary: summary.clone() });
                }
                found.runs.push(summary);
            }
            Err(error) => found.damaged.push((folder, format!("{error:#}"))),
        }
    }
    if let Some(file) = file.filter(|_| changed > 0 && kept.len() >= MIN_CACHED) {
        Cache { tfm: LONG.to_owned(), runs: kept }.write(&file);
    }
}

impl Cache {
    /// Where it cannot be written, nobody misses it.
    fn write(&self, file: &Path) {
        let json = serde_json::to_vec(self).map_err(anyhow::Error::from);
        if let Err(error) = json.and_then(|json| atomic::write(file, &json)) {
            tracing::debug!("{error:#}");
        }
    }
}

/// A cache that is damaged, or of another tfm, is ignored.
fn read_cache(file: &Path) -> Cache {
    let read = fs::read(file).ok().and_then(|bytes| serde_json::from_slice::<Cache>(&bytes).ok());
    read.filter(|cache| cache.tfm == LONG).unwrap_or_default()
}

/// A folder, the stamp of its files, and what was read of it before, if that holds still.
type Job = (PathBuf, Stamp, Option<RunSummary>);
/// The same and whether it was cached, and what it is now.
type Done = ((PathBuf, Stamp, bool), Result<RunSummary>);

/// Reads the runs on all cores; they come in the order of the folders.
fn in_parallel(jobs: Vec<Job>) -> Vec<Done> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let mut presets = Presets::default();
        let mut own = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((folder, stamp, cached)) = jobs.get(at) else { break };
            let read = match cached {
                Some(summary) => Ok(RunSummary { path: folder.clone(), ..summary.clone() }),
                None => {
                    RunDir::read_listed(folder).and_then(|run| RunSummary::of(&run, &mut presets))
                }
            };
            own.push((at, ((folder.clone(), *stamp, cached.is_some()), read)));
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..cores.min(jobs.len() / MIN_CACHED + 1) {
            // Where no more threads can be started, the others do its share.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, done)| done).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;
    use crate::run::Annotations;

    #[test]
    fn one_damaged_run_hides_no_other() {
        let root = tempfile::tempdir().unwrap();
        let [a, b, c] =
            ["a", "x/b", "x/y/c"].map(|name| fake::run_of(root.path(), name, "ptb", ""));
        fs::write(b.join("metrics.jsonl"), "{}\n").unwrap();
        fs::create_dir(root.path().join("empty")).unwrap();
        let found = read(&[root.path().to_owned(), a.clone()]).unwrap();
        let paths = |found: &Found| found.runs.iter().map(|run| run.path.clone()).collect();
        let all: Vec<_> = paths(&found);
        assert_eq!(all, [a.clone(), c.clone()]);
        assert_eq!(found.damaged.len(), 1);
        assert!(found.damaged[0].1.contains("metrics.jsonl:1 is not a metrics record"));
        // Named runs keep the order in which they are given, without duplicates.
        let found = read(&[c.clone(), b.clone(), a.clone(), c.clone()]).unwrap();
        let named: Vec<_> = paths(&found);
        assert_eq!(named, [c.clone(), a]);
        assert_eq!(found.damaged.len(), 1);
        // Nothing is said of its neighbours.
        fs::remove_file(b.join("config.toml")).unwrap();
        let found = read(&[root.path().to_owned()]).unwrap();
        let why = &found.damaged[0].1;
        assert!(why.starts_with("cannot read ") && !why.contains("near"), "{why}");
        assert!(!root.path().join(CACHE).exists());
        // A run that has lost its manifest is damaged, too.
        fs::create_dir_all(c.join("checkpoints")).unwrap();
        fs::remove_file(c.join("run.json")).unwrap();
        assert_eq!(read(&[root.path().to_owned()]).unwrap().damaged.len(), 2);
        assert_eq!(read(&[c, root.path().join("a")]).unwrap().runs.len(), 1);
        for (path, why) in [("empty", "holds no run"), ("none", "does not exist")] {
            let error = read(&[root.path().join(path)]).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_has_not_changed_is_not_read_again() {
        let root = tempfile::tempdir().unwrap();
        for i in 0..=MIN_CACHED {
            fake::run_of(root.path(), &format!("run-{i:02}"), "ptb", "");
        }
        let all = || read(&[root.path().to_owned()]).unwrap().runs;
        let first = all();
        assert_eq!(first.len(), MIN_CACHED + 1);
        let text = fs::read_to_string(root.path().join(CACHE)).unwrap();
        assert_eq!(all(), first);
        // What the cache says is taken for what is there.
        fs::write(root.path().join(CACHE), text.replace("116.2", "117.5")).unwrap();
        assert!(all().iter().all(|run| run.metric("test_perplexity") == Some(117.5)));
        // But for a run that has changed.
        let note = Annotations { note: "mine".to_owned(), ..Annotations::default() };
        let write = |there: &mut Annotations| {
            there.clone_from(&note);
            Ok(())
        };
        Annotations::change(&first[7].path, write).unwrap();
        let runs = all();
        assert_eq!(runs[7].annotations, note);
        assert_eq!(runs[7].metric("test_perplexity"), Some(116.2));
        assert_eq!(runs[8].metric("test_perplexity"), Some(117.5));
        fs::write(root.path().join(CACHE), &text[..90]).unwrap();
        assert_eq!(all()[8], first[8]);
        // A damaged run is no reason to write what is known anew.
        fs::write(first[3].path.join("run.json"), "{").unwrap();
        let changed = || fs::metadata(root.path().join(CACHE)).unwrap().modified().unwrap();
        let before = changed();
        assert_eq!((all().len(), changed()), (MIN_CACHED, before));
    }
}
