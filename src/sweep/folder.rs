//! The folder of a sweep.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::begin::model;
use super::claim::Claim;
use super::points::{self, SweepPoint};
use super::rule::Event;
use super::spec::Spec;
use crate::analysis::{RunSummary, index};
use crate::atomic;
use crate::models::Entry;

/// Where sweeps are put.
pub const ROOT: &str = "sweeps";
/// The format of the folder that this version writes.
pub(super) const FORMAT: u32 = 1;
pub(super) const MANIFEST: &str = "sweep.json";
pub(super) const SPEC: &str = "sweep.toml";
pub(super) const CONFIG: &str = "config";
const DECISIONS: &str = "decisions.jsonl";

/// What a sweep was begun from: written before its first run, and never changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub format: u32,
    pub name: String,
    pub model: String,
    /// The text of `sweep.toml`.
    pub text: String,
    /// The preset, or the path of the config within the folder.
    pub config: Option<String>,
    /// The text of the config, where that was a file.
    pub config_text: Option<String>,
    pub points: Vec<SweepPoint>,
    pub tfm: String,
    pub started: String,
    pub command: Vec<String>,
}

/// A sweep in its folder.
#[derive(Debug)]
pub struct Sweep {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    /// What the sweep is.
    pub spec: Spec,
}

/// Whether there is a sweep in the folder.
pub fn is_sweep(path: &Path) -> bool {
    path.join(MANIFEST).is_file()
}

impl Sweep {
    /// Opens the sweep at `path`.
    ///
    /// # Errors
    /// No sweep, or one whose files have been changed since it was begun: shows the difference.
    pub fn open(path: &Path) -> Result<Self> {
        let file = path.join(MANIFEST);
        if !file.is_file() {
            let why = match fs::metadata(path) {
                Ok(meta) if meta.is_dir() => "it has no sweep.json",
                Ok(_) => "it is a file",
                Err(_) => "there is no such folder",
            };
            bail!("{} is not the folder of a sweep: {why}", path.display());
        }
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let damaged = || format!("{} is not the manifest of a sweep", file.display());
        let manifest: Manifest = serde_json::from_str(&text).with_context(damaged)?;
        ensure!(
            manifest.format <= FORMAT,
            "{} has format {}, but this tfm reads only up to {FORMAT}; use a newer tfm",
            file.display(),
            manifest.format
        );
        refuse_change(&path.join(SPEC), &manifest.text)?;
        if let (Some(config), Some(text)) = (&manifest.config, &manifest.config_text) {
            refuse_change(&path.join(config), text)?;
        }
        let spec =
            Spec::parse(&path.join(SPEC).display().to_string(), &manifest.name, &manifest.text)?;
        Ok(Self { path: path.to_owned(), manifest, spec })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the sweep is called.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Its model.
    ///
    /// # Errors
    /// This tfm does not have it.
    pub fn model(&self) -> Result<&'static Entry> {
        model(&self.spec)
    }

    /// Its points, in the order of their numbers.
    pub fn points(&self) -> &[SweepPoint] {
        &self.manifest.points
    }

    /// The point of that number.
    ///
    /// # Errors
    /// There is no such point; the existing ones are listed.
    pub fn point(&self, number: u64) -> Result<&SweepPoint> {
        points::find(self.points(), number)
    }

    /// The value of `--config` for its runs, if there is one.
    pub fn config(&self) -> Option<PathBuf> {
        let config = self.manifest.config.as_ref()?;
        let is_copy = self.manifest.config_text.is_some();
        Some(if is_copy { self.path.join(config) } else { config.into() })
    }

    /// What `--set` says in every run of it.
    pub fn fixed(&self) -> Vec<String> {
        points::fixed(&self.spec)
    }

    /// The steps of `[stop]` that come too late to stop a run of `total` steps.
    pub fn late_stops(&self, total: u64) -> Vec<u64> {
        let steps = self.spec.stop.as_ref().map_or(&[][..], |rule| &rule.steps);
        steps.iter().copied().filter(|&step| step >= total).collect()
    }

    /// The run of a point.
    pub fn run_dir(&self, number: u64) -> PathBuf {
        self.path.join("points").join(format!("{number:04}"))
    }

    /// The file with what the processes of a point have said.
    pub fn log(&self, number: u64) -> PathBuf {
        self.path.join("logs").join(format!("{number:04}.txt"))
    }

    /// Keeps every process that trains this sweep from taking a point, for as long as the returned
    /// claim lives.
    ///
    /// # Errors
    /// One of them is training the point, or applies a rule that depends on it.
    pub fn hold(path: &Path, number: u64) -> Result<impl Sized + use<>> {
        let claims = path.join("claims");
        let names = [format!("{number:04}"), "rule".to_owned()];
        // A rule has a file only where there is one.
        let names = names.iter().filter(|name| claims.join(name).is_file());
        let held = names.map(|name| Claim::take(&claims.join(name))).collect::<Result<Vec<_>>>()?;
        ensure!(
            held.iter().all(Option::is_some),
            "the sweep {} is running; stop it before you remove one of its points",
            path.display()
        );
        Ok(held)
    }

    /// What is known of the run of a point; `None` if it has not begun.
    ///
    /// # Errors
    /// The run is damaged.
    pub fn run(&self, number: u64) -> Result<Option<RunSummary>> {
        let dir = self.run_dir(number);
        if dir.join("run.json").is_file() { index::read_one(&dir).map(Some) } else { Ok(None) }
    }

    /// Takes a point; `None` if another process has it.
    pub(super) fn claim(&self, number: u64) -> Result<Option<Claim>> {
        Claim::take(&self.claim_path(number))
    }

    fn claim_path(&self, number: u64) -> PathBuf {
        self.path.join("claims").join(format!("{number:04}"))
    }

    /// Those of `numbers` that another process has.
    pub(super) fn held(&self, numbers: &[u64]) -> Result<Vec<u64>> {
        let mut held = Vec::new();
        for &number in numbers {
            let path = self.claim_path(number);
            if path.exists() && Claim::take(&path)?.is_none() {
                held.push(number);
            }
        }
        Ok(held)
    }

    /// What a rule has decided, in order. A last line that was cut by a kill is left out.
    pub(super) fn events(&self) -> Result<Vec<Event>> {
        let path = self.path.join(DECISIONS);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let mut events = Vec::new();
        for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            match serde_json::from_slice(line) {
                Ok(event) if line.ends_with(b"\n") => events.push(event),
                _ if !line.ends_with(b"\n") => break,
                _ => bail!("{}:{} is not a decision of a rule", path.display(), index + 1),
            }
        }
        Ok(events)
    }

    /// Writes down what a rule has decided, on to the disk, before anything is done about it.
    pub(super) fn note(&self, event: &Event) -> Result<()> {
        let path = self.path.join(DECISIONS);
        let mut line = serde_json::to_vec(event).context("a decision is not JSON")?;
        line.push(b'\n');
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let length = file.metadata()?.len();
            let whole =
                fs::read(&path)?.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
                    as u64;
            if whole < length {
                file.set_len(whole)?;
            }
            if let Err(error) = file.write_all(&line).and_then(|()| file.sync_all()) {
                // A disk that fills up takes part of a line.
                let _ = file.set_len(whole);
                return Err(error);
            }
            if length == 0 { atomic::sync_folder(&self.path) } else { Ok(()) }
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// The lock of the one process that decides by a rule.
    pub(super) fn decide_alone(&self) -> Result<Claim> {
        let claim = Claim::take(&self.path.join("claims").join("rule"))?;
        claim.with_context(|| {
            format!(
                "another process is running the sweep {}; a sweep with [stop] allows only one \
                 scheduler",
                self.path.display()
            )
        })
    }
}

fn refuse_change(file: &Path, begun: &str) -> Result<()> {
    let now =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(
        now == begun,
        "{} was changed after the sweep began:\n{}\nrestore it, or start another sweep with it",
        file.display(),
        difference(begun, &now)
    );
    Ok(())
}

/// The lines between those that both texts begin and end with.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let alike = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[alike..], &new[alike..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let lines = |lines: &[&str], sign: char| -> Vec<String> {
        lines[..lines.len() - tail].iter().map(|line| format!("{sign} {line}")).collect()
    };
    [lines(old, '-'), lines(new, '+')].concat().join("\n")
}

#[cfg(test)]
mod tests;
