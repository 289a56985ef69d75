//! A task whose state is three numbers, and that logs every call.

use std::cell::RefCell;
use std::panic;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use serde_json::{Map, Value};

use crate::checkpoint::Checkpoint;
use crate::metrics::{Content, Summary};
use crate::ops::NotFinite;
use crate::train::{CheckpointConfig, EpochReport, Evaluation, Progress, ShutdownFlag, Task};

/// What is trained.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub per_epoch: u64,
    pub total: u64,
    /// The score of each epoch; those beyond have none.
    pub scores: &'static [f64],
    /// Whether an evaluation ends when a signal comes.
    pub heeds: bool,
    pub checkpoint: CheckpointConfig,
    /// The step that a process lets the run rest at.
    pub pause_at: Option<u64>,
}

impl Plan {
    /// Two epochs and two steps of a third; the second epoch is the best.
    pub fn new() -> Self {
        let checkpoint =
            CheckpointConfig { keep: 2, every_steps: 2, every_minutes: 0.0, every_epoch: true };
        Self {
            per_epoch: 3,
            total: 8,
            scores: &[3.0, 2.0],
            heeds: true,
            checkpoint,
            pause_at: None,
        }
    }

    /// The same of another length.
    pub fn of(&self, total: u64) -> Self {
        Self { total, ..self.clone() }
    }
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// A signal comes.
    ShutdownFlag,
    /// The call returns an error, where it may.
    Fail,
    /// It returns that of a value that is not finite.
    Diverge,
    /// The process ends.
    Kill,
}

/// What the stack is unwound with in place of a killed process.
pub(super) struct Killed;

/// The calls of one process to its task, and the trouble at one of them, counted from 0.
#[derive(Default)]
pub(super) struct Calls {
    names: RefCell<Vec<String>>,
    trouble: Option<(usize, Trouble)>,
    pub shutdown: ShutdownFlag,
}

impl Calls {
    pub fn new(trouble: Option<(usize, Trouble)>) -> Self {
        Self { trouble, ..Self::default() }
    }

    pub fn into_names(self) -> Vec<String> {
        self.names.into_inner()
    }

    fn log(&self, name: impl Into<String>) -> Result<()> {
        let (index, name) = (self.names.borrow().len(), name.into());
        self.names.borrow_mut().push(name.clone());
        match self.trouble {
            Some((at, trouble)) if at == index => match trouble {
                Trouble::ShutdownFlag => self.shutdown.request(),
                Trouble::Fail => bail!("{name} fails"),
                Trouble::Diverge => bail!(NotFinite::new(name)),
                Trouble::Kill => panic::resume_unwind(Box::new(Killed)),
            },
            _ => {}
        }
        Ok(())
    }

    /// Logs a call that cannot fail.
    fn log_infallible(&self, name: String) {
        let _ = self.log(name);
    }
}

/// A task that trains nothing.
pub(super) struct Fake<'a> {
    plan: &'a Plan,
    calls: &'a Calls,
    /// Steps done.
    steps: i64,
    /// A checksum over all calls that change the state, in their order.
    sum: i64,
    /// A number with a fraction, which a checkpoint holds as JSON.
    loss: f64,
}

impl<'a> Fake<'a> {
    pub fn new(plan: &'a Plan, calls: &'a Calls) -> Self {
        Self { plan, calls, steps: 0, sum: 1, loss: 1.0 }
    }

    fn chain(&mut self, call: i64, argument: u64) {
        let mixed = (self.sum ^ call ^ (argument << 8) as i64).wrapping_mul(0x100_0000_01b3);
        self.sum = mixed.rotate_left(29);
    }

    fn measured(&self, phase: &'static str, name: &'static str, value: f64) -> Evaluation {
        let metrics = vec![(name, value), ("loss", self.loss)];
        Evaluation { phase, metrics, line: format!("{phase}: {name} {value}") }
    }
}

impl Task for Fake<'_> {
    fn model(&self) -> &'static str {
        "fake"
    }

    fn steps_per_epoch(&self) -> u64 {
        self.plan.per_epoch
    }

    fn total_steps(&self) -> u64 {
        self.plan.total
    }

    fn items_per_step(&self) -> (&'static str, u64) {
        ("items", 10)
    }

    fn begin_epoch(&mut self, epoch: u64) -> String {
        self.calls.log_infallible(format!("begin_epoch {epoch}"));
        self.chain(1, epoch);
        format!("epoch {epoch}")
    }

    /// A step that fails has changed the state already.
    fn step(&mut self, step: u64) -> Result<()> {
        assert_eq!(step as i64, self.steps, "the loop and the task stand at different steps");
        self.chain(2, step);
        self.steps += 1;
        self.loss = 0.9 * self.loss + 0.1 / (step + 3) as f64;
        self.calls.log(format!("step {step}"))
    }

    fn progress(&self) -> Vec<(&'static str, f64)> {
        vec![("loss", self.loss)]
    }

    fn record(&self, step: u64) -> Vec<(&'static str, f64)> {
        self.calls.log_infallible(format!("record {step}"));
        vec![("loss", self.loss), ("sum", (self.sum >> 12) as f64)]
    }

    fn report(&mut self, progress: Progress) -> Result<String> {
        let step = progress.step;
        assert_eq!(
            progress.fraction,
            (step % self.plan.per_epoch) as f64 / self.plan.per_epoch as f64
        );
        self.chain(3, step);
        self.calls.log(format!("report {step}"))?;
        Ok(format!("step {step}"))
    }

    fn summaries(&mut self, step: u64) -> Result<Vec<Summary>> {
        self.calls.log(format!("summaries {step}"))?;
        let summary = Summary { tag: "loss".to_string(), content: Content::Scalar(self.loss) };
        Ok(if step.is_multiple_of(3) { vec![summary] } else { Vec::new() })
    }

    fn end_epoch(&mut self, epoch: u64, shutdown: &ShutdownFlag) -> Result<Option<EpochReport>> {
        self.calls.log(format!("end_epoch {epoch}"))?;
        if self.plan.heeds && shutdown.requested() {
            return Ok(None);
        }
        let score = self.plan.scores.get(epoch as usize).copied();
        // A score that is not finite is recorded as none: JSON would bring it back as NaN,
        // which equals nothing.
        let finite = score.filter(|score| score.is_finite());
        let valid = finite.map(|score| self.measured("valid", "score", score));
        let epoch = self.measured("epoch", "steps", self.steps as f64);
        Ok(Some(EpochReport { measured: [epoch].into_iter().chain(valid).collect(), score }))
    }

    fn finish(&mut self, shutdown: &ShutdownFlag) -> Result<Option<Vec<Evaluation>>> {
        self.calls.log("finish")?;
        if self.plan.heeds && shutdown.requested() {
            return Ok(None);
        }
        let steps = self.steps as f64;
        Ok(Some(["valid", "test"].map(|phase| self.measured(phase, "steps", steps)).into()))
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        self.calls.log("tensors")?;
        let numbers = Tensor::new(&[self.steps, self.sum], &Device::Cpu)?;
        Ok(vec![("numbers".to_string(), numbers)])
    }

    fn state(&self) -> Map<String, Value> {
        self.calls.log_infallible("state".to_string());
        Map::from_iter([("loss".to_string(), self.loss.into())])
    }

    fn restore(&mut self, checkpoint: &Checkpoint, state: &Map<String, Value>) -> Result<()> {
        self.calls.log("restore")?;
        let numbers = checkpoint.tensor("numbers")?;
        let (numbers, _) = numbers.data().as_chunks();
        [self.steps, self.sum] = [0, 1].map(|i| i64::from_le_bytes(numbers[i]));
        self.loss = state.get("loss").and_then(Value::as_f64).context("no loss")?;
        Ok(())
    }
}
