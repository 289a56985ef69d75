//! The way back to a run's last good checkpoint.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Task, TrainState};
use crate::checkpoint::{self, Selector};
use crate::metrics::{FILE_NAME, Recorder};
use crate::run::RunDir;

/// Where a run continues.
pub struct Restored {
    pub(super) state: TrainState,
    /// The records that are kept.
    pub(super) lines: u64,
    /// The checkpoint; a run may have been killed before its first.
    pub(super) from: Option<PathBuf>,
}

impl Restored {
    /// Steps that are done.
    pub fn step(&self) -> u64 {
        self.state.step
    }
}

/// Restores a task from the last intact checkpoint of `run`. Nothing is written: a run that cannot
/// continue stays as it is.
///
/// # Errors
/// When no checkpoint can be read, it is not of this task, or records are missing.
pub fn restore<T: Task>(task: &mut T, run: &RunDir) -> Result<Restored> {
    let dir = run.checkpoints_dir();
    if !checkpoint::exists(&dir)? {
        return Ok(Restored { state: TrainState::default(), lines: 0, from: None });
    }
    let checkpoint = checkpoint::open(&dir, Selector::Last)?;
    let from = || format!("cannot resume from {}", checkpoint.path.display());
    let (mut state, task_state) =
        TrainState::from_state(&checkpoint.meta.state, checkpoint.meta.step).with_context(from)?;
    task.restore(&checkpoint, &task_state).with_context(from)?;
    let lines = checkpoint.meta.metrics_lines;
    let found = Recorder::first(run.path(), lines)?.crc32c;
    if checkpoint.meta.metrics_crc32c.is_some_and(|written| written != found) {
        let file = run.path().join(FILE_NAME);
        let lines = match lines {
            1 => "line has changed since it was written".to_owned(),
            _ => format!("{lines} lines have changed since they were written"),
        };
        tracing::warn!(
            "{}: the first {lines}; charts show what is there now, but training continues from the \
             checkpoint unaffected",
            file.display()
        );
    }
    if state.best_score.is_some()
        && let Err(error) = checkpoint::open(&dir, Selector::Best)
    {
        tracing::warn!("{error:#}; the best of the remaining epochs will replace it");
        state.best_score = None;
    }
    Ok(Restored { state, lines, from: Some(checkpoint.path) })
}
