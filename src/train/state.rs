//! The state of the training loop.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The loop's own part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainState {
    /// Steps done.
    #[serde(skip)]
    pub step: u64,
    /// Whether the epoch that ends at this step has been evaluated.
    pub epoch_ended: bool,
    /// Whether the run has come to its end.
    pub finished: bool,
    /// The lines of `metrics.jsonl` that the end of the run wrote: a longer run lacks them.
    #[serde(default)]
    pub end_lines: u64,
    /// The best score of an epoch so far.
    pub best_score: Option<f64>,
}

impl TrainState {
    /// Records the score of an epoch and returns whether it is the best so far. A score that is not
    /// finite never is: a checkpoint could not store it, and nothing is lower than NaN.
    pub fn update_best(&mut self, score: f64) -> bool {
        let is_best = score.is_finite() && self.best_score.is_none_or(|best| score < best);
        if is_best {
            self.best_score = Some(score);
        }
        is_best
    }

    /// The state that a checkpoint holds: the loop's and the task's.
    pub fn to_state(&self, task: Map<String, Value>) -> Map<String, Value> {
        let own = serde_json::json!({
            "epoch_ended": self.epoch_ended,
            "finished": self.finished,
            "end_lines": self.end_lines,
            "best_score": self.best_score,
        });
        Map::from_iter([("loop".to_string(), own), ("task".to_string(), task.into())])
    }

    /// The loop's and the task's state from that of a checkpoint at `step`.
    ///
    /// # Errors
    /// When a part is missing.
    pub fn from_state(state: &Map<String, Value>, step: u64) -> Result<(Self, Map<String, Value>)> {
        let part = |name: &str| {
            state.get(name).with_context(|| format!("the checkpoint holds no state {name:?}"))
        };
        let own: Self = serde_json::from_value(part("loop")?.clone())?;
        let task = part("task")?.as_object().context("the state of the task is not a table")?;
        Ok((Self { step, ..own }, task.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_through_a_checkpoint() {
        let state = TrainState {
            step: 9,
            epoch_ended: true,
            finished: true,
            end_lines: 1,
            best_score: Some(0.1 + 0.2),
        };
        let task = Map::from_iter([("costs".to_string(), 1.5.into())]);
        let saved = state.to_state(task.clone());
        assert_eq!(TrainState::from_state(&saved, 9).unwrap(), (state, task));
        assert!(TrainState::from_state(&Map::new(), 9).is_err());
    }

    #[test]
    fn the_lowest_score_is_the_best() {
        let mut state = TrainState::default();
        assert_eq!([3.0, 4.0, 2.0, 2.0].map(|s| state.update_best(s)), [true, false, true, false]);
    }

    #[test]
    fn a_score_that_is_not_finite_is_never_the_best() {
        let mut state = TrainState::default();
        let scores = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3.0, f64::NAN, 2.0];
        let is_best = scores.map(|score| state.update_best(score));
        assert_eq!(is_best, [false, false, false, true, false, true]);
    }
}
