//! The one training loop: steps, epochs, checkpoints, metrics, signals.
//!
//! A [`Task`] defines what a step is. The whole state of the loop is in the checkpoint: from any
//! checkpoint it continues exactly as if it had never stopped.

mod checkpoint_schedule;
mod display;
mod restore;
pub mod shutdown;
mod state;
mod task;

use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use candle_core::Tensor;

use crate::atomic;
use crate::checkpoint::{self, Meta, Retention};
use crate::console;
use crate::metrics::{self, ELAPSED, Record, Recorded, Recorder};
use crate::ops::NotFinite;
use crate::run::RunDir;
use crate::system::shell::quoted;

pub use checkpoint_schedule::{CheckpointConfig, CheckpointSchedule, is_reported};
use display::{Display, Throughput, progress_line};
pub use restore::{Restored, restore};
pub use shutdown::ShutdownFlag;
pub use state::TrainState;
pub use task::{EpochReport, Evaluation, Progress, Task};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// A signal came; the checkpoint is saved.
    Interrupted,
    /// The step came at which the run was to rest; the checkpoint is saved.
    Paused,
}

/// A task on its way through a run folder.
pub struct Training<'a, T> {
    task: &'a mut T,
    run: &'a RunDir,
    recorder: Recorder,
    schedule: CheckpointSchedule,
    display: Display,
    shutdown: &'a ShutdownFlag,
    /// The step that the run rests at, the evaluation of its epoch included.
    pause_at: Option<u64>,
    state: TrainState,
    throughput: Throughput,
    last_saved: Option<u64>,
    /// When this process began, and the seconds that earlier ones took.
    start: Instant,
    elapsed_before: f64,
}

impl<'a, T: Task> Training<'a, T> {
    /// A run from its first step.
    ///
    /// # Errors
    /// When the metrics cannot be written.
    pub fn start(
        task: &'a mut T,
        run: &'a RunDir,
        config: &CheckpointConfig,
        shutdown: &'a ShutdownFlag,
    ) -> Result<Self> {
        let recorder = Recorder::create(run.path())?;
        Ok(Self::new(task, run, recorder, config, shutdown, TrainState::default()))
    }

    /// A run that continues from the state that [`restore`] gave its task.
    ///
    /// # Errors
    /// When checkpoint or metrics cannot be written.
    pub fn resume(
        restored: Restored,
        task: &'a mut T,
        run: &'a RunDir,
        config: &CheckpointConfig,
        shutdown: &'a ShutdownFlag,
    ) -> Result<Self> {
        let Restored { mut state, mut lines, from } = restored;
        if state.finished && state.step < task.total_steps() {
            // The run was extended, so the records of its old final evaluation are dropped. The
            // checkpoint counts records, so it is written before they go.
            lines -= lines.min(std::mem::take(&mut state.end_lines));
            state.finished = false;
            let contents = contents(task, &state, Recorder::first(run.path(), lines)?);
            let (meta, tensors) = contents.context("the run cannot be extended")?;
            let keep = Retention { last: config.keep };
            checkpoint::save(&run.checkpoints_dir(), &meta, tensors, keep, false)?;
        }
        let recorder = Recorder::resume(run.path(), lines, state.step)?;
        let mut last_saved = None;
        match from {
            Some(path) => {
                tracing::info!("Resumed at step {} from {}", state.step, path.display());
                last_saved = Some(state.step);
            }
            None => {
                tracing::warn!("{} has no checkpoint yet: starting over", run.path().display());
            }
        }
        let training = Self::new(task, run, recorder, config, shutdown, state);
        Ok(Self { last_saved, ..training })
    }

    fn new(
        task: &'a mut T,
        run: &'a RunDir,
        recorder: Recorder,
        config: &CheckpointConfig,
        shutdown: &'a ShutdownFlag,
        state: TrainState,
    ) -> Self {
        let schedule = CheckpointSchedule::new(config.clone());
        let display = Display::new(state.step);
        let records = metrics::read(run.metrics_path()).unwrap_or_default();
        let elapsed = records.last().and_then(|record| record.timing.get(ELAPSED));
        Self {
            task,
            run,
            recorder,
            schedule,
            display,
            shutdown,
            pause_at: None,
            state,
            throughput: Throughput::start(),
            last_saved: None,
            start: Instant::now(),
            elapsed_before: elapsed.copied().unwrap_or_default(),
        }
    }

    /// The same, resting before the first step beyond `step`: what it computes stays the same.
    pub fn pause_at(self, step: Option<u64>) -> Self {
        Self { pause_at: step, ..self }
    }

    /// The steps done.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// Trains to the end, or to the first signal.
    ///
    /// # Errors
    /// What the task or a write reports; the last checkpoint stays.
    pub fn run(mut self) -> Result<(Outcome, u64)> {
        if self.last_saved.is_none() {
            // Whatever happens from here on, there is something to continue from. The folder is
            // made here alone: if it is gone later, another run may be in its place.
            self.run.expect_own()?;
            atomic::create_folder(&self.run.checkpoints_dir())?;
            self.save(false)?;
        }
        if self.state.finished {
            // The last save may have been killed before it had done so.
            self.prune();
            tracing::info!(
                "The run has already finished at step {}; {}",
                self.state.step,
                self.task.how_to_continue()
            );
        }
        let ended = self.run_to_the_end();
        console::clear();
        ended
    }

    fn run_to_the_end(&mut self) -> Result<(Outcome, u64)> {
        while !self.state.finished {
            if self.shutdown.requested() {
                self.save(false)?;
                return Ok((Outcome::Interrupted, self.state.step));
            }
            if self.at_end_of_epoch() {
                self.end_epoch()?;
            } else if self.state.step >= self.task.total_steps() {
                self.finish()?;
            } else if self.pause_at.is_some_and(|step| self.state.step >= step) {
                self.save(false)?;
                return Ok((Outcome::Paused, self.state.step));
            } else {
                self.train_step()?;
            }
        }
        Ok((Outcome::Finished, self.state.step))
    }

    fn at_end_of_epoch(&self) -> bool {
        let TrainState { step, epoch_ended, .. } = self.state;
        step > 0 && step.is_multiple_of(self.task.steps_per_epoch()) && !epoch_ended
    }

    /// The epoch of the last step, counted from 0.
    fn epoch(&self) -> u64 {
        self.task.epoch_at(self.state.step.saturating_sub(1))
    }

    fn train_step(&mut self) -> Result<()> {
        let step = self.state.step;
        let epoch = self.task.epoch_at(step);
        if step == epoch * self.task.steps_per_epoch() {
            progress_line(&self.task.begin_epoch(epoch));
            self.throughput = Throughput::start();
        }
        self.task.step(step).map_err(|error| self.with_step_context(error))?;
        self.state.step += 1;
        self.state.epoch_ended = false;
        self.throughput.items += self.task.items_per_step().1;
        self.report_progress()?;
        if self.schedule.is_due(self.state.step) {
            self.save(false)?;
        }
        Ok(())
    }

    /// An error of the task with its step, what is kept, and what can be done.
    fn with_step_context(&self, error: anyhow::Error) -> anyhow::Error {
        let (step, run) = (self.state.step, quoted(self.run.path()));
        let saved = self.last_saved.map(|saved| format!("the checkpoint of step {saved} is kept"));
        let saved = saved.as_deref().unwrap_or("there is no checkpoint yet");
        let hint = match (self.last_saved, error.is::<NotFinite>()) {
            (Some(_), false) => format!("resume from it with --resume {run}"),
            (Some(_), true) => format!(
                "start a new run from it with --init-from {run}, for example with a lower learning \
                 rate"
            ),
            (None, false) => format!("begin it again with --resume {run}"),
            (None, true) => "start a new run, for example with a lower learning rate".to_string(),
        };
        anyhow!("step {step}: {error:#}; {saved}: {hint}")
    }

    /// Draws the status line, and at intervals writes a line and a record.
    fn report_progress(&mut self) -> Result<()> {
        let rate = self.throughput.rate();
        self.display.step(&*self.task, self.state.step, rate);
        let step = self.state.step - 1;
        let summaries = self.task.summaries(step).map_err(|error| self.with_step_context(error))?;
        self.recorder.summaries(self.state.step, &summaries)?;
        if self.task.is_reported(step) {
            self.report(step, rate)?;
        }
        Ok(())
    }

    /// Writes a line and records, and returns how many of these.
    fn report(&mut self, step: u64, rate: f64) -> Result<u64> {
        let per_epoch = self.task.steps_per_epoch();
        let fraction = (step - self.task.epoch_at(step) * per_epoch) as f64 / per_epoch as f64;
        let line = self.task.report(Progress { step, fraction, rate });
        progress_line(&line.map_err(|error| self.with_step_context(error))?);
        let unit = format!("{}_per_second", self.task.items_per_step().0);
        let record = self.record("train", &self.task.record(step)).timing(&unit, rate);
        self.recorder.record(&record)?;
        let valid = self.task.validation();
        if !valid.is_empty() {
            self.recorder.record(&self.record("valid", &valid))?;
        }
        Ok(1 + u64::from(!valid.is_empty()))
    }

    fn record(&self, phase: &str, metrics: &[(&'static str, f64)]) -> Record {
        let elapsed = self.elapsed_before + self.start.elapsed().as_secs_f64();
        let record = Record::new(self.state.step, self.epoch() + 1, phase);
        let record = record.timing(ELAPSED, elapsed);
        metrics.iter().fold(record, |record, (name, value)| record.metric(name, *value))
    }

    fn end_epoch(&mut self) -> Result<()> {
        let (seconds, rate) = (self.throughput.seconds(), self.throughput.rate());
        let unit = format!("{}_per_second", self.task.items_per_step().0);
        let (epoch, step) = (self.epoch(), self.state.step);
        let is_saved = self.last_saved == Some(step) || !self.schedule.config().every_epoch;
        if !is_saved && self.task.is_evaluated(epoch) {
            // An evaluation takes long and may be killed.
            self.save(false)?;
        }
        let end = match self.task.end_epoch(epoch, self.shutdown) {
            Ok(Some(end)) => end,
            Ok(None) => return Ok(()),
            Err(error) if error.is::<NotFinite>() => return Err(self.with_step_context(error)),
            Err(error) => {
                tracing::warn!("step {step}: the evaluation failed; the run continues: {error:#}");
                EpochReport::default()
            }
        };
        self.say_epoch(&end.measured, seconds);
        for measured in &end.measured {
            self.warn_of_divergence(measured);
            let mut record = self.record(measured.phase, &measured.metrics);
            if measured.phase == "epoch" {
                record = record.timing("seconds", seconds).timing(&unit, rate);
            }
            self.recorder.record(&record)?;
        }
        self.state.epoch_ended = true;
        let is_best = end.score.is_some_and(|score| self.state.update_best(score));
        let is_last = step == self.task.total_steps();
        if is_best || is_last || self.schedule.config().every_epoch {
            self.save(is_best)?;
        }
        Ok(())
    }

    /// One line with all metrics of the epoch, those of training first.
    fn say_epoch(&self, measured: &[Evaluation], seconds: f64) {
        let mut parts = Vec::new();
        if measured.iter().all(|measured| measured.phase != "epoch") {
            let number = |(name, value)| format!("{name} {value:.3}");
            parts.extend(self.task.progress().into_iter().map(number));
        }
        parts.extend(measured.iter().map(|measured| measured.line.clone()));
        let (epoch, epochs) = (self.epoch() + 1, self.task.epochs());
        tracing::info!("Epoch {epoch}/{epochs}: {}, {seconds:.1} s", parts.join(", "));
    }

    /// Warns if a metric is not finite although the loss is; the run continues.
    fn warn_of_divergence(&self, measured: &Evaluation) {
        for (name, value) in measured.metrics.iter().filter(|(_, value)| !value.is_finite()) {
            let (step, phase) = (self.state.step, measured.phase);
            tracing::warn!(
                "step {step}: {phase} {name} is {value}: training has diverged; try a lower \
                 learning rate or a smaller initialisation scale"
            );
        }
    }

    fn finish(&mut self) -> Result<()> {
        let measured = self.task.finish(self.shutdown);
        let Some(measured) = measured.map_err(|error| self.with_step_context(error))? else {
            return Ok(());
        };
        let step = self.state.step.saturating_sub(1);
        self.state.end_lines = measured.len() as u64;
        if self.task.reports_last_step() && !self.task.is_reported(step) {
            self.state.end_lines += self.report(step, self.throughput.rate())?;
        }
        for measured in &measured {
            tracing::debug!("{}", measured.line);
            self.warn_of_divergence(measured);
            self.recorder.record(&self.record(measured.phase, &measured.metrics))?;
        }
        self.state.finished = true;
        self.save(false)
    }

    /// Saves all that the run needs to continue from here.
    fn save(&mut self, is_best: bool) -> Result<()> {
        self.run.expect_own()?;
        self.write(is_best).map_err(|error| self.with_step_context(error))?;
        let best = if is_best { ", the best so far" } else { "" };
        tracing::debug!("Saved the checkpoint of step {}{best}", self.state.step);
        self.schedule.saved();
        self.last_saved = Some(self.state.step);
        Ok(())
    }

    fn write(&mut self, is_best: bool) -> Result<()> {
        // The lines that the checkpoint counts must be on the disk before it is.
        self.recorder.sync()?;
        let (meta, tensors) = contents(self.task, &self.state, self.recorder.recorded())?;
        let keep = Retention { last: self.schedule.config().keep };
        checkpoint::save(&self.run.checkpoints_dir(), &meta, tensors, keep, is_best).map(drop)
    }

    /// One file too many is not a reason to stop a run.
    fn prune(&self) {
        let (dir, keep) = (self.run.checkpoints_dir(), self.schedule.config().keep);
        if let Err(error) = checkpoint::prune(&dir, self.state.step, keep) {
            tracing::warn!("{error:#}");
        }
    }
}

/// What a checkpoint holds of a task at a state that follows the `recorded` lines.
fn contents<T: Task>(
    task: &T,
    state: &TrainState,
    recorded: Recorded,
) -> Result<(Meta, Vec<(String, Tensor)>)> {
    let mut meta = Meta::new(task.model(), state.step);
    meta.epoch = task.epoch_at(state.step.saturating_sub(1)) + 1;
    meta.metrics_lines = recorded.lines;
    meta.metrics_crc32c = Some(recorded.crc32c);
    meta.state = state.to_state(task.state());
    Ok((meta, task.tensors()?))
}

#[cfg(test)]
mod tests;
