//! The status line of a run, its progress lines and its throughput.

use std::time::Instant;

use super::Task;
use crate::console;

/// Steps of this process before which the time left is not told: the first ones are slow.
const FIRST_STEPS: u64 = 3;

/// Says lines of progress: where a status line shows the same, for the log alone.
pub(super) fn progress_line(lines: &str) {
    for line in lines.lines() {
        match console::is_enabled() {
            true => tracing::debug!("{line}"),
            false => tracing::info!("{line}"),
        }
    }
}

/// The status line of a run in training.
#[derive(Debug)]
pub(super) struct Display {
    /// When this process began, and the steps that were done then.
    began: (Instant, u64),
}

impl Display {
    /// A process that continues after `step` steps.
    pub(super) fn new(step: u64) -> Self {
        Self { began: (Instant::now(), step) }
    }

    /// Draws the status line after `done` steps, at `rate` items per second.
    pub(super) fn step(&self, task: &impl Task, done: u64, rate: f64) {
        console::status(|width| {
            let epoch = task.epoch_at(done.saturating_sub(1)) + 1;
            let head = format!("Epoch {epoch}/{}", task.epochs());
            let total = task.total_steps();
            let mut parts: Vec<_> = self.left(done, total).into_iter().collect();
            let number = |(name, value): (&str, f64)| format!("{name} {value:.3}");
            parts.extend(task.progress().into_iter().map(number));
            parts.push(format!("{rate:.0} {}/s", task.items_per_step().0));
            console::fit(&head, done as f64 / total.max(1) as f64, &parts, width)
        });
    }

    /// How long the rest takes if it is as fast as this process was, evaluations included.
    fn left(&self, done: u64, total: u64) -> Option<String> {
        let (start, first) = self.began;
        let own = done.saturating_sub(first);
        let rest = total.saturating_sub(done) as f64 / own.max(1) as f64;
        let left = start.elapsed().mul_f64(rest);
        (own >= FIRST_STEPS).then(|| format!("{} left", console::duration(left)))
    }
}

/// The items of an epoch so far, for the rate alone.
pub(super) struct Throughput {
    start: Instant,
    pub(super) items: u64,
}

impl Throughput {
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), items: 0 }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Items per second.
    pub(super) fn rate(&self) -> f64 {
        self.items as f64 / self.seconds().max(1e-9)
    }
}
