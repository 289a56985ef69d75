//! Points that failed, and what is kept of them: one that never became a run leaves no other trace.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::folder::Sweep;
use super::points::SweepPoint;
use super::worker::tail;
use crate::atomic;

/// A point that failed before it was a run.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where its run would be.
    pub run: PathBuf,
    /// Its settings, in words.
    pub settings: String,
    /// Why it failed.
    pub why: String,
    /// The last lines of its log.
    pub log: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run.display();
        write!(f, "{run} ({}) failed before its run began: {}", self.settings, self.why)
    }
}

impl Sweep {
    /// Why a point failed when it was trained last; `None` if it has not.
    fn failure(&self, number: u64) -> Option<String> {
        fs::read_to_string(self.failure_path(number)).ok()
    }

    /// The points that failed before they were runs.
    pub fn failures(&self) -> Vec<Failure> {
        let no_run = |point: &&SweepPoint| !self.run_dir(point.number).join("run.json").is_file();
        let failure = |point: &SweepPoint| {
            let why = self.failure(point.number)?;
            let (run, settings) = (self.run_dir(point.number), point.in_words());
            Some(Failure { run, settings, why, log: tail(self, point.number) })
        };
        self.points().iter().filter(no_run).filter_map(failure).collect()
    }

    fn failure_path(&self, number: u64) -> PathBuf {
        self.log(number).with_extension("failed")
    }

    /// Keeps why a point failed.
    pub(super) fn note_failure(&self, number: u64, why: &str) -> Result<()> {
        let path = self.failure_path(number);
        if let Some(folder) = path.parent() {
            atomic::create_folder(folder)?;
        }
        atomic::write(&path, why.as_bytes())
    }

    /// Before a point is trained again.
    pub(super) fn forget_failure(&self, number: u64) -> Result<()> {
        let path = self.failure_path(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}
