//! A run folder: what a run was made from, before its first step, and where its files lie.
//!
//! ```text
//! runs/ptb-small-20261122-171500/
//!   run.json        Manifest: model, preset, version, revision, device, seed, data …
//!   config.toml     the resolved config
//!   lock            held by the process that trains
//!   metrics.jsonl   log.txt   events.*   checkpoints/
//! ```
//!
//! `run.json` is written last, so a folder that has one is complete. A folder that holds
//! anything is never wiped. Knows no model.

mod find;
mod lock;
mod manifest;
mod time;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};

pub use find::{default_path, newest};
use lock::Lock;
pub use manifest::{FORMAT, Manifest};
pub use time::rfc3339;

use crate::atomic;

const CONFIG: &str = "config.toml";
const MANIFEST: &str = "run.json";

/// A run folder that is complete and, but for [`RunDir::read`], locked by this process.
///
/// The lock goes with the value, and with the process however it ends.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Manifest,
    config: String,
    _lock: Option<Lock>,
}

impl RunDir {
    /// Makes the folder `path` (and those above it), locks it, and writes `config.toml`,
    /// `files` (names and contents: what the model needs to go on) and `run.json`, each
    /// atomically.
    ///
    /// # Errors
    /// The folder holds something, belongs to another process, or cannot be written.
    pub fn create(
        path: &Path,
        manifest: &Manifest,
        config_toml: &str,
        files: &[(&str, &[u8])],
    ) -> Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("cannot make the run folder {}", path.display()))?;
        refuse_full(path)?;
        let lock = Lock::acquire(path)?;
        // Another process may have begun and ended its run between the check and the lock.
        refuse_full(path)?;
        let (config, manifest_json) = (config_toml.as_bytes(), manifest.to_json()?);
        let all = [(CONFIG, config)].into_iter().chain(files.iter().copied());
        let mut written = Vec::new();
        for (name, content) in all.chain([(MANIFEST, &manifest_json[..])]) {
            let file = path.join(name);
            if let Err(error) = atomic::write(&file, content) {
                // Only what was written here goes, so that a second try finds an empty folder.
                written.iter().for_each(|file| drop(fs::remove_file(file)));
                return Err(error);
            }
            written.push(file);
        }
        Ok(Self {
            path: path.to_owned(),
            manifest: manifest.clone(),
            config: config_toml.to_owned(),
            _lock: Some(lock),
        })
    }

    /// [`create`](Self::create) at the [`default_path`] of the manifest's model and preset;
    /// two runs that start in the same second get two folders.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_in(
        root: &Path,
        now: SystemTime,
        manifest: &Manifest,
        config_toml: &str,
        files: &[(&str, &[u8])],
    ) -> Result<Self> {
        fs::create_dir_all(root)
            .with_context(|| format!("cannot make the folder of runs {}", root.display()))?;
        loop {
            let path = default_path(root, &manifest.model, &manifest.preset, now);
            match fs::create_dir(&path) {
                Ok(()) => return Self::create(&path, manifest, config_toml, files),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error)
                        .context(format!("cannot make the run folder {}", path.display()));
                }
            }
        }
    }

    /// Opens the run at `path` to go on with it, and locks it.
    ///
    /// # Errors
    /// No run folder, one that another process holds, or one of a newer tfm.
    pub fn resume(path: &Path) -> Result<Self> {
        check_is_run(path)?;
        let lock = Lock::acquire(path)?;
        Ok(Self { _lock: Some(lock), ..Self::read(path)? })
    }

    /// Opens the run at `path` to read from it; it may be training meanwhile.
    ///
    /// # Errors
    /// No run folder: says what is missing and which runs lie near. One of a newer tfm.
    pub fn read(path: &Path) -> Result<Self> {
        check_is_run(path)?;
        let config = path.join(CONFIG);
        Ok(Self {
            path: path.to_owned(),
            manifest: Manifest::read(&path.join(MANIFEST))?,
            config: fs::read_to_string(&config)
                .with_context(|| format!("cannot read {}", config.display()))?,
            _lock: None,
        })
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

    /// `metrics.jsonl`.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The folder of the TensorBoard event files: the run folder, whose name TensorBoard
    /// then shows as the run's.
    pub fn events_dir(&self) -> PathBuf {
        self.path.clone()
    }

    /// `log.txt`.
    pub fn log_path(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// The folder `checkpoints`.
    pub fn checkpoints_dir(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
}

/// An error if `path` holds anything but a lock file, which a killed process may have left
/// before it wrote anything.
fn refuse_full(path: &Path) -> Result<()> {
    let entries =
        fs::read_dir(path).with_context(|| format!("cannot read the folder {}", path.display()))?;
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {}", path.display()))?.file_name();
        if name != lock::NAME {
            let hint = match path.join(MANIFEST).exists() {
                true => "it is a run: go on with it by --resume, or choose another --run-dir",
                false => "choose another --run-dir",
            };
            bail!("the run folder {} exists and is not empty; {hint}", path.display());
        }
    }
    Ok(())
}

fn check_is_run(path: &Path) -> Result<()> {
    let missing = if !path.exists() {
        "it does not exist".to_owned()
    } else if !path.is_dir() {
        "it is a file".to_owned()
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

#[cfg(test)]
mod tests;
