//! Runs as one page: a file that needs no server, no network and nothing beside it.
//!
//! The page holds its numbers as JSON, and a script that draws them; both are in the file. What is
//! drawn, and in which colours, is said by [`plot`], as for the pictures of `tfm plot`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::analysis::statistics::Spread;
use crate::analysis::{Group, Objective, RunSummary, groups, last_lines, rank};
use crate::metrics::Record;
use crate::metrics::plot::{self, Curve, View};
use crate::models;
use crate::models::run_config::decides;
use crate::run::State;
use crate::system::shell::quoted;
use crate::version::LONG;

/// Points of all curves together, about, and those of one at least and at most.
const MAX_POINTS: usize = 300_000;
const POINTS_OF_CURVE: (usize, usize) = (16, 400);
/// Lines of a log that say how a run ended.
const TAIL: usize = 20;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page about `runs`, called `title`; `time` is when it was made. Runs whose records cannot be
/// read are left out of the curves. What failed before it was a run stands beside the runs that
/// failed: objects with `name`, `reason` and `log`.
///
/// # Errors
/// Numbers that are not JSON.
pub fn page(title: &str, time: &str, runs: &[RunSummary], failed: &[Value]) -> Result<String> {
    let mut contents = contents(title, time, runs);
    contents["failed"] = failed.into();
    let json = serde_json::to_string(&contents).context("the report is not JSON")?;
    // Nothing in the numbers ends the script that holds them.
    let json =
        json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut page = String::new();
    let mut rest = PAGE;
    // In the order of the page: what is filled in is not looked at again.
    let parts =
        [("{title}", &*escaped), ("{style}", STYLE), ("{contents}", &*json), ("{script}", SCRIPT)];
    for (place, text) in parts {
        let (before, after) = rest.split_once(place).context("the page lacks a place")?;
        page += before;
        page += text;
        rest = after;
    }
    Ok(page + rest)
}

fn contents(title: &str, time: &str, runs: &[RunSummary]) -> Value {
    let groups = groups(runs);
    let objectives = objectives(&groups);
    let groups = ranked(&groups, &objectives);
    let place: BTreeMap<&Path, usize> = groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| group.runs.iter().map(move |run| (run.path.as_path(), index)))
        .collect();
    let listed: Vec<Value> = runs
        .iter()
        .zip(names(runs))
        .map(|(run, name)| in_json(run, &name, place[run.path.as_path()]))
        .collect();
    let experiments: Vec<Value> =
        groups.iter().map(|group| group_in_json(group, objectives.get(model(group)))).collect();
    json!({
        "title": title,
        "time": time,
        "tfm": LONG,
        "objectives": objectives,
        "keys": keys(&groups),
        "metrics": metrics(runs),
        "groups": experiments,
        "runs": listed,
        "charts": charts(runs),
        "palette": plot::palette(),
    })
}

/// The model that the runs of a group are of.
fn model<'a>(group: &Group<'a>) -> &'a str {
    &group.first().manifest.model
}

/// The score that the runs of each model are ranked by; a model without one is left out.
fn objectives<'a>(groups: &[Group<'a>]) -> BTreeMap<&'a str, Objective> {
    let models: BTreeSet<&'a str> = groups.iter().map(model).collect();
    let objective = |model: &'a str| Some((model, models::find(model).and_then(Objective::of)?));
    models.into_iter().filter_map(objective).collect()
}

/// The experiments with the best of each model first, then the second of each, and so on: scores of
/// two models do not compare, and no model takes all colours.
fn ranked<'a>(groups: &[Group<'a>], objectives: &BTreeMap<&str, Objective>) -> Vec<Group<'a>> {
    let mut of_models: BTreeMap<&str, Vec<Group<'a>>> = BTreeMap::new();
    for group in groups {
        of_models.entry(model(group)).or_default().push(group.clone());
    }
    let mut places: Vec<(usize, Group<'a>)> = Vec::new();
    for (model, mut own) in of_models {
        if let Some(objective) = objectives.get(model) {
            rank(&mut own, objective);
        }
        places.extend(own.into_iter().enumerate());
    }
    // The sort is stable: models keep their order.
    places.sort_by_key(|(place, _)| *place);
    places.into_iter().map(|(_, group)| group).collect()
}

/// The keys of the config that differ between experiments of one model, or that all models have and
/// that differ between them. Those of one model alone tell nothing.
fn keys(groups: &[Group<'_>]) -> Vec<String> {
    let all: BTreeSet<&String> =
        groups.iter().flat_map(|group| group.first().config.keys()).collect();
    let mut firsts: BTreeMap<&str, &Group<'_>> = BTreeMap::new();
    for group in groups {
        firsts.entry(model(group)).or_insert(group);
    }
    let value = |group: &Group<'_>, key: &String| group.first().config.get(key).cloned();
    let differs = |key: &String| {
        let within = |group: &Group<'_>| value(group, key) != value(firsts[model(group)], key);
        let other = |group: &Group<'_>| value(group, key) != value(&groups[0], key);
        groups.iter().any(within)
            || groups.iter().all(|group| value(group, key).is_some()) && groups.iter().any(other)
    };
    all.into_iter().filter(|key| decides(key) && differs(key)).cloned().collect()
}

/// What the page calls each run: the end of its path, as short as tells it from the others.
fn names(runs: &[RunSummary]) -> Vec<String> {
    let end = |run: &RunSummary, depth: usize| -> PathBuf {
        let parts: Vec<_> = run.path.components().rev().take(depth).collect();
        parts.into_iter().rev().collect()
    };
    let mut names = vec![PathBuf::new(); runs.len()];
    let mut open: Vec<usize> = (0..runs.len()).collect();
    let mut depth = 1;
    while !open.is_empty() {
        let mut counts: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for &index in &open {
            names[index] = end(&runs[index], depth);
            *counts.entry(names[index].clone()).or_default() += 1;
        }
        open.retain(|&index| counts[&names[index]] > 1 && names[index] != runs[index].path);
        depth += 1;
    }
    names.iter().map(|name| name.display().to_string()).collect()
}

/// The scores that runs have, those of validation and test before those of training.
fn metrics(runs: &[RunSummary]) -> Vec<String> {
    let all: BTreeSet<&String> = runs.iter().flat_map(|run| run.metrics.keys()).collect();
    let (training, others): (Vec<_>, Vec<_>) =
        all.into_iter().cloned().partition(|name| name.starts_with("train_"));
    [others, training].concat()
}

fn group_in_json(group: &Group<'_>, objective: Option<&Objective>) -> Value {
    let names: BTreeSet<&String> = group.runs.iter().flat_map(|run| run.metrics.keys()).collect();
    let spread =
        |name: &String| -> Option<(String, Spread)> { Some((name.clone(), group.spread(name)?)) };
    let spreads: BTreeMap<String, Spread> = names.into_iter().filter_map(spread).collect();
    let score = objective.and_then(|objective| group.spread(&objective.name));
    json!({
        "name": group.name(),
        "model": model(group),
        "value": score.map(|spread| spread.mean),
        "scores": spreads,
        "n": group.seeds(),
    })
}

fn in_json(run: &RunSummary, name: &str, group: usize) -> Value {
    let mut json = run.in_json();
    json["name"] = name.into();
    json["group"] = group.into();
    // The page shows what differs, also where a run has it from its preset.
    json["config"] = json!(run.config);
    json["command"] = run.manifest.command.iter().map(quoted).collect::<Vec<_>>().join(" ").into();
    json["again"] = format!("tfm runs rerun {}", quoted(&run.path)).into();
    if run.state == State::Failed {
        json["log"] = json!(log(run));
    }
    json
}

/// The last lines that the run has said: those of its sweep's log, which hold the error, or its own.
fn log(run: &RunSummary) -> Vec<String> {
    let of_sweep = run.path.parent().and_then(Path::parent);
    let of_sweep = of_sweep.map(|sweep| sweep.join("logs").join(format!("{}.txt", run.name())));
    let own = run.path.join("log.txt");
    let file = of_sweep.filter(|file| file.is_file()).unwrap_or(own);
    last_lines(&file, TAIL)
}

/// The curves of all runs, by metric, with no more points than a page has room for.
fn charts(runs: &[RunSummary]) -> Vec<Value> {
    let named: Vec<(String, Vec<Record>)> = runs
        .iter()
        .enumerate()
        .filter_map(|(index, run)| Some((index.to_string(), run.records().ok()?)))
        .collect();
    let charts = plot::charts(&named, View::default());
    let curves: usize = charts.iter().map(|chart| chart.curves.len()).sum();
    let (least, most) = POINTS_OF_CURVE;
    let points = (MAX_POINTS / curves.max(1)).clamp(least, most);
    let chart = |chart: &plot::Chart| {
        json!({
            "name": chart.name,
            "title": chart.title,
            "label": chart.y_label,
            "log": chart.log_y,
            "curves": chart.curves.iter().map(|curve| curve_in_json(curve, points)).collect::<Vec<_>>(),
        })
    };
    charts.iter().map(chart).collect()
}

fn curve_in_json(curve: &Curve, most: usize) -> Value {
    let finite = curve.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
    let all: Vec<_> = finite.collect();
    let stride = all.len().div_ceil(most).max(1);
    // The last point is the one that counts.
    let last = all.len().saturating_sub(1);
    let kept = || all.iter().enumerate().filter(move |(at, _)| (last - at).is_multiple_of(stride));
    let mut json = Map::new();
    json.insert("run".to_owned(), curve.run.parse::<usize>().unwrap_or(0).into());
    json.insert("phase".to_owned(), curve.phase.clone().into());
    json.insert("x".to_owned(), kept().map(|(_, point)| rounded(point.0)).collect());
    json.insert("y".to_owned(), kept().map(|(_, point)| rounded(point.1)).collect());
    json.into()
}

/// A number with six digits: a page cannot show more. Whole numbers stay whole.
fn rounded(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return (value as i64).into();
    }
    format!("{value:.5e}").parse::<f64>().unwrap_or(value).into()
}

#[cfg(test)]
mod tests;
