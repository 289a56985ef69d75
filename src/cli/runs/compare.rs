//! `tfm runs compare A B …`: which settings differ, and which experiment is better.

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, Command};

use super::{Paths, read, width};
use crate::analysis::compare::{Comparison, letter, spread_in_words};
use crate::analysis::table::{Table, number};
use crate::analysis::{Group, groups, shown};
use crate::models::options::OutputOptions;
use crate::run::State;
use crate::system::wording::counted;

#[derive(Args, Debug)]
struct Compare {
    #[command(flatten)]
    paths: Paths,

    /// Also lists the score of each seed
    #[arg(long)]
    seeds: bool,

    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Runs that differ only in their seed are replicas: they are shown as mean, standard \
deviation and count. Each experiment is compared with the first (A) by the 95 % t interval of the \
difference, paired if both have the same seeds. Only settings that differ are shown.\n\n\
Examples:\n  tfm runs compare runs/first runs/second\n  tfm runs compare sweeps/rates";

pub(super) fn command() -> Command {
    Compare::augment_args(Command::new("compare"))
        .about("Compares experiments: settings that differ, scores, and whether one is better")
        .after_long_help(LONG)
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let args = read::<Compare>(matches, |args| &args.output)?;
    let found = args.paths.read()?;
    let groups = groups(&found.runs);
    ensure!(!groups.is_empty(), "no run can be compared");
    ensure!(
        found.runs.len() > 1,
        "{} is the only run; name another one to compare with",
        found.runs[0].path.display()
    );
    let comparison = Comparison::of(groups);
    args.output.report(&comparison.in_json(), text(&comparison, args.seeds))
}

fn text(comparison: &Comparison<'_>, seeds: bool) -> String {
    let mut text = String::new();
    for (index, group) in comparison.groups.iter().enumerate() {
        text += &format!("{}: {} ({})\n", letter(index), group.name(), runs(group));
    }
    let letters = (0..comparison.groups.len()).map(letter);
    let mut table = Table::new(["".to_owned()].into_iter().chain(letters));
    for (key, values) in &comparison.settings {
        table.row([key.clone()].into_iter().chain(values.iter().map(|value| {
            // The model of one has no such setting.
            if value.is_null() { String::new() } else { shown(value) }
        })));
    }
    for score in &comparison.scores {
        let first = score.spreads[0].map(|spread| spread.mean);
        let cells = score.spreads.iter().enumerate().map(|(index, spread)| {
            let lost = if score.are_lost[index] { "not finite" } else { "" };
            let Some(spread) = spread else { return lost.to_owned() };
            let words = spread_in_words(spread);
            match first.filter(|_| index > 0) {
                Some(first) => format!(
                    "{words} ({}{})",
                    if spread.mean < first { "" } else { "+" },
                    number(spread.mean - first)
                ),
                None => words,
            }
        });
        table.row([score.metric.clone()].into_iter().chain(cells));
        if seeds {
            each_seed(comparison, &score.metric, &mut table);
        }
    }
    text + &table.to_text(width()) + &comparison.verdicts().join("\n")
}

/// `runs/first`, `3 seeds`, and how many have not finished: their scores are not at the full length.
fn runs(group: &Group<'_>) -> String {
    let finished = group.runs.iter().filter(|run| run.state == State::Finished).count();
    let mut text = match &group.runs[..] {
        [run] => run.path.display().to_string(),
        _ => counted(group.seeds(), "seed"),
    };
    match (finished, group.runs.len()) {
        (finished, runs) if finished == runs => {}
        (0, 1) => text += &format!(", {}", group.runs[0].state),
        (0, _) => text += ", none has finished",
        (finished, runs) => text += &format!(", {finished} of {runs} have finished"),
    }
    text
}

/// A row for each seed that any experiment has.
fn each_seed(comparison: &Comparison<'_>, metric: &str, table: &mut Table) {
    let values: Vec<_> = comparison.groups.iter().map(|group| group.values(metric)).collect();
    let mut seeds: Vec<u64> = values.iter().flat_map(|values| values.keys().copied()).collect();
    seeds.sort_unstable();
    seeds.dedup();
    for seed in seeds {
        let cell = |values: &std::collections::BTreeMap<u64, f64>| {
            values.get(&seed).copied().map(number).unwrap_or_default()
        };
        table.row([format!("  seed {seed}")].into_iter().chain(values.iter().map(cell)));
    }
}
