//! Experiments side by side: only what differs, and whether one is better.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::statistics::{Interval, MIN_SEEDS, Spread};
use super::table::number;
use super::{Group, Objective};
use crate::models;
use crate::models::run_config::decides;

/// Experiments against the first of them.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The experiments.
    pub groups: Vec<Group<'a>>,
    /// The keys of the config whose values differ, with each experiment's value.
    pub settings: BTreeMap<String, Vec<Value>>,
    /// The metrics that at least one has, each with what was measured.
    pub scores: Vec<Score>,
}

/// A metric of several experiments.
#[derive(Clone, Debug, Serialize)]
pub struct Score {
    /// Such as `test_perplexity`.
    pub metric: String,
    /// Mean and deviation of each experiment.
    pub spreads: Vec<Option<Spread>>,
    /// Whether an experiment has no value since a run of it has diverged.
    pub are_lost: Vec<bool>,
    /// Each experiment's difference from the first one, where both have several seeds.
    pub intervals: Vec<Option<Interval>>,
}

impl<'a> Comparison<'a> {
    /// Compares experiments with the first of them.
    pub fn of(groups: Vec<Group<'a>>) -> Self {
        let keys = groups.iter().flat_map(|group| group.first().config.keys());
        let keys: BTreeSet<_> = keys.filter(|key| decides(key)).collect();
        let values = |key: &String| -> Vec<Value> {
            groups.iter().map(|g| g.first().config.get(key).cloned().unwrap_or_default()).collect()
        };
        let settings = keys.into_iter().map(|key| (key.clone(), values(key)));
        let settings = settings.filter(|(_, values)| values.iter().any(|v| *v != values[0]));
        let mut settings: BTreeMap<_, _> = settings.collect();
        if groups.iter().any(|group| group.data.is_some()) {
            let data = groups.iter().map(|group| group.first().manifest.data.clone().into());
            settings.insert("data".to_owned(), data.collect());
        }
        let from = |group: &Group| Value::from(group.first().manifest.init_from.clone());
        if groups.iter().any(|group| from(group) != from(&groups[0])) {
            settings.insert("init_from".to_owned(), groups.iter().map(from).collect());
        }
        let metrics: BTreeSet<_> = groups
            .iter()
            .flat_map(|group| &group.runs)
            .flat_map(|run| run.metrics.keys())
            .collect();
        let scores = metrics.into_iter().map(|metric| score(&groups, metric)).collect();
        Self { groups, settings, scores }
    }

    /// What can be said of the headline score of each experiment but the first.
    pub fn verdicts(&self) -> Vec<String> {
        let Some(name) = self.groups[0].headline() else { return Vec::new() };
        let model = models::find(&self.groups[0].first().manifest.model);
        let objective = model.and_then(|model| Objective::named(model, &name).ok());
        let (Some(objective), Some(score)) =
            (objective, self.scores.iter().find(|score| score.metric == name))
        else {
            return Vec::new();
        };
        (1..self.groups.len()).map(|index| verdict(score, &objective, index)).collect()
    }

    /// The comparison as other programs read it.
    pub fn in_json(&self) -> Value {
        let group = |group: &Group<'_>| {
            json!({
                "name": group.name(),
                "runs": group.runs.iter().map(|run| run.path.to_string_lossy()).collect::<Vec<_>>(),
                "seeds": group.runs.iter().map(|run| run.manifest.seed).collect::<Vec<_>>(),
            })
        };
        json!({
            "groups": self.groups.iter().map(group).collect::<Vec<_>>(),
            "settings": self.settings,
            "scores": self.scores,
            "verdicts": self.verdicts(),
        })
    }
}

fn score(groups: &[Group<'_>], metric: &str) -> Score {
    let values: Vec<_> = groups.iter().map(|group| group.values(metric)).collect();
    Score {
        metric: metric.to_owned(),
        spreads: groups.iter().map(|group| group.spread(metric)).collect(),
        are_lost: groups.iter().map(|group| group.is_lost(metric)).collect(),
        intervals: values.iter().map(|other| interval(other, &values[0])).collect(),
    }
}

/// Of the mean of `a` less that of `b`, paired where they have the same seeds.
fn interval(a: &BTreeMap<u64, f64>, b: &BTreeMap<u64, f64>) -> Option<Interval> {
    if a.keys().eq(b.keys()) {
        return Interval::paired(
            &a.iter().map(|(seed, value)| value - b[seed]).collect::<Vec<_>>(),
        );
    }
    let list = |values: &BTreeMap<u64, f64>| values.values().copied().collect::<Vec<_>>();
    Interval::unpaired(&list(a), &list(b))
}

fn verdict(score: &Score, objective: &Objective, index: usize) -> String {
    let who = format!("{} against A", letter(index));
    if score.spreads[index].is_none() {
        let lost = if score.are_lost[index] { " is finite" } else { "" };
        return format!("{who}: no {}{lost}", score.metric);
    }
    let (Some(interval), Some(own), Some(first)) =
        (score.intervals[index], score.spreads[index], score.spreads[0])
    else {
        let seeds = |spread: Option<Spread>| spread.map_or(0, |spread| spread.n);
        let least = seeds(score.spreads[index]).min(seeds(score.spreads[0]));
        if least >= MIN_SEEDS {
            return format!("{who}: no comparison, since {} is too large for one", score.metric);
        }
        return format!(
            "{who}: too few seeds for a comparison ({} and {}; at least {MIN_SEEDS} each are needed)",
            seeds(score.spreads[index]),
            seeds(score.spreads[0])
        );
    };
    let range = format!(
        "{} {:+.4} (95 % interval {:+.4} to {:+.4}, {}{})",
        score.metric,
        interval.difference,
        interval.low,
        interval.high,
        if interval.paired { "paired by seed" } else { "unpaired" },
        if own.n < own.seeds || first.n < first.seeds { "; some seeds have no score" } else { "" }
    );
    if !interval.is_enough() {
        let n = own.n.min(first.n);
        return format!(
            "{who}: {range}; n = {n} is too small: at least {MIN_SEEDS} seeds each are needed"
        );
    }
    match interval.sign() {
        Some(is_more) if is_more != objective.lower => format!("{who}: better, {range}"),
        Some(_) => format!("{who}: worse, {range}"),
        None => format!("{who}: no significant difference, {range}"),
    }
}

/// `A` for the first, `B` for the second, and after the alphabet `A1`.
pub fn letter(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    if index < 26 { letter.to_string() } else { format!("{letter}{}", index / 26) }
}

/// `118.93 ± 0.32 (n 3)`, `(n 3 of 4)` where a seed has no score, or a number alone. The deviation has
/// two digits that count, and the mean ends where it does.
pub fn spread_in_words(spread: &Spread) -> String {
    let (mean, n) = (spread.mean, spread.n);
    let n = match spread.seeds > n {
        true => format!("(n {n} of {})", spread.seeds),
        false => format!("(n {n})"),
    };
    match spread.sd {
        None if spread.seeds == 1 => number(mean),
        None => format!("{} {n}", number(mean)),
        Some(sd) if !(1e-5..1e7).contains(&sd) || mean.abs() >= 1e7 => {
            format!("{} ± {} {n}", number(mean), number(sd))
        }
        Some(sd) => {
            let digits = (1 - sd.log10().floor() as i64).max(0) as usize;
            format!("{mean:.digits$} ± {sd:.digits$} {n}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::groups;
    use crate::analysis::groups::tests::run;

    fn verdicts(scores: [&[f64]; 2], shift: u64) -> String {
        let mut runs = Vec::new();
        for (index, (scores, rate)) in scores.iter().zip([1.0, 0.5]).enumerate() {
            for (seed, &score) in (1 + shift * index as u64..).zip(*scores) {
                runs.push(run(rate, seed, "a", score));
            }
        }
        let comparison = Comparison::of(groups(&runs));
        assert_eq!(comparison.settings.keys().collect::<Vec<_>>(), ["train.learning_rate"]);
        assert_eq!(comparison.in_json()["groups"].as_array().unwrap().len(), 2);
        comparison.verdicts().join("; ")
    }

    #[test]
    fn a_verdict_needs_an_interval() {
        // The same seeds: what they share is no difference.
        let better = verdicts([&[120.0, 130.0, 140.0], &[118.0, 128.1, 137.9]], 0);
        assert!(
            better.starts_with("B against A: better, test_perplexity -2.0000 (95 %"),
            "{better}"
        );
        assert!(better.contains("paired by seed"), "{better}");
        let unpaired = verdicts([&[120.0, 130.0, 140.0], &[118.0, 128.1, 137.9]], 5);
        assert!(unpaired.contains("no significant difference") && unpaired.contains("unpaired"));
        let worse = verdicts([&[118.0, 118.1, 118.2], &[121.0, 121.2, 121.1]], 5);
        assert!(worse.starts_with("B against A: worse, test_perplexity +3.0000"), "{worse}");
        let few = verdicts([&[118.0, 118.1], &[121.0, 121.2]], 0);
        assert!(few.contains("n = 2 is too small: at least 3 seeds each are needed"), "{few}");
        let one = verdicts([&[118.0], &[121.0]], 0);
        assert!(one.contains("too few seeds for a comparison (1 and 1;"), "{one}");
    }

    #[test]
    fn spreads_and_letters() {
        assert_eq!(spread_in_words(&Spread::of(&[2.0]).unwrap()), "2");
        assert_eq!(spread_in_words(&Spread::of(&[2.0, 4.0]).unwrap()), "3.0 ± 1.4 (n 2)");
        for (values, words) in [
            (&[118.6, 119.24][..], "118.92 ± 0.45 (n 2)"),
            (&[1000.0, 1500.0], "1250 ± 354 (n 2)"),
            (&[7.0, 7.0, 7.0], "7 ± 0 (n 3)"),
            (&[0.5, 0.50003], "0.500015 ± 0.000021 (n 2)"),
        ] {
            assert_eq!(spread_in_words(&Spread::of(values).unwrap()), words);
        }
        let of_four = |values: &[f64]| Spread { seeds: 4, ..Spread::of(values).unwrap() };
        assert_eq!(spread_in_words(&of_four(&[2.0, 4.0])), "3.0 ± 1.4 (n 2 of 4)");
        assert_eq!(spread_in_words(&of_four(&[2.0])), "2 (n 1 of 4)");
        assert_eq!([0, 25, 26].map(letter), ["A", "Z", "A1"]);
    }
}
