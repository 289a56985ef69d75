//! `tfm sweep run|resume|slurm`: a model trained with many settings.

mod args;
mod line;
mod slurm;
mod summary;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::{ArgMatches, Command, FromArgMatches};
use serde_json::json;

use super::{Fixed, Registry};
use crate::analysis::table::Table;
use crate::models::Interrupted;
use crate::models::stdout::print;
use crate::sweep::{self, Begin, Cost, Spec, Sweep, is_sweep};
use crate::system::shell::quoted;
use crate::system::wording::counted;
use crate::train::ShutdownFlag;
use args::{Resume, Run, Train};

pub(super) const FIXED: Fixed = Fixed { command, run };

/// The messages at the first and the second signal.
const SAVING: [&str; 2] =
    ["the workers save and exit", "stopped at once; workers that are still running save and exit"];

fn command() -> Command {
    Command::new("sweep")
        .about("Trains a model with many settings: grid or random search, several seeds")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([args::run_command(), args::resume_command(), slurm::command()])
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("run", matches)) => begin(&Run::from_arg_matches(matches)?),
        Some(("resume", matches)) => resume(&Resume::from_arg_matches(matches)?),
        Some(("slurm", matches)) => slurm::run(matches),
        _ => Ok(()),
    }
}

/// `tfm sweep run`.
fn begin(args: &Run) -> Result<()> {
    args.train.output.init_logging();
    // A cluster job is given an existing sweep.
    if is_sweep(Path::new(&args.sweep.what)) {
        ensure!(
            args.index.is_some(),
            "the sweep {} already exists; resume with: tfm sweep resume {}",
            args.sweep.what,
            quoted(&args.sweep.what)
        );
        args.sweep.refuse_options_of_a_new_one()?;
        ensure!(
            !args.dry_run,
            "--dry-run belongs to a new sweep; {} already exists",
            args.sweep.what
        );
        return train(&Sweep::open(Path::new(&args.sweep.what))?, &args.train, args.index);
    }
    let begin = args.sweep.read()?;
    args.index.map_or(Ok(()), |number| sweep::find(&begin.points, number).map(drop))?;
    if args.dry_run {
        return preview(&begin, args);
    }
    ensure!(
        args.index.is_none() || args.sweep.dir.is_some(),
        "--index trains one point of a sweep in a shared folder; name it by --dir"
    );
    args.index.map_or(Ok(()), |_| refuse_stop(&begin.spec))?;
    let path = folder(&args.sweep.dir, &begin);
    let sweep = Sweep::begin(&path, &begin, args.index.is_some())?;
    let points = counted(sweep.points().len(), "point");
    tracing::info!("Sweep folder: {}, {points}", path.display());
    train(&sweep, &args.train, args.index)
}

/// The folder of a new sweep.
fn folder(given: &Option<PathBuf>, begin: &Begin) -> PathBuf {
    given.clone().unwrap_or_else(|| Sweep::default_path(&begin.spec.name))
}

fn resume(args: &Resume) -> Result<()> {
    args.train.output.init_logging();
    train(&Sweep::open(&args.dir)?, &args.train, None)
}

/// Checks that points can be trained apart from each other.
fn refuse_stop(spec: &Spec) -> Result<()> {
    ensure!(
        spec.stop.is_none(),
        "[stop] compares points with each other; train this sweep as a whole, with tfm sweep run"
    );
    Ok(())
}

fn train(sweep: &Sweep, args: &Train, only: Option<u64>) -> Result<()> {
    if let Some(number) = only {
        sweep.point(number)?;
        refuse_stop(&sweep.spec)?;
    }
    let shutdown = ShutdownFlag::on_signals(SAVING)?;
    let plan = args.plan(sweep, only);
    let outcome = sweep::run(sweep, &plan, &shutdown)?;
    let (path, go_on) = (quoted(sweep.path()), plan.go_on(sweep));
    if outcome.interrupted {
        bail!(Interrupted { message: format!("stopped; resume with: {go_on}") });
    }
    let numbers = sweep.points().iter().map(|point| point.number);
    let numbers: Vec<u64> =
        numbers.filter(|number| only.is_none_or(|only| only == *number)).collect();
    summary::report(sweep, &numbers, &outcome, args.output)?;
    match outcome.failed.len() {
        0 if only.is_none() => {
            tracing::info!("Next: tfm report {path}; tfm runs list {path}");
            Ok(())
        }
        0 => Ok(()),
        n => bail!("{n} of {} failed; retry with: {go_on}", counted(numbers.len(), "point")),
    }
}

/// Prints every point with its settings and estimated cost.
fn preview(begin: &Begin, args: &Run) -> Result<()> {
    let mut table = Table::new(["point", "settings", "cost on data of the default size"]);
    let mut points = Vec::new();
    for point in &begin.points {
        let cost = Cost::of(begin, point)?;
        table.row([point.number.to_string(), point.in_words(), cost.in_words()]);
        points.push(json!({ "point": point.number, "settings": point.settings, "cost": cost }));
    }
    let spec = &begin.spec;
    let json = json!({ "sweep": spec.name, "model": spec.model, "points": points });
    if args.train.output.json {
        return args.train.output.report(&json, "");
    }
    let points = counted(begin.points.len(), "point");
    let fixed: Vec<_> = spec.fixed.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    let config = spec.config.as_deref().unwrap_or("the default preset");
    print(format!(
        "{}: {points} of {} with {config}{}\n{}",
        spec.name,
        spec.model,
        fixed.concat(),
        table.to_text(usize::MAX).trim_end()
    ))
    .map(drop)
}
