//! `status.json`: where a run stands, as the process that trains it said last.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{RunDir, lock};
use crate::atomic;
use crate::system::process;

/// The file's name in the run folder.
const NAME: &str = "status.json";

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A process trains it.
    Running,
    /// It has come to its end.
    Finished,
    /// A signal, a kill or a power cut ended it; it can continue.
    Interrupted,
    /// An error ended it.
    Failed,
    /// A sweep has paused it at a step, to decide whether it continues.
    Paused,
    /// The rule of a sweep has ended it; it can continue.
    Stopped,
}

impl State {
    /// Every state, by name.
    pub const NAMES: [&'static str; 6] =
        ["running", "finished", "interrupted", "failed", "paused", "stopped"];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(State::NAMES[*self as usize])
    }
}

/// What the last process that trained a run has said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Running until the process says otherwise, which one that is killed never does.
    pub state: State,
    /// Steps done when this was written.
    pub step: u64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// The number of the process.
    pub process: u32,
    /// The machine that it runs on.
    pub host: String,
    /// Why it failed or was stopped; else empty.
    #[serde(default)]
    pub reason: String,
}

impl Status {
    /// The status of this process, in `state` after `step` of `total_steps` steps, or of as many as
    /// there are already where a config now asks for fewer.
    pub fn of_process(state: State, step: u64, total_steps: u64) -> Self {
        let (process, host) = (std::process::id(), process::host());
        let total_steps = total_steps.max(step);
        Self { state, step, total_steps, process, host, reason: String::new() }
    }

    /// Reads the status of the run at `path`; `None` if there is none, as in a run of an older tfm.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let file = path.join(NAME);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", file.display()))?,
        };
        let damaged = || format!("{} is not the status of a run", file.display());
        serde_json::from_str(&text).map(Some).with_context(damaged)
    }

    /// What is true now: a run whose process is gone is interrupted, whatever it said last.
    pub fn state_now(&self, path: &Path) -> State {
        match self.state {
            State::Running if !is_alive(path, Some(self)) => State::Interrupted,
            state => state,
        }
    }
}

/// Whether a process trains the run at `path` now.
pub fn is_alive(path: &Path, status: Option<&Status>) -> bool {
    match (lock::is_held(path), status) {
        (Some(is_held), _) => is_held,
        // Without locks a process is known by its number alone, and on its own machine.
        (None, Some(status)) => {
            status.state == State::Running
                && (status.host != process::host() || process::is_alive(status.process))
        }
        (None, None) => false,
    }
}

impl RunDir {
    /// Writes the run's status.
    ///
    /// # Errors
    /// The file cannot be written; the old one is then still there.
    pub fn write_status(&self, status: &Status) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(status).context("the status is not JSON")?;
        json.push(b'\n');
        atomic::write(&self.path().join(NAME), &json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::manifest;

    #[test]
    fn a_run_whose_process_is_gone_is_interrupted() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        assert!(!is_alive(&path, None));
        let run = RunDir::create(&path, &manifest("ptb-small", 0), "", &[], |_| Ok(())).unwrap();
        assert_eq!(Status::read(&path).unwrap(), None);
        let status = Status::of_process(State::Running, 0, 9);
        run.write_status(&status).unwrap();
        assert_eq!(Status::read(&path).unwrap(), Some(status.clone()));
        assert_eq!(status.state_now(&path), State::Running);
        drop(run);
        assert_eq!(status.state_now(&path), State::Interrupted);
        let ended = Status { state: State::Failed, ..status };
        assert_eq!(ended.state_now(&path), State::Failed);
        fs::write(path.join(NAME), "{").unwrap();
        assert!(
            Status::read(&path).unwrap_err().to_string().contains("is not the status of a run")
        );
    }

    #[test]
    fn states_are_written_by_their_names() {
        for (index, name) in State::NAMES.iter().enumerate() {
            let state: State = serde_json::from_str(&format!("\"{name}\"")).unwrap();
            assert_eq!((state as usize, state.to_string().as_str()), (index, *name));
        }
    }
}
