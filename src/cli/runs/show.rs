//! `tfm runs show RUN`: all that is known of a run.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use clap::{ArgMatches, Args, Command};
use serde_json::json;

use super::{OneRun, curve, read};
use crate::analysis::table::number;
use crate::analysis::{Objective, RunSummary, shown};
use crate::checkpoint::{self, Selector};
use crate::console::{duration, on_one_line};
use crate::metrics::Record;
use crate::models;
use crate::models::options::OutputOptions;
use crate::system::shell::quoted;
use crate::system::wording::{counted, plural};

#[derive(Args, Debug)]
struct Show {
    #[command(flatten)]
    run: OneRun,
    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn command() -> Command {
    Show::augment_args(Command::new("show"))
        .about("Shows a run: settings, scores, checkpoints, curve, and the command that made it")
        .after_long_help("Example:\n  tfm runs show runs/ptb-small-20261122-171500")
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let args = read::<Show>(matches, |args| &args.output)?;
    let run = args.run.read()?;
    let dir = run.path.join("checkpoints");
    let steps = checkpoint::steps(&dir)?;
    let best = checkpoint::open(&dir, Selector::Best).ok().map(|best| best.meta.step);
    let mut json = run.in_json();
    json["checkpoints"] = json!({ "steps": steps, "best": best });
    json["manifest"] = serde_json::to_value(&run.manifest)?;
    json["command"] = command_line(&run).into();
    args.output.report(&json, text(&run, &steps, best, &run.records()?)?)
}

/// The command that began the run, as a shell reads it.
pub(super) fn command_line(run: &RunSummary) -> String {
    run.manifest.command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn text(run: &RunSummary, steps: &[u64], best: Option<u64>, records: &[Record]) -> Result<String> {
    let manifest = &run.manifest;
    let mut text =
        format!("{}: {} with preset {}\n", run.path.display(), manifest.model, manifest.preset);
    let total = run.total_steps.map(|total| format!(" of {total}")).unwrap_or_default();
    let time = duration(Duration::from_secs_f64(run.seconds.clamp(0.0, 1e12)));
    writeln!(text, "state:       {} after step {}{total}, {time}", run.state, run.step)?;
    let lines = [
        ("why", run.reason.clone()),
        ("started", manifest.started.clone()),
        ("note", on_one_line(&run.annotations.note)),
        ("tags", run.annotations.tags.iter().cloned().collect::<Vec<_>>().join(", ")),
        (
            "sweep",
            manifest.provenance.point.as_ref().map_or_else(String::new, |point| {
                format!("point {} of {}", point.number, point.sweep)
            }),
        ),
        ("data", manifest.data.clone()),
        (
            "tfm",
            format!(
                "{} ({}, {})",
                manifest.version,
                manifest.git_revision,
                known(&manifest.provenance.git_tree)
            ),
        ),
        ("machine", machine(run)),
        ("folder", manifest.provenance.folder.clone()),
        ("command", command_line(run)),
    ];
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(text, "{:12} {value}", format!("{name}:"))?;
    }
    writeln!(text, "settings that differ from the preset:{}", none(run.settings.is_empty()))?;
    for (key, value) in &run.settings {
        writeln!(text, "  {key} = {}", shown(value))?;
    }
    writeln!(text, "scores:{}", none(run.metrics.is_empty()))?;
    for (name, value) in &run.metrics {
        writeln!(
            text,
            "  {name} {}",
            value.as_f64().map_or_else(|| "not finite".to_owned(), number)
        )?;
    }
    if let Some(best) = &run.best {
        writeln!(text, "best:\n  {} {} after step {}", best.name, number(best.value), best.step)?;
    }
    let all: Vec<_> = steps.iter().map(u64::to_string).collect();
    let best = best.map(|step| format!("; the best is step {step}")).unwrap_or_default();
    match all.len() {
        0 => writeln!(text, "checkpoints: none")?,
        n => writeln!(text, "checkpoints: {} {}{best}", plural(n, "step"), all.join(", "))?,
    }
    Ok(text + &curve(run, records))
}

fn machine(run: &RunSummary) -> String {
    let from = &run.manifest.provenance;
    let parts =
        [&from.host, &from.processor, &from.system, &run.manifest.device, &run.manifest.isa];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).cloned().collect();
    format!("{}, {}", parts.join(", "), counted(run.manifest.threads, "thread"))
}

fn known(tree: &str) -> &str {
    if tree.is_empty() { "unknown" } else { tree }
}

fn none(is_empty: bool) -> &'static str {
    if is_empty { " none" } else { "" }
}

/// The score that settings are chosen by, else the one of training.
fn curve(run: &RunSummary, records: &[Record]) -> String {
    let Some(model) = models::find(&run.manifest.model) else { return String::new() };
    let names = model.scores.iter().filter_map(|score| Objective::named(model, score).ok());
    for objective in Objective::of(model).into_iter().chain(names) {
        let points: Vec<_> =
            objective.values(records).map(|(step, value)| (step as f64, value)).collect();
        if points.len() > 1 {
            return curve::draw(&format!("{} by step:", objective.name), &points);
        }
    }
    String::new()
}
