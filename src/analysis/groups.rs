//! Runs that differ in their seed alone: replicas of one experiment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::statistics::Spread;
use super::{Objective, RunSummary, shown};
use crate::models;
use crate::models::run_config::decides;
use crate::run::State;

/// Replicas of one experiment.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The runs, by their seeds; never empty.
    pub runs: Vec<&'a RunSummary>,
    /// The fingerprint of its data, where another has the same settings on other data.
    pub data: Option<&'a str>,
}

/// Runs in groups of replicas, in the order of their first.
pub fn groups(runs: &[RunSummary]) -> Vec<Group<'_>> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut data: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for run in runs {
        let (key, own) = (key(run), data_of(run));
        data.entry(key.clone()).or_default().insert(own);
        let place = *places.entry((key, own)).or_insert_with(|| {
            groups.push(Group { runs: Vec::new(), data: None });
            groups.len() - 1
        });
        groups[place].runs.push(run);
    }
    for ((key, own), place) in places {
        groups[place].data = Some(own).filter(|_| data[&key].len() > 1);
    }
    for group in &mut groups {
        group.runs.sort_by(|a, b| (a.manifest.seed, &a.path).cmp(&(b.manifest.seed, &b.path)));
    }
    groups
}

/// Sorts experiments by the mean of a score, the best first, and those without it last.
pub fn rank(groups: &mut [Group<'_>], objective: &Objective) {
    let mean = |group: &Group<'_>| group.spread(&objective.name).map(|spread| spread.mean);
    groups.sort_by(|a, b| match (mean(a), mean(b)) {
        (Some(a), Some(b)) if objective.lower => a.total_cmp(&b),
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
}

/// The fingerprint of the run's data; nothing where they follow the seed. Of images that are held out
/// by the seed, the classes alone.
fn data_of(run: &RunSummary) -> &str {
    let Some(model) = models::find(&run.manifest.model) else { return &run.manifest.data };
    let text = |key: &str| run.config.get(key).and_then(Value::as_str).unwrap_or_default();
    if model.own_data.contains(&text("data.source")) {
        return "";
    }
    if model.is_split_by_seed && !text("data.images").is_empty() {
        return run.manifest.data.split(", train ").next().unwrap_or_default();
    }
    &run.manifest.data
}

/// What replicas have in common beside their data: all that decides a result but the seed.
fn key(run: &RunSummary) -> (String, String, String) {
    let values = run.config.iter().filter(|(key, _)| decides(key));
    let config: Vec<_> = values.map(|(key, value)| format!("{key}={value}")).collect();
    (run.manifest.model.clone(), run.manifest.init_from.clone(), config.join("\n"))
}

impl<'a> Group<'a> {
    /// The first run, which stands for what all have in common.
    pub fn first(&self) -> &'a RunSummary {
        self.runs[0]
    }

    /// The preset and the settings that differ from it, but for the seed.
    pub fn name(&self) -> String {
        let settings = self.settings();
        let parts = settings.iter().map(|(key, value)| format!("{key}={}", shown(value)));
        let from = Some(&self.first().manifest.init_from).filter(|from| !from.is_empty());
        [self.first().manifest.preset.clone()]
            .into_iter()
            .chain(parts)
            .chain(from.map(|from| format!("from {from}")))
            .chain(self.data.map(|data| format!("on data of {data}")))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The settings but for the seed, and but for those that change no result.
    pub fn settings(&self) -> BTreeMap<&'a str, &'a Value> {
        let mut settings = self.first().settings_without_seed();
        settings.retain(|key, _| !key.starts_with("checkpoint."));
        settings
    }

    /// The runs that have finished, or where none has, all.
    fn runs_that_count(&self) -> impl Iterator<Item = &'a RunSummary> {
        let is_finished = |run: &&&RunSummary| run.state == State::Finished;
        let counts_all = !self.runs.iter().any(|run| is_finished(&run));
        self.runs.iter().filter(move |run| counts_all || is_finished(run)).copied()
    }

    /// The values of a metric by seed, of the runs that count. Of two runs of a seed the later counts.
    pub fn values(&self, metric: &str) -> BTreeMap<u64, f64> {
        let mut values = BTreeMap::<u64, (&str, f64)>::new();
        for run in self.runs_that_count() {
            let (Some(value), started) = (run.metric(metric), &*run.manifest.started) else {
                continue;
            };
            let kept = values.entry(run.manifest.seed).or_insert((started, value));
            if started > kept.0 {
                *kept = (started, value);
            }
        }
        values.into_iter().map(|(seed, (_, value))| (seed, value)).collect()
    }

    /// Mean, standard deviation and number of the values of a metric.
    pub fn spread(&self, metric: &str) -> Option<Spread> {
        let spread = Spread::of(&self.values(metric).into_values().collect::<Vec<_>>())?;
        Some(Spread { seeds: self.seeds(), ..spread })
    }

    /// Whether no run has a value of a metric, and one of them has diverged: its value is not finite.
    pub fn is_lost(&self, metric: &str) -> bool {
        let is_null = |run: &&RunSummary| run.metrics.get(metric).is_some_and(Value::is_null);
        self.values(metric).is_empty() && self.runs.iter().any(is_null)
    }

    /// How many seeds it was run with: two runs of one seed are one replica.
    pub fn seeds(&self) -> usize {
        self.runs.iter().map(|run| run.manifest.seed).collect::<BTreeSet<_>>().len()
    }

    /// The score that its runs are known by.
    pub fn headline(&self) -> Option<String> {
        self.runs_that_count().find_map(RunSummary::headline).map(|(name, _)| name)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::analysis::index;
    use crate::models::fake;

    /// A finished run of ptb with a rate, a seed, a start and a test perplexity.
    pub fn run(rate: f64, seed: u64, started: &str, score: f64) -> RunSummary {
        let root = tempfile::tempdir().unwrap();
        let mut run = index::read_one(&fake::run_of(root.path(), "a", "ptb", "")).unwrap();
        run.config.insert("train.learning_rate".into(), rate.into());
        run.config.insert("seed".into(), seed.into());
        run.settings.clear();
        run.settings.insert("train.learning_rate".into(), rate.into());
        run.settings.insert("seed".into(), seed.into());
        run.metrics.insert("test_perplexity".into(), score.into());
        (run.manifest.seed, run.manifest.started) = (seed, started.to_owned());
        run.state = State::Finished;
        run.path = format!("{rate}-{seed}-{started}").into();
        run
    }

    #[test]
    fn runs_that_differ_in_the_seed_alone_are_a_group() {
        let mut runs = vec![
            run(1.0, 2, "a", 120.0),
            run(0.5, 1, "a", 130.0),
            run(1.0, 1, "a", 118.0),
            run(1.0, 2, "b", 121.0),
            run(1.0, 3, "a", 99.0),
        ];
        // Only what has finished counts, and checkpoints change no result.
        runs[4].state = State::Interrupted;
        runs[2].config.insert("checkpoint.keep".into(), 7.into());
        let groups = groups(&runs);
        assert_eq!(groups.len(), 2);
        let seeds: Vec<_> = groups[0].runs.iter().map(|run| run.manifest.seed).collect();
        assert_eq!(seeds, [1, 2, 2, 3]);
        assert_eq!(groups[0].values("test_perplexity"), BTreeMap::from([(1, 118.0), (2, 121.0)]));
        let spread = groups[0].spread("test_perplexity").unwrap();
        assert_eq!((spread.mean, spread.n, spread.seeds), (119.5, 2, 3));
        assert_eq!(groups[1].name(), "ptb-small train.learning_rate=0.5");
        assert_eq!(groups[1].headline().as_deref(), Some("test_perplexity"));
        let mut ranked = groups.clone();
        assert!(groups.iter().all(|group| group.data.is_none()));
        for (lower, expect) in [(true, [119.5, 130.0]), (false, [130.0, 119.5])] {
            rank(&mut ranked, &Objective { name: "test_perplexity".to_owned(), lower });
            let means = ranked.iter().map(|group| group.spread("test_perplexity").unwrap().mean);
            assert_eq!(means.collect::<Vec<_>>(), expect);
        }
        assert_eq!(groups[0].headline().as_deref(), Some("test_perplexity"));
        // The first run has not come to its test.
        runs[1].manifest.init_from = "runs/base".to_owned();
        runs[2].state = State::Interrupted;
        let score = runs[2].metrics.remove("test_perplexity").unwrap();
        runs[2].metrics.insert("valid_perplexity".into(), score);
        let groups = super::groups(&runs);
        assert_eq!(groups[0].headline().as_deref(), Some("test_perplexity"));
        assert_eq!(groups[1].name(), "ptb-small train.learning_rate=0.5 from runs/base");
    }

    #[test]
    fn runs_on_other_data_are_no_replicas() {
        let on = |seed, data: &str| {
            let mut run = run(1.0, seed, "a", 100.0);
            run.manifest.data = data.to_owned();
            run
        };
        let mut runs = [on(1, "text a"), on(2, "text b"), on(3, "text a")];
        let names = |runs: &[RunSummary]| -> Vec<_> {
            groups(runs).iter().map(|group| (group.name(), group.seeds())).collect()
        };
        let name = "ptb-small train.learning_rate=1.0 on data of text";
        assert_eq!(names(&runs), [(format!("{name} a"), 2), (format!("{name} b"), 1)]);
        // Text that the program makes is another for each seed.
        for run in &mut runs {
            run.config.insert("data.source".into(), "grammar".into());
        }
        assert_eq!(names(&runs), [("ptb-small train.learning_rate=1.0".to_owned(), 3)]);
        // Images are held out by the seed.
        for run in &mut runs {
            run.config.remove("data.source");
            run.config.insert("data.images".into(), "pictures".into());
            run.manifest.data = format!("2 classes, train 9 {0}, test 1 {0}", run.manifest.seed);
        }
        assert_eq!(names(&runs).len(), 3);
        runs.iter_mut().for_each(|run| run.manifest.model = "cifar10".to_owned());
        assert_eq!(names(&runs).len(), 1);
    }
}
