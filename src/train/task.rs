//! What the loop asks of a model in training.

use anyhow::Result;
use candle_core::Tensor;
use serde_json::{Map, Value};

use super::{ShutdownFlag, checkpoint_schedule};
use crate::checkpoint::Checkpoint;
use crate::metrics::Summary;

/// Numbers measured at one moment, and how they are said on the console.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// "epoch" (of training), "valid" or "test".
    pub phase: &'static str,
    /// Names and values.
    pub metrics: Vec<(&'static str, f64)>,
    /// The same in words: a part of the line of an epoch.
    pub line: String,
}

/// What an epoch ends with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpochReport {
    /// What was measured, in order.
    pub measured: Vec<Evaluation>,
    /// The score by which the best checkpoint is chosen: the lower, the better. `None` where
    /// this epoch was not evaluated.
    pub score: Option<f64>,
}

/// Where the run stands when it reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The step that was just done, counted from 0.
    pub step: u64,
    /// The share of the epoch that was done before it.
    pub fraction: f64,
    /// Items per second since the epoch began, or since the run was resumed.
    pub rate: f64,
}

/// A model in training, as the loop sees it. Epochs and steps count from 0.
pub trait Task {
    /// The registered name of the model.
    fn model(&self) -> &'static str;
    /// Steps of an epoch.
    fn steps_per_epoch(&self) -> u64;
    /// Steps of the whole run.
    fn total_steps(&self) -> u64;
    /// Epochs of the whole run; the last may be cut short.
    fn epochs(&self) -> u64 {
        self.total_steps().div_ceil(self.steps_per_epoch()).max(1)
    }
    /// The epoch of step `step`. Steps beyond the last epoch belong to it.
    fn epoch_at(&self, step: u64) -> u64 {
        (step / self.steps_per_epoch()).min(self.epochs() - 1)
    }
    /// How a run that has finished is continued.
    fn how_to_continue(&self) -> &'static str {
        "to continue, give --epochs or --steps more"
    }
    /// The unit of throughput, such as words, and how many of them a step processes.
    fn items_per_step(&self) -> (&'static str, u64);
    /// Prepares the first step of an epoch and returns a line of progress.
    fn begin_epoch(&mut self, epoch: u64) -> String;
    /// Runs step `step` of the run.
    ///
    /// # Errors
    /// A loss or gradient that is not finite, with its tensor.
    fn step(&mut self, step: u64) -> Result<()>;
    /// What the status line shows of this epoch so far.
    fn progress(&self) -> Vec<(&'static str, f64)>;
    /// What is recorded of this epoch so far; `step` was the last one.
    fn record(&self, step: u64) -> Vec<(&'static str, f64)>;
    /// The validation metrics of the last [`Task::report`], if it measured any.
    fn validation(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
    /// Whether progress is reported after step `step`: by default ten times per epoch.
    fn is_reported(&self, step: u64) -> bool {
        let per_epoch = self.steps_per_epoch();
        checkpoint_schedule::is_reported(step % per_epoch, per_epoch)
    }
    /// Whether progress is reported after the last step too, as a part of the end of the run.
    fn reports_last_step(&self) -> bool {
        false
    }
    /// The progress in words, in the reference's wording, on one line or more. What it takes to say
    /// them may be computed here, for [`Task::record`] and [`Task::validation`] to record.
    ///
    /// # Errors
    /// Whatever keeps it from being computed.
    fn report(&mut self, progress: Progress) -> Result<String>;
    /// Distributions and pictures for TensorBoard after step `step`; none where none are due.
    ///
    /// # Errors
    /// Whatever keeps them from being computed.
    fn summaries(&mut self, _step: u64) -> Result<Vec<Summary>> {
        Ok(Vec::new())
    }
    /// Whether [`Task::end_epoch`] evaluates: what was trained is saved before.
    fn is_evaluated(&self, _epoch: u64) -> bool {
        true
    }
    /// Evaluates at the end of an epoch. `None` where a shutdown is requested; nothing of the training
    /// state has changed then, nor where it fails.
    ///
    /// # Errors
    /// Whatever keeps the evaluation from its end.
    fn end_epoch(&mut self, epoch: u64, shutdown: &ShutdownFlag) -> Result<Option<EpochReport>>;
    /// Evaluates at the end of the run, as [`Task::end_epoch`].
    ///
    /// # Errors
    /// Whatever keeps the evaluation from its end.
    fn finish(&mut self, shutdown: &ShutdownFlag) -> Result<Option<Vec<Evaluation>>>;
    /// Parameters, optimizer state and recurrent state by name.
    ///
    /// # Errors
    /// A value that is not finite, with its tensor: no run could continue from it.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>>;
    /// Meters, random streams and the like.
    fn state(&self) -> Map<String, Value>;
    /// Takes over what [`Task::tensors`] and [`Task::state`] have given.
    ///
    /// # Errors
    /// When names, shapes or values do not fit this task.
    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()>;
}
