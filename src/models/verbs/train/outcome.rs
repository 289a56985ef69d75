//! How a run ends, in its status and in words.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::args::TrainArgs;
use crate::metrics;
use crate::models::experiment::Experiment;
use crate::models::verbs::report;
use crate::models::{self, Interrupted};
use crate::ops::Cpu;
use crate::run::{RunDir, State, Status};
use crate::system::shell::quoted;
use crate::train::{Outcome, Task, Training};

/// The process that trains a run and keeps its status up to date.
pub(super) struct Process<'a> {
    run: &'a RunDir,
    total_steps: u64,
    start: Instant,
}

/// How a process left a run.
pub(super) struct Ended {
    pub outcome: Outcome,
    /// Steps done.
    pub step: u64,
    /// The time that this process took.
    pub duration: Duration,
}

impl<'a> Process<'a> {
    /// Says that the run is trained from here on, after `done` steps.
    pub fn begin(run: &'a RunDir, task: &impl Task, done: u64) -> Self {
        let process = Self { run, total_steps: task.total_steps(), start: Instant::now() };
        process.say(&Status::of_process(State::Running, done, process.total_steps));
        process
    }

    /// Trains, and reports how it ended, even if it could not start.
    ///
    /// # Errors
    /// Those of the training.
    pub fn run<'t, T: Task + 't>(
        &self,
        training: impl FnOnce() -> Result<Training<'t, T>>,
    ) -> Result<Ended> {
        let ended = training().and_then(Training::run);
        let status = |state, step| Status::of_process(state, step, self.total_steps);
        match &ended {
            // Early stopping ends a run before the steps that were planned.
            Ok((Outcome::Finished, step)) => {
                self.say(&Status::of_process(State::Finished, *step, *step));
            }
            Ok((Outcome::Interrupted, step)) => self.say(&status(State::Interrupted, *step)),
            Ok((Outcome::Paused, step)) => self.say(&status(State::Paused, *step)),
            Err(error) => {
                let records = metrics::read(self.run.metrics_path()).unwrap_or_default();
                let step = records.last().map_or(0, |record| record.step);
                let reason = format!("{error:#}");
                // In a folder that is not the run's any more it would be another run's status.
                if self.run.expect_own().is_ok() {
                    self.say(&Status { reason, ..status(State::Failed, step) });
                }
            }
        }
        let (outcome, step) = ended?;
        Ok(Ended { outcome, step, duration: self.start.elapsed() })
    }

    /// A status that cannot be written does not end a run.
    fn say(&self, status: &Status) {
        if let Err(error) = self.run.write_status(status) {
            tracing::warn!("{error:#}");
        }
    }
}

/// Says how the run ended, and lets the model say something too.
pub(super) fn conclude<E: Experiment>(
    Ended { outcome, step, duration }: Ended,
    task: E::Task<'_>,
    run: &RunDir,
    cpu: &Cpu,
    data: &E::Data,
    args: &TrainArgs,
) -> Result<()> {
    if outcome == Outcome::Paused {
        tracing::info!("paused after step {step}: {}", run.path().display());
        return Ok(());
    }
    if outcome == Outcome::Interrupted {
        let (model, path) = (E::ENTRY.name, quoted(&*as_argument(run.path())));
        let message =
            format!("stopped after step {step}; resume with: tfm train {model} --resume {path}");
        bail!(Interrupted { message });
    }
    let path = run.path().display();
    let records = metrics::read(run.metrics_path())?;
    let metrics = report::last_metrics(&records);
    if let Some(sample_at_end) = E::sample_at_end(cpu, task, data) {
        tracing::info!("{sample_at_end}");
    }
    let text = match E::headline(&metrics) {
        Some(headline) => format!("{headline} after step {step}: {path}"),
        None => format!("step {step}: {path}"),
    };
    args.output.report(&report::in_json(run, step, duration, &records), text)?;
    let path = quoted(&*as_argument(run.path()));
    tracing::info!("Next: tfm plot {path}; tfm eval {path}");
    Ok(())
}

/// A path as an argument: the bare name of a model would be read as that, and what begins with a dash
/// as an option.
fn as_argument(path: &Path) -> Cow<'_, Path> {
    let name = path.to_string_lossy();
    match name.starts_with('-') || models::find(&name).is_some() {
        true => Path::new(".").join(path).into(),
        false => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_called_as_a_model_or_an_option_is_named_as_a_path() {
        for (path, expect) in
            [("ptb", "./ptb"), ("-x", "./-x"), ("runs/ptb", "runs/ptb"), ("a", "a")]
        {
            assert_eq!(as_argument(Path::new(path)), Path::new(expect));
        }
    }
}
