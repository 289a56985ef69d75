//! When a checkpoint or a line of progress is due.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, at_least};

/// The `[checkpoint]` table of every config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Number of recent checkpoints to keep, in addition to the best.
    pub keep: usize,
    /// Save a checkpoint every N steps; 0 disables.
    pub every_steps: u64,
    /// Save a checkpoint every N minutes; 0 disables.
    pub every_minutes: f64,
    /// Save a checkpoint at the end of each epoch.
    pub every_epoch: bool,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { keep: 3, every_steps: 0, every_minutes: 10.0, every_epoch: true }
    }
}

impl CheckpointConfig {
    /// Checks the ranges of all values.
    ///
    /// # Errors
    /// The first key that is out of range.
    pub fn validate(&self) -> Result<(), Invalid> {
        at_least("checkpoint.keep", self.keep, 1)?;
        at_least("checkpoint.every_minutes", self.every_minutes, 0.0)
    }
}

/// Says when a checkpoint is due, by steps and by minutes.
#[derive(Debug)]
pub struct CheckpointSchedule {
    config: CheckpointConfig,
    last: Instant,
}

impl CheckpointSchedule {
    /// A schedule that starts now.
    pub fn new(config: CheckpointConfig) -> Self {
        Self { config, last: Instant::now() }
    }

    /// What the schedule goes by.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
    }

    /// Whether a checkpoint is due when `step` steps are done.
    pub fn is_due(&self, step: u64) -> bool {
        let CheckpointConfig { every_steps, every_minutes, .. } = self.config;
        let by_steps = every_steps > 0 && step.is_multiple_of(every_steps);
        let by_time = every_minutes > 0.0
            && Duration::try_from_secs_f64(every_minutes * 60.0)
                .is_ok_and(|interval| self.last.elapsed() >= interval);
        by_steps || by_time
    }

    /// Restarts the interval.
    pub fn saved(&mut self) {
        self.last = Instant::now();
    }
}

/// Whether progress is reported after step `step` of an epoch, counted from 0: ten times per epoch.
/// Long epochs report at the steps of the reference, the eleventh of each tenth; short ones at the
/// last of each tenth.
pub fn is_reported(step: u64, steps_per_epoch: u64) -> bool {
    let tenth = steps_per_epoch / 10;
    if tenth > 10 {
        return step % tenth == 10;
    }
    let tenths = |steps: u64| steps * 10 / steps_per_epoch;
    tenths(step + 1) > tenths(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_reported_ten_times_an_epoch() {
        let reported = |n: u64| (0..n).filter(|&step| is_reported(step, n)).collect::<Vec<_>>();
        for n in 1..3000 {
            assert_eq!(reported(n).len() as u64, n.min(10), "{n} steps");
        }
        assert_eq!(reported(1327)[..3], [10, 142, 274]);
        assert_eq!(reported(3), [0, 1, 2]);
        assert_eq!(reported(20)[..3], [1, 3, 5]);
    }

    #[test]
    fn is_due_by_steps_and_by_time() {
        let schedule = |every_steps, every_minutes| {
            CheckpointSchedule::new(CheckpointConfig {
                every_steps,
                every_minutes,
                ..Default::default()
            })
        };
        let due = |schedule: CheckpointSchedule| [1, 2, 3, 4].map(|step| schedule.is_due(step));
        assert_eq!(due(schedule(2, 0.0)), [false, true, false, true]);
        assert_eq!(due(schedule(0, 0.0)), [false; 4]);
        assert_eq!(due(schedule(0, 1e-12)), [true; 4]);
        assert_eq!(due(schedule(0, 1e300)), [false; 4]);
    }
}
