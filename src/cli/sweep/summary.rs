//! The summary at the end of a sweep.

use anyhow::Result;
use serde_json::{Value, json};

use crate::analysis::compare::spread_in_words;
use crate::analysis::table::Table;
use crate::analysis::{Group, Objective, RunSummary, groups, rank, shown};
use crate::models::options::OutputOptions;
use crate::run::State;
use crate::sweep::{Outcome, Sweep};

/// Prints the experiments of the sweep, the best first, and the points that failed.
///
/// # Errors
/// A run that is damaged, or stdout that cannot be written.
pub(super) fn report(
    sweep: &Sweep,
    numbers: &[u64],
    outcome: &Outcome,
    output: OutputOptions,
) -> Result<()> {
    let mut runs = Vec::new();
    for &number in numbers {
        match sweep.run(number) {
            Ok(run) => runs.extend(run),
            // It is among the failed.
            Err(_) if outcome.failed.contains_key(&number) => {}
            Err(error) => return Err(error),
        }
    }
    warn_of_late_stops(sweep, &runs);
    let objective = Objective::of(sweep.model()?);
    let mut groups = groups(&runs);
    if let Some(objective) = &objective {
        rank(&mut groups, objective);
    }
    let failed: Vec<Value> = outcome
        .failed
        .iter()
        .map(|(point, (why, log))| json!({ "point": point, "error": why, "log": log }))
        .collect();
    let json = json!({
        "sweep": sweep.name(),
        "dir": sweep.path().to_string_lossy(),
        "runs": runs.iter().map(RunSummary::in_json).collect::<Vec<_>>(),
        "failed": failed,
    });
    let mut text = table(&groups).to_text(usize::MAX);
    text += &count(numbers.len(), &runs, outcome);
    for (point, (why, log)) in &outcome.failed {
        let settings = sweep.point(*point)?.in_words();
        text += &format!("\npoint {point} failed ({settings}): {why}\n");
        log.iter().for_each(|line| text += &format!("  | {line}\n"));
    }
    output.report(&json, text.trim_end())
}

/// Names the steps of `[stop]` that no run was compared at.
fn warn_of_late_stops(sweep: &Sweep, runs: &[RunSummary]) {
    let Some(total) = runs.iter().filter_map(|run| run.total_steps).max() else { return };
    let late = sweep.late_stops(total);
    if !late.is_empty() {
        tracing::warn!(
            "stop.steps: no run was compared at {late:?}: the longest ends at step {total}"
        );
    }
}

fn table(groups: &[Group<'_>]) -> Table {
    let mut keys: Vec<&str> =
        groups.iter().flat_map(|group| group.settings().into_keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    // A value that is the same in every run is not a result.
    let value = |group: &Group<'_>, key: &str| group.first().config.get(key).cloned();
    keys.retain(|key| groups.iter().any(|group| value(group, key) != value(&groups[0], key)));
    let mut metrics: Vec<&String> =
        groups.iter().flat_map(|group| &group.runs).flat_map(|run| run.metrics.keys()).collect();
    metrics.retain(|name| {
        name.starts_with("valid_") || name.starts_with("dev_") || name.starts_with("test_")
    });
    metrics.sort();
    metrics.dedup();
    let columns = keys.iter().map(|key| (*key).to_owned());
    let columns = columns.chain(metrics.iter().map(|name| (*name).clone()));
    let mut table = Table::new(columns.chain(["runs".to_owned()]));
    for group in groups {
        let settings =
            keys.iter().map(|key| value(group, key).as_ref().map(shown).unwrap_or_default());
        let scores = metrics.iter().map(|name| match group.spread(name) {
            Some(spread) => spread_in_words(&spread),
            None if group.is_lost(name) => "not finite".to_owned(),
            None => String::new(),
        });
        let runs: Vec<_> = group.runs.iter().map(|run| run.name()).collect();
        table.row(settings.chain(scores).chain([in_ranges(&runs)]).collect::<Vec<_>>());
    }
    table
}

/// The names of a sweep's runs, its numbers: `0001 0003 0005–0200`.
fn in_ranges(names: &[String]) -> String {
    let follows = |[a, b]: [&String; 2]| match [a, b].map(|name| name.parse::<u64>()) {
        [Ok(a), Ok(b)] => b == a + 1,
        _ => false,
    };
    let ranges = names.chunk_by(|a, b| follows([a, b])).flat_map(|range| match range {
        [first, _, .., last] => vec![format!("{first}–{last}")],
        few => few.to_vec(),
    });
    ranges.collect::<Vec<_>>().join(" ")
}

/// `8 finished, 1 stopped early`, of so many points.
fn count(points: usize, runs: &[RunSummary], outcome: &Outcome) -> String {
    let of = |state: State| runs.iter().filter(|run| run.state == state).count();
    let failed = outcome.failed.len();
    let ended = of(State::Finished) + of(State::Stopped) + failed;
    let parts = [
        (of(State::Finished), "finished"),
        (of(State::Stopped), "stopped early"),
        (failed, "failed"),
        (points.saturating_sub(ended), "not finished"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn three_and_more_runs_in_a_row_are_a_range() {
        let list = |names: &str| {
            let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
            super::in_ranges(&names)
        };
        assert_eq!(list("0001"), "0001");
        assert_eq!(list("0001 0002 0004"), "0001 0002 0004");
        assert_eq!(list("0001 0003 0004 0005 0007"), "0001 0003–0005 0007");
        assert_eq!(list("0009 0010 0011 0001"), "0009–0011 0001");
        assert_eq!(list("best 0001"), "best 0001");
    }
}
