//! `tfm runs list`: a table of runs.

use std::cmp::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command};
use serde_json::Value;

use super::{Paths, read, width};
use crate::analysis::filter::Condition;
use crate::analysis::table::{Table, number};
use crate::analysis::{RunSummary, shown, wide};
use crate::console::duration;
use crate::models;
use crate::models::options::OutputOptions;
use crate::models::stdout::print;
use crate::run::State;

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    paths: Paths,

    /// Only runs of this model
    #[arg(long, value_name = "MODEL", value_parser = PossibleValuesParser::new(models::names()))]
    model: Option<String>,

    /// Only runs in this state
    #[arg(long, value_name = "STATE", value_parser = State::NAMES)]
    state: Option<String>,

    /// Only runs that meet this condition: a config key or a score, = != < <= > or >=, a value
    ///
    /// May be repeated; all conditions must hold. step, seconds, state and preset work too.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<Condition>,

    /// Only runs with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,

    /// Sorts by a config key, a score, started, step or seconds [default: started]
    #[arg(long, value_name = "KEY")]
    sort: Option<String>,

    /// Reverses the order
    #[arg(long)]
    reverse: bool,

    /// Prints the table as CSV, with every setting and score
    #[arg(long, conflicts_with = "json")]
    csv: bool,

    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Damaged runs are reported on stderr; the others are still listed. A run whose process \
has died is shown as interrupted.\n\nExamples:\n  tfm runs list\n  \
tfm runs list sweeps/rates --where 'train.learning_rate>0.5' --sort test_perplexity\n  \
tfm runs list --state failed --json";

pub(super) fn command() -> Command {
    List::augment_args(Command::new("list"))
        .about("Lists runs: state, progress, scores, settings that differ from the preset")
        .after_long_help(LONG)
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let args = read::<List>(matches, |args| &args.output)?;
    let mut runs = args.paths.read()?.runs;
    args.conditions.iter().try_for_each(|condition| expect(&runs, &condition.key, "compare"))?;
    runs.retain(|run| args.holds(run));
    sort(&mut runs, args.sort.as_deref())?;
    if args.reverse {
        runs.reverse();
    }
    if args.csv {
        return print(wide(&runs).to_csv().trim_end()).map(drop);
    }
    let json: Vec<_> = runs.iter().map(RunSummary::in_json).collect();
    let text = if runs.is_empty() { "no run".to_owned() } else { table(&runs).to_text(width()) };
    args.output.report(&json, text)
}

impl List {
    fn holds(&self, run: &RunSummary) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.model, &run.manifest.model)
            && is(&self.state, &run.state.to_string())
            && self.tag.as_ref().is_none_or(|tag| run.annotations.tags.contains(tag))
            && self.conditions.iter().all(|condition| condition.holds(run))
    }
}

/// An error if no run has a value of that name; `what` is the attempt, `compare` or `sort by`.
fn expect(runs: &[RunSummary], key: &str, what: &str) -> Result<()> {
    ensure!(
        runs.is_empty() || runs.iter().any(|run| run.value(key).is_some()),
        "cannot {what} {key}: it is not a config key or score of any run"
    );
    Ok(())
}

/// Sorts by a value, numbers before texts, and runs without it last.
fn sort(runs: &mut [RunSummary], key: Option<&str>) -> Result<()> {
    let key = match key {
        None | Some("started") => {
            runs.sort_by(|a, b| a.manifest.started.cmp(&b.manifest.started));
            return Ok(());
        }
        Some(key) => key,
    };
    expect(runs, key, "sort by")?;
    runs.sort_by(|a, b| compare(a.value(key), b.value(key)));
    Ok(())
}

fn compare(a: Option<Value>, b: Option<Value>) -> Ordering {
    let (Some(a), Some(b)) = (&a, &b) else { return a.is_none().cmp(&b.is_none()) };
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a_number, b_number) => {
            b_number.is_some().cmp(&a_number.is_some()).then_with(|| shown(a).cmp(&shown(b)))
        }
    }
}

/// The columns that fit on a terminal.
fn table(runs: &[RunSummary]) -> Table {
    let columns = [
        "run", "model", "preset", "state", "step", "score", "best", "time", "started", "settings",
        "note",
    ];
    let mut table = Table::new(columns);
    for run in runs {
        let total = run.total_steps.map(|total| format!("/{total}")).unwrap_or_default();
        let best = run.best.as_ref().map(|best| format!("{} {}", best.name, number(best.value)));
        let tags = run.annotations.tags.iter().map(|tag| format!("#{tag}"));
        let notes: Vec<_> = tags.chain([run.annotations.note.clone()]).collect();
        table.row([
            run.path.display().to_string(),
            run.manifest.model.clone(),
            run.manifest.preset.clone(),
            run.state.to_string(),
            format!("{}{total}", run.step),
            run.score_in_words().unwrap_or_default(),
            best.unwrap_or_default(),
            duration(Duration::from_secs_f64(run.seconds.clamp(0.0, 1e12))),
            run.manifest.started.get(..19).unwrap_or_default().replace('T', " "),
            settings(&run.settings),
            notes.join(" ").trim().to_owned(),
        ]);
    }
    table
}

/// `train.learning_rate=0.5 seed=2`.
pub(in crate::cli) fn settings<'a>(
    of: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> String {
    let parts = of.into_iter().map(|(key, value)| format!("{key}={}", shown(value)));
    parts.collect::<Vec<_>>().join(" ")
}
