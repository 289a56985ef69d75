//! A process that trains a point.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::claim::Claim;
use super::folder::Sweep;
use super::plan::Plan;
use crate::analysis::last_lines;
use crate::atomic;
use crate::system::process;
use crate::train::shutdown;

/// Lines of a log that say how a process ended.
const TAIL: usize = 10;
/// Bytes that fit on a disk that is not full.
const PROBE: usize = 1 << 16;
/// How messages name a full disk, and a user's full share of one.
const FULL: [&str; 2] = if cfg!(windows) {
    ["(os error 112)", "(os error 1295)"]
} else {
    ["(os error 28)", "(os error 122)"]
};

/// A process that trains a point, and the claim to it.
pub(super) struct Worker {
    pub point: u64,
    child: Child,
    start: Instant,
    /// Where in the log this process began to speak.
    log_start: usize,
    /// Whether it was asked to end.
    asked: bool,
    _claim: Claim,
}

/// How a process ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Normally: the run's own status says where it stands.
    Well,
    /// A signal came; the checkpoint is saved.
    Interrupted,
    /// Why, in a line.
    Failed(String),
    /// The same, where nothing more can be written into the sweep's folder.
    Full(String),
}

impl Worker {
    /// Starts or resumes the training of a point; it pauses at `pause_at`.
    ///
    /// # Errors
    /// The program cannot be started, or its log not be written.
    pub fn start(
        sweep: &Sweep,
        plan: &Plan,
        point: u64,
        claim: Claim,
        pause_at: Option<u64>,
    ) -> Result<Self> {
        let log = sweep.log(point);
        if let Some(folder) = log.parent() {
            atomic::create_folder(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        let log_start = file.metadata().map_or(0, |log| log.len() as usize);
        let mut command = command(sweep, plan, point)?;
        if let Some(step) = pause_at {
            command.args(["--pause-at", &step.to_string()]);
        }
        command.stdin(claim.hand_on()?).stdout(Stdio::null()).stderr(file);
        // A signal of the terminal comes to the sweep alone, which hands it on once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().context("cannot start the tfm executable")?;
        Ok(Self { point, child, start: Instant::now(), log_start, asked: false, _claim: claim })
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system cannot tell.
    pub fn poll(&mut self, sweep: &Sweep) -> Result<Option<Ended>> {
        let Some(status) = self.child.try_wait().context("cannot wait for a worker")? else {
            return Ok(None);
        };
        Ok(Some(match status.code() {
            Some(0) => Ended::Well,
            Some(code) if code == i32::from(shutdown::EXIT_CODE) => Ended::Interrupted,
            Some(_) => {
                let why = self.last_error(sweep);
                if is_full(sweep, &why) { Ended::Full(why) } else { Ended::Failed(why) }
            }
            // It was so young that it did not listen yet.
            None if self.asked => Ended::Interrupted,
            None => Ended::Failed(format!("its process was killed ({status})")),
        }))
    }

    /// Asks it to save and to end.
    pub fn ask_to_end(&mut self) {
        self.asked = true;
        process::ask_to_end(self.child.id());
    }

    /// How long it has been running.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The error that it ended with.
    fn last_error(&self, sweep: &Sweep) -> String {
        let bytes = fs::read(sweep.log(self.point)).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.get(self.log_start..).unwrap_or_default());
        let error = text.lines().rfind(|line| line.starts_with("error: "));
        let error = error.or_else(|| text.lines().last()).unwrap_or("it gave no error message");
        error.trim_start_matches("error: ").to_owned()
    }
}

/// Whether a process ended with `why` because the disk is full, or the user's share of it.
fn is_full(sweep: &Sweep, why: &str) -> bool {
    // One that could not even write its log said nothing.
    let probe = sweep.path().join(".room");
    let written = fs::write(&probe, [0; PROBE]);
    let _ = fs::remove_file(&probe);
    let kinds = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded];
    FULL.iter().any(|error| why.contains(error))
        || written.is_err_and(|error| kinds.contains(&error.kind()))
}

/// `tfm train` for a point: a new run or a resumed one.
fn command(sweep: &Sweep, plan: &Plan, point: u64) -> Result<Command> {
    let mut command =
        Command::new(std::env::current_exe().context("cannot locate the tfm executable")?);
    let dir = sweep.run_dir(point);
    command.args(["train", &sweep.spec.model]);
    if dir.join("run.json").is_file() {
        command.arg("--resume").arg(&dir);
    } else {
        if let Some(config) = sweep.config() {
            command.arg("--config").arg(config);
        }
        for set in sweep.fixed().iter().chain(&sweep.point(point)?.settings) {
            command.args(["--set", set]);
        }
        command.arg("--run-dir").arg(&dir);
        command.args(["--point", &format!("{}:{point}", sweep.name())]);
    }
    command.arg("--data-dir").arg(&plan.data_dir).args(["--device", &plan.device]);
    command.args(["--threads", &plan.threads.to_string()]);
    Ok(command)
}

/// The last lines that the processes of a point have said.
pub(super) fn tail(sweep: &Sweep, point: u64) -> Vec<String> {
    last_lines(&sweep.log(point), TAIL)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sweep::Begin;

    #[test]
    fn a_worker_that_was_asked_to_end_has_not_failed() {
        let root = tempfile::tempdir().unwrap();
        let text = "model = \"ptb\"\n[vary]\nseed = [1]\n".to_owned();
        let begin = Begin::new("s.toml", "s", text).unwrap();
        let sweep = Sweep::begin(&root.path().join("s"), &begin, false).unwrap();
        for asked in [true, false] {
            let child = Command::new("sleep").arg("60").spawn().unwrap();
            let claim = sweep.claim(1).unwrap().unwrap();
            let start = Instant::now();
            let mut worker =
                Worker { point: 1, child, start, log_start: 0, asked: false, _claim: claim };
            assert!(worker.poll(&sweep).unwrap().is_none());
            if asked {
                worker.ask_to_end();
            } else {
                worker.child.kill().unwrap();
            }
            worker.child.wait().unwrap();
            let how = worker.poll(&sweep).unwrap().unwrap();
            assert_eq!(matches!(how, Ended::Interrupted), asked, "{how:?}");
        }
    }
}
