//! The score that runs are ranked by.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::metrics::Record;
use crate::models::{Better, Entry};

/// A score of a model, such as `valid_perplexity`, and which way it is better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// `<phase>_<metric>`.
    pub name: String,
    /// Whether the smaller value is the better.
    pub lower: bool,
}

impl Objective {
    /// The score by which settings of `model` are chosen: one of validation where there is one.
    pub fn of(model: &Entry) -> Option<Self> {
        let validation = |score: &&&str| score.starts_with("valid_") || score.starts_with("dev_");
        let score = model.scores.iter().find(validation).or(model.scores.first())?;
        Self::named(model, score).ok()
    }

    /// The score that a finished run is known by: one of the test where there is one.
    pub fn of_finished(model: &Entry) -> Option<Self> {
        match model.scores.iter().find(|score| score.starts_with("test_")) {
            Some(score) => Self::named(model, score).ok(),
            None => Self::of(model),
        }
    }

    /// The score `name` of `model`.
    ///
    /// # Errors
    /// The model has no such score; says which it has.
    pub fn named(model: &Entry, name: &str) -> Result<Self> {
        let metric = name.split_once('_').map(|(_, metric)| metric);
        let is = |(known, _): &&(&str, Better)| name == *known || metric == Some(*known);
        let found = model.metrics.iter().find(is).with_context(|| {
            format!(
                "{} has no score {name}; its scores are: {}",
                model.name,
                model.scores.join(", ")
            )
        })?;
        Ok(Self { name: name.to_owned(), lower: found.1 == Better::Lower })
    }

    /// Whether `value` is better than `other`.
    pub fn is_better(&self, value: f64, other: f64) -> bool {
        if self.lower { value < other } else { value > other }
    }

    /// The value that no other is worse than: that of a run that has diverged.
    pub fn worst(&self) -> f64 {
        if self.lower { f64::MAX } else { f64::MIN }
    }

    /// Every finite value of the score in records, with its step.
    pub fn values<'a>(&'a self, records: &'a [Record]) -> impl Iterator<Item = (u64, f64)> + 'a {
        self.measured(records).filter(|(_, value)| value.is_finite())
    }

    /// Every value of the score in records, with its step.
    pub fn measured<'a>(&'a self, records: &'a [Record]) -> impl Iterator<Item = (u64, f64)> + 'a {
        let (phase, metric) = self.name.split_once('_').unwrap_or((&self.name, ""));
        // The score of training is that of a whole epoch.
        let phase = if phase == "train" { "epoch" } else { phase };
        let of_phase = records.iter().filter(move |record| record.phase == phase);
        let value = move |record: &Record| Some((record.step, *record.metrics.get(metric)?));
        of_phase.filter_map(value)
    }

    /// The best value in records, the first of equal ones, with its step.
    pub fn best(&self, records: &[Record]) -> Option<(u64, f64)> {
        let better = |best: (u64, f64), next: (u64, f64)| match self.is_better(next.1, best.1) {
            true => next,
            false => best,
        };
        self.values(records).reduce(better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{cifar10, fake, mnist, ptb, word2vec};

    #[test]
    fn settings_are_chosen_by_validation_and_runs_known_by_their_test() {
        let name = |objective: Option<Objective>| objective.unwrap().name;
        assert_eq!(name(Objective::of(&ptb::ENTRY)), "valid_perplexity");
        assert_eq!(name(Objective::of_finished(&ptb::ENTRY)), "test_perplexity");
        assert_eq!(name(Objective::of(&mnist::ENTRY)), "valid_error");
        assert_eq!(name(Objective::of(&cifar10::ENTRY)), "test_precision");
        assert!(!Objective::of(&word2vec::ENTRY).unwrap().lower);
        assert_eq!(Objective::of(&fake::ALEXNET), None);
        let error = Objective::named(&fake::TOY, "test_bleu").unwrap_err().to_string();
        assert_eq!(error, "toy has no score test_bleu; its scores are: test_perplexity");
    }

    #[test]
    fn the_best_is_the_first_of_the_lowest() {
        let record = |step, value| Record::new(step, 1, "valid").metric("perplexity", value);
        let records = [record(1, 9.0), record(2, 5.0), record(3, f64::NAN), record(4, 5.0)];
        let objective = Objective::of(&ptb::ENTRY).unwrap();
        assert_eq!(objective.best(&records), Some((2, 5.0)));
        assert_eq!(objective.values(&records).count(), 3);
        assert_eq!(objective.measured(&records).count(), 4);
        assert_eq!(objective.best(&[Record::new(1, 1, "test").metric("perplexity", 1.0)]), None);
    }
}
