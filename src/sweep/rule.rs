//! When a run of a sweep is stopped early: by its score at equal steps.
//!
//! A run rests at each step of `steps`, so that what is decided there is a function of the scores and
//! of the order in which runs came, and not of the moment: with one job, a sweep is the same twice.
//!
//! * `median` (Golovin et al. 2017, Google Vizier): a run continues unless it is worse than the
//!   median of those that were at this step before it.
//! * `asha` (Li et al., arXiv 1810.05934): a run rests, and continues once it is among the best one
//!   in `reduction` of those that have come to this step. Runs that never are end there; where none
//!   would come to its end, the best does.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::analysis::Objective;

/// The table `[stop]` of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopRule {
    /// Which rule it is.
    pub rule: Rule,
    /// The steps at which runs are compared, ascending.
    pub steps: Vec<u64>,
    /// The score that decides, such as `valid_perplexity`; by default the one that settings of the
    /// model are chosen by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// `median`: runs that must have come to a step before one is stopped there.
    #[serde(default = "default_runs")]
    pub min_runs: usize,
    /// `asha`: one in this many runs continues.
    #[serde(default = "default_reduction")]
    pub reduction: usize,
}

fn default_runs() -> usize {
    3
}

fn default_reduction() -> usize {
    3
}

/// A rule of early stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Worse than the median.
    Median,
    /// Asynchronous successive halving.
    Asha,
}

impl StopRule {
    /// Checks the values of the table.
    ///
    /// # Errors
    /// The key and the rule that its value breaks.
    pub fn check(&self) -> Result<()> {
        let ascending = self.steps.windows(2).all(|pair| pair[0] < pair[1]);
        ensure!(
            self.steps.first().is_some_and(|&step| step > 0) && ascending,
            "stop.steps must be steps from 1, each larger than the one before"
        );
        ensure!(self.min_runs >= 1, "stop.min_runs must be at least 1");
        ensure!(self.reduction >= 2, "stop.reduction must be at least 2");
        Ok(())
    }
}

/// What was decided of a run at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It continues at once.
    Continue,
    /// It rests until others have come to this step.
    Wait,
    /// It ends here.
    Stop,
}

/// Something that happened to a point: a line of `decisions.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// It has come to a step of the rule.
    Arrived {
        /// The point.
        point: u64,
        /// The place of the step in `steps`.
        rung: usize,
        /// The score there; `None` if the run had not measured it yet.
        value: Option<f64>,
        /// What was decided.
        decision: Decision,
    },
    /// It continues, being among the best.
    Promoted {
        /// The point.
        point: u64,
        /// The place of the step that it continues from.
        rung: usize,
    },
    /// It ends: no other can come that would make it one of the best.
    Stopped {
        /// The point.
        point: u64,
    },
}

/// Who has come how far.
#[derive(Debug)]
pub struct Board {
    rule: StopRule,
    objective: Objective,
    /// For each step, who came to it, in order.
    rungs: Vec<Vec<(u64, Option<f64>)>>,
    /// For each step, who continued from it.
    promoted: Vec<BTreeSet<u64>>,
    stopped: BTreeSet<u64>,
}

impl Board {
    /// Where nothing has happened yet.
    pub fn new(rule: StopRule, objective: Objective) -> Self {
        let rungs = rule.steps.len();
        Self {
            rule,
            objective,
            rungs: vec![Vec::new(); rungs],
            promoted: vec![BTreeSet::new(); rungs],
            stopped: BTreeSet::new(),
        }
    }

    /// Takes over what has happened.
    pub fn apply(&mut self, event: &Event) {
        match *event {
            Event::Arrived { point, rung, value, decision } => {
                let Some(arrived) = self.rungs.get_mut(rung) else { return };
                arrived.push((point, value));
                match decision {
                    Decision::Continue => drop(self.promoted[rung].insert(point)),
                    Decision::Stop => drop(self.stopped.insert(point)),
                    Decision::Wait => {}
                }
            }
            Event::Promoted { point, rung } => {
                if let Some(promoted) = self.promoted.get_mut(rung) {
                    promoted.insert(point);
                }
            }
            Event::Stopped { point } => drop(self.stopped.insert(point)),
        }
    }

    /// The score that decides.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// Whether the point was stopped.
    pub fn is_stopped(&self, point: u64) -> bool {
        self.stopped.contains(&point)
    }

    /// The step that the point comes to next, and its place; `None` if it runs to its end.
    pub fn next_step(&self, point: u64) -> Option<(usize, u64)> {
        let rung = self.rungs.iter().filter(|rung| rung.iter().any(|(p, _)| *p == point)).count();
        Some((rung, *self.rule.steps.get(rung)?))
    }

    /// Whether the point has begun, and may continue now.
    pub fn is_ready(&self, point: u64) -> bool {
        let last = self.next_step(point).map_or(self.rungs.len(), |(rung, _)| rung);
        last > 0 && self.promoted[last - 1].contains(&point) && !self.is_stopped(point)
    }

    /// Whether the point rests until others have come.
    pub fn is_waiting(&self, point: u64) -> bool {
        let last = self.next_step(point).map_or(self.rungs.len(), |(rung, _)| rung);
        last > 0 && !self.promoted[last - 1].contains(&point) && !self.is_stopped(point)
    }

    /// What becomes of a point that comes to the step at `rung` with this score.
    pub fn arrive(&self, point: u64, rung: usize, value: Option<f64>) -> Event {
        let decision = match self.rule.rule {
            // It is not judged: among those that rest it would count for nothing.
            Rule::Asha if value.is_none() => Decision::Continue,
            Rule::Asha => Decision::Wait,
            Rule::Median => self.by_median(rung, value),
        };
        Event::Arrived { point, rung, value, decision }
    }

    fn by_median(&self, rung: usize, value: Option<f64>) -> Decision {
        let mut others: Vec<f64> =
            self.rungs[rung].iter().filter_map(|(_, value)| *value).collect();
        others.sort_by(f64::total_cmp);
        let Some(value) = value.filter(|_| others.len() >= self.rule.min_runs) else {
            return Decision::Continue;
        };
        let middle = others.len() / 2;
        let median = match others.len() % 2 {
            0 => f64::midpoint(others[middle - 1], others[middle]),
            _ => others[middle],
        };
        if self.objective.is_better(median, value) { Decision::Stop } else { Decision::Continue }
    }

    /// The best of those that rest at the farthest step: it continues where no other can come, and
    /// none has come to its end.
    pub fn last_resort(&self) -> Option<Event> {
        (0..self.rungs.len()).rev().find_map(|rung| {
            let mut arrived = self.by_score(rung).into_iter().map(|(point, _)| point);
            let point = arrived.find(|point| self.is_open(*point, rung))?;
            Some(Event::Promoted { point, rung })
        })
    }

    /// Whether a point rests at a step.
    fn is_open(&self, point: u64, rung: usize) -> bool {
        !self.promoted[rung].contains(&point) && !self.is_stopped(point)
    }

    /// Who has come to a step with a score, the best first; of equal ones the first that came.
    fn by_score(&self, rung: usize) -> Vec<(u64, f64)> {
        let scored = self.rungs[rung].iter().filter_map(|(point, value)| Some((*point, (*value)?)));
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by(
            |(_, a), (_, b)| {
                if self.objective.lower { a.total_cmp(b) } else { b.total_cmp(a) }
            },
        );
        scored
    }

    /// The point that may continue since it is among the best at its step: of the farthest step,
    /// the best.
    pub fn promotable(&self) -> Option<Event> {
        if self.rule.rule != Rule::Asha {
            return None;
        }
        (0..self.rungs.len()).rev().find_map(|rung| {
            let scored = self.by_score(rung);
            let best = scored.len() / self.rule.reduction;
            let mut best = scored.into_iter().take(best).map(|(point, _)| point);
            let point = best.find(|point| self.is_open(*point, rung))?;
            Some(Event::Promoted { point, rung })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(rule: Rule, steps: &[u64]) -> Board {
        let rule =
            StopRule { rule, steps: steps.to_vec(), metric: None, min_runs: 2, reduction: 3 };
        rule.check().unwrap();
        Board::new(rule, Objective { name: "valid_perplexity".to_owned(), lower: true })
    }

    fn arrive(board: &mut Board, point: u64, rung: usize, value: f64) -> Decision {
        let event = board.arrive(point, rung, Some(value));
        board.apply(&event);
        let Event::Arrived { decision, .. } = event else { panic!("{event:?}") };
        decision
    }

    #[test]
    fn the_median_stops_what_is_worse_than_half() {
        let mut board = board(Rule::Median, &[10, 20]);
        assert_eq!(board.next_step(1), Some((0, 10)));
        let decisions = [(1, 5.0), (2, 7.0), (3, 6.5), (4, 6.5), (5, 1.0), (6, f64::MAX)]
            .map(|(point, value)| arrive(&mut board, point, 0, value));
        use Decision::{Continue, Stop};
        // The median of 5 and 7 is 6; then of 5, 6.5 and 7 it is 6.5.
        assert_eq!(decisions, [Continue, Continue, Stop, Continue, Continue, Stop]);
        assert!(board.is_ready(1) && board.is_stopped(3) && !board.is_ready(3));
        assert_eq!(board.next_step(1), Some((1, 20)));
        assert_eq!(arrive(&mut board, 1, 1, 4.0), Continue);
        assert_eq!((board.next_step(1), board.promotable()), (None, None));
        // What was not measured yet is not judged.
        assert_eq!(
            board.arrive(9, 0, None),
            Event::Arrived { point: 9, rung: 0, value: None, decision: Continue }
        );
    }

    #[test]
    fn of_three_the_best_goes_on() {
        let mut board = board(Rule::Asha, &[10, 30]);
        let mut promoted = Vec::new();
        for (point, value) in (1..=9).zip([5.0, 4.0, 6.0, 3.0, 9.0, 8.0, 7.0, 2.0, 1.0]) {
            assert_eq!(arrive(&mut board, point, 0, value), Decision::Wait);
            assert!(board.is_waiting(point));
            while let Some(event) = board.promotable() {
                let Event::Promoted { point, rung } = event else { panic!("{event:?}") };
                promoted.push((point, rung));
                board.apply(&event);
                assert!(board.is_ready(point));
                if rung == 0 {
                    arrive(&mut board, point, 1, value);
                }
            }
        }
        // 2 is the best of three, then 4 of four; 8 is among the best two of eight, and the best of the
        // three that have come to the second step; then 9.
        assert_eq!(promoted, [(2, 0), (4, 0), (8, 0), (8, 1), (9, 0), (9, 1)]);
        board.apply(&Event::Stopped { point: 1 });
        assert!(board.is_stopped(1) && !board.is_waiting(1));
    }

    #[test]
    fn one_goes_on_to_its_end_where_there_are_few() {
        let mut board = board(Rule::Asha, &[10, 30]);
        arrive(&mut board, 1, 0, 5.0);
        arrive(&mut board, 2, 0, 4.0);
        let first = board.last_resort().unwrap();
        assert_eq!((&first, board.promotable()), (&Event::Promoted { point: 2, rung: 0 }, None));
        board.apply(&first);
        arrive(&mut board, 2, 1, 3.0);
        let second = board.last_resort().unwrap();
        assert_eq!(second, Event::Promoted { point: 2, rung: 1 });
        board.apply(&second);
        assert!(board.is_ready(2) && board.next_step(2).is_none() && board.is_waiting(1));
        assert_eq!(board.last_resort(), Some(Event::Promoted { point: 1, rung: 0 }));
        board.apply(&Event::Stopped { point: 1 });
        assert_eq!(board.last_resort(), None);
    }

    #[test]
    fn what_was_not_measured_yet_goes_on_and_counts_for_nothing() {
        let mut board = board(Rule::Asha, &[10, 30]);
        for point in 1..=3 {
            board.apply(&board.arrive(point, 0, None));
            assert!(board.is_ready(point) && board.next_step(point) == Some((1, 30)));
        }
        arrive(&mut board, 4, 0, 5.0);
        arrive(&mut board, 5, 0, 4.0);
        // Of two with a score, none is the best of three.
        assert_eq!(board.promotable(), None);
        arrive(&mut board, 6, 0, 6.0);
        assert_eq!(board.promotable(), Some(Event::Promoted { point: 5, rung: 0 }));
    }

    #[test]
    fn values_that_are_no_rule_are_refused() {
        let rule = |steps: &[u64], min_runs, reduction| {
            StopRule { rule: Rule::Asha, steps: steps.to_vec(), metric: None, min_runs, reduction }
                .check()
        };
        rule(&[1], 1, 2).unwrap();
        for (rule, part) in [
            (rule(&[], 1, 2), "stop.steps"),
            (rule(&[0, 1], 1, 2), "stop.steps"),
            (rule(&[2, 2], 1, 2), "stop.steps"),
            (rule(&[1], 0, 2), "stop.min_runs"),
            (rule(&[1], 1, 1), "stop.reduction"),
        ] {
            assert!(rule.unwrap_err().to_string().starts_with(part));
        }
    }
}
