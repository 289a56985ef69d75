//! A run folder: what a run was made from, before its first step, and where its files are.
//!
//! ```text
//! runs/ptb-small-20261122-171500/
//!   run.json        Manifest: model, preset, version, revision, device, seed, data …
//!   config.toml     the resolved config
//!   status.json     Status: where it stands
//!   notes.json      Annotations: what the user says of it
//!   lock            held by the process that trains
//!   metrics.jsonl   log.txt   events.*   checkpoints/
//! ```
//!
//! `run.json` gets its name last, so a folder that has one is complete. A folder that holds
//! anything else than what a killed beginning left is never wiped. Knows no model.

mod annotations;
mod find;
mod lock;
mod manifest;
mod output;
mod provenance;
mod status;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use lock::Lock;

use crate::atomic;
use crate::system::shell::quoted;

pub use annotations::{Annotations, check_tag};
pub use find::{ROOT, folder, newest};
pub use manifest::{FORMAT, Manifest};
pub use output::check_output;
pub use provenance::{Point, Provenance};
pub use status::{State, Status, is_alive};

const CONFIG: &str = "config.toml";
const MANIFEST: &str = "run.json";
const CHECKPOINTS: &str = "checkpoints";

/// A run folder that is complete and, but for [`RunDir::read`], locked by this process.
///
/// The lock goes with the value, and with the process however it ends.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Manifest,
    config: String,
    lock: Option<Lock>,
}

impl RunDir {
    /// Makes the folder `path` (and those above it), locks it, and writes `config.toml`, `files`
    /// (names and contents: what the model needs to continue), what `fill` writes, and `run.json`,
    /// each atomically. The remains of an earlier call that was killed are removed.
    ///
    /// # Errors
    /// The folder holds something, belongs to another process, or cannot be written.
    pub fn create(
        path: &Path,
        manifest: &Manifest,
        config_toml: &str,
        files: &[(&str, &[u8])],
        fill: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Self> {
        atomic::create_folder(path)?;
        let own: Vec<&str> =
            files.iter().map(|(name, _)| *name).chain([CONFIG, MANIFEST]).collect();
        refuse_full(path, &own)?;
        refuse_nested(path)?;
        let lock = Lock::acquire(path)?;
        // Another process may have begun and ended its run between the check and the lock.
        refuse_full(path, &own)?;
        let run = Self {
            path: path.to_owned(),
            manifest: manifest.clone(),
            config: config_toml.to_owned(),
            lock: Some(lock),
        };
        if is_cut(path) {
            run.clear(&own);
        }
        match run.fill(files, fill) {
            Ok(()) => Ok(run),
            Err(error) => {
                run.clear(&own);
                Err(error)
            }
        }
    }

    /// The manifest is the first file that is written and the last that gets its name: a folder
    /// with its temporary name alone is one whose beginning was cut.
    fn fill(&self, files: &[(&str, &[u8])], fill: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        atomic::prepare(&self.manifest_path(), &self.manifest.to_json()?)?;
        for (name, content) in [(CONFIG, self.config.as_bytes())].iter().chain(files) {
            self.write(name, content)?;
        }
        fill(self)?;
        atomic::place(&self.manifest_path())
    }

    /// Removes what [`create`](Self::create) has written, as far as it exists; what identifies a
    /// run folder goes last.
    fn clear(&self, own: &[&str]) {
        for name in own.iter().rev().map(|name| self.path.join(name)) {
            let _ = fs::remove_file(&name);
            if name != self.manifest_path() {
                let _ = fs::remove_file(atomic::temporary(&name));
            }
        }
        let _ = fs::remove_dir_all(self.checkpoints_dir());
        let _ = fs::remove_file(atomic::temporary(&self.manifest_path()));
    }

    /// Opens the run at `path` to continue with it, and locks it.
    ///
    /// # Errors
    /// No run folder, one that another process holds, or one of a newer tfm.
    pub fn resume(path: &Path) -> Result<Self> {
        check_is_run(path)?;
        let lock = Lock::acquire(path)?;
        Ok(Self { lock: Some(lock), ..Self::read(path)? })
    }

    /// Opens the run at `path` to read from it; it may be training meanwhile.
    ///
    /// # Errors
    /// It is not a run folder (the message says what is missing and which runs are near), or it was
    /// written by a newer tfm.
    pub fn read(path: &Path) -> Result<Self> {
        check_is_run(path)?;
        Self::read_listed(path)
    }

    /// Opens one of many runs, as [`read`](Self::read) does, and looks for no others near it.
    ///
    /// # Errors
    /// A file that is missing or damaged; one of a newer tfm.
    pub fn read_listed(path: &Path) -> Result<Self> {
        let config = path.join(CONFIG);
        Ok(Self {
            path: path.to_owned(),
            manifest: Manifest::read(&path.join(MANIFEST))?,
            config: fs::read_to_string(&config)
                .with_context(|| format!("cannot read {}", config.display()))?,
            lock: None,
        })
    }

    /// Checks that the folder is still the one that this process has locked. If it was moved,
    /// removed or replaced, what is there now belongs to somebody else.
    ///
    /// # Errors
    /// It is another folder, or none.
    pub fn expect_own(&self) -> Result<()> {
        let is_own = self.lock.as_ref().is_none_or(Lock::is_in_place);
        ensure!(
            is_own,
            "the run folder {} was moved, removed or replaced while the run trained; nothing more \
             is written there",
            self.path.display()
        );
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run was made from.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The text of `config.toml`.
    pub fn config_text(&self) -> &str {
        &self.config
    }

    /// Replaces `config.toml`, for a resumed run whose lengths or intervals changed.
    ///
    /// # Errors
    /// The file cannot be written; the old one is then still there.
    pub fn replace_config(&mut self, config_toml: &str) -> Result<()> {
        self.write(CONFIG, config_toml.as_bytes())?;
        self.config = config_toml.to_owned();
        Ok(())
    }

    /// Writes `name` into the folder atomically: another process sees the old file or the
    /// new one. Returns its path.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path.join(name);
        atomic::write(&path, bytes)?;
        Ok(path)
    }

    /// `config.toml`.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `run.json`.
    pub fn manifest_path(&self) -> PathBuf {
        self.path.join(MANIFEST)
    }

    /// `lock`.
    pub fn lock_path(&self) -> PathBuf {
        self.path.join(lock::NAME)
    }

    /// `metrics.jsonl`.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// `log.txt`.
    pub fn log_path(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// The folder `checkpoints`.
    pub fn checkpoints_dir(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }
}

/// An error if `path` holds anything but what a process that was killed before the folder was
/// complete may have left: the lock, files with the names in `own`, and checkpoints.
fn refuse_full(path: &Path, own: &[&str]) -> Result<()> {
    let is_cut = is_cut(path);
    let is_left = |name: &OsStr| {
        let of =
            |own: &&str| name == *own || *name == *atomic::temporary(Path::new(own)).as_os_str();
        name == lock::NAME || is_cut && (name == CHECKPOINTS || own.iter().any(of))
    };
    let entries =
        fs::read_dir(path).with_context(|| format!("cannot read the folder {}", path.display()))?;
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {}", path.display()))?.file_name();
        if !is_left(&name) {
            refuse_run(path)?;
            bail!(
                "the run folder {} exists and is not empty; choose another --run-dir",
                path.display()
            );
        }
    }
    Ok(())
}

/// Checks that there is no run in the folder `path` of a new one, before anything is computed for it.
///
/// # Errors
/// There is one.
pub fn refuse_run(path: &Path) -> Result<()> {
    if !path.join(MANIFEST).exists() {
        return Ok(());
    }
    let is_imported = RunDir::read(path).is_ok_and(|run| run.manifest.is_imported());
    let or_resume = match is_imported {
        true => String::new(),
        false => format!(", or resume it with tfm train --resume {}", quoted(path)),
    };
    bail!(
        "the run folder {} exists and is not empty; it is a run: choose another --run-dir{or_resume}",
        path.display()
    )
}

/// Checks that the folder `path` of a new run is in no run: it would be removed with that one, and
/// no list would show it.
fn refuse_nested(path: &Path) -> Result<()> {
    // Where the folder really is: `..` and links in its name do not say what it is inside of.
    let absolute = |_| std::path::absolute(path);
    let path = path.canonicalize().or_else(absolute).unwrap_or_else(|_| path.to_owned());
    // Other programs have files of one of these names.
    let is_run = |folder: &&Path| [MANIFEST, CONFIG].iter().all(|name| folder.join(name).is_file());
    let outer = path.ancestors().skip(1).find(is_run);
    ensure!(
        outer.is_none(),
        "the run folder {} is inside the run {}; choose another --run-dir",
        path.display(),
        outer.unwrap_or(&path).display()
    );
    Ok(())
}

/// Whether [`RunDir::create`] was killed in the folder before the run was complete.
fn is_cut(path: &Path) -> bool {
    let manifest = path.join(MANIFEST);
    !manifest.exists() && atomic::temporary(&manifest).exists()
}

fn check_is_run(path: &Path) -> Result<()> {
    let missing = if !path.exists() {
        "it does not exist".to_owned()
    } else if !path.is_dir() {
        "it is a file".to_owned()
    } else if is_cut(path) {
        bail!(
            "{} is not a run folder yet: its run was stopped before it began; start it again with \
             --run-dir {}",
            path.display(),
            quoted(path)
        )
    } else {
        let absent = [MANIFEST, CONFIG].into_iter().find(|name| !path.join(name).is_file());
        let Some(absent) = absent else { return Ok(()) };
        format!("it has no {absent}")
    };
    let near = find::near(path);
    let near = if near.is_empty() {
        String::new()
    } else {
        format!("; runs near it: {}", near.join(", "))
    };
    Err(anyhow!("{} is not a run folder: {missing}{near}", path.display()))
}

/// `time` in UTC as RFC 3339 to the millisecond: `2026-11-22T17:15:00.250Z`. Texts of this
/// form sort by time. A clock before 1970 counts as 1970.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time.max(UNIX_EPOCH)).to_string()
}

/// `time` in UTC for a file name: `20261122-171500`.
pub fn compact_time(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time.max(UNIX_EPOCH)).to_string();
    text.replace(['-', ':', 'Z'], "").replace('T', "-")
}

#[cfg(test)]
mod tests;
