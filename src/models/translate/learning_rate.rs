//! The learning rate of translation.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::config::Train;
use crate::nn::optimizer::Schedule;

/// Windows of steps that the mean loss has to fall below.
const WINDOWS: usize = 3;

/// The learning rate of the reference: it decays when the mean loss of a window of steps is above each
/// of the three previous windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRate {
    rate: f64,
    /// Σ losses of the window so far.
    sum: f64,
    steps: u64,
    /// The mean losses of the windows before.
    before: VecDeque<f64>,
}

impl LearningRate {
    /// Begins at `rate`.
    pub fn new(rate: f64) -> Self {
        Self { rate, sum: 0.0, steps: 0, before: VecDeque::new() }
    }

    /// Takes the loss of a step. A window has `every` steps.
    pub fn add(&mut self, loss: f64, every: u64, decay: f64) {
        self.sum += loss;
        self.steps += 1;
        if self.steps < every {
            return;
        }
        let mean = self.sum / self.steps as f64;
        let largest = self.before.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if self.before.len() == WINDOWS && mean > largest {
            self.rate *= decay;
        }
        self.before.push_back(mean);
        if self.before.len() > WINDOWS {
            self.before.pop_front();
        }
        (self.sum, self.steps) = (0.0, 0);
    }

    /// The rate of the next step.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The mean loss of the last window that has ended.
    pub fn last_window(&self) -> Option<f64> {
        self.before.back().copied()
    }
}

/// A rate as it is printed: those of Adam, and of the first steps, are small.
pub fn in_words(rate: f64) -> String {
    match rate {
        0.0 => "0".to_string(),
        small if small < 0.01 => format!("{small:.2e}"),
        rate => format!("{rate:.4}"),
    }
}

/// The schedule of a training whose epochs have `steps` in all; `None` for the rule of the
/// reference.
pub fn schedule(train: &Train, steps: u64) -> Option<Schedule> {
    let (rate, warmup) = (train.learning_rate, train.warmup_steps);
    match train.is_cosine() {
        true => Some(Schedule::Cosine { rate, warmup, steps, floor: 0.0 }),
        false if warmup > 0 => Some(Schedule::Root { rate, warmup }),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_where_a_window_is_above_the_three_before() {
        let mut rate = LearningRate::new(1.0);
        let mut rates = Vec::new();
        // Windows of two steps with these mean losses.
        for mean in [5.0, 4.0, 6.0, 7.0, 6.5, 8.0, 3.0, 3.5] {
            rate.add(mean - 1.0, 2, 0.5);
            rate.add(mean + 1.0, 2, 0.5);
            rates.push(rate.rate);
        }
        // The fourth is above the three before, the sixth too.
        assert_eq!(rates, [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25]);
        let saved = serde_json::to_value(&rate).unwrap();
        assert_eq!(serde_json::from_value::<LearningRate>(saved).unwrap(), rate);
    }

    #[test]
    fn a_cosine_ends_at_zero_with_the_epochs_and_the_rule_of_the_reference_has_no_schedule() {
        let cosine = Train {
            learning_rate: 0.5,
            warmup_steps: 4,
            schedule: "cosine".to_string(),
            ..Train::default()
        };
        let rate = |train: &Train, step| schedule(train, 14).map(|schedule| schedule.rate(step));
        assert_eq!([0, 4, 9, 14].map(|n| rate(&cosine, n)), [0.0, 0.5, 0.25, 0.0].map(Some));
        let root = Train { schedule: "inverse-sqrt".to_string(), ..cosine.clone() };
        assert_eq!(rate(&root, 15), Some(0.25));
        assert_eq!(rate(&Train { warmup_steps: 0, ..root }, 15), None);
        assert_eq!(rate(&Train { warmup_steps: 0, ..cosine }, 7), Some(0.25));
        assert_eq!([0.0, 0.00123, 0.5].map(in_words), ["0", "1.23e-3", "0.5000"]);
    }
}
