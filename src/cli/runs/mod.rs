//! `tfm runs`: an overview of the existing runs.

mod annotate;
mod compare;
mod curve;
mod diff;
mod list;
mod remove;
mod rerun;
mod show;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{ArgMatches, Args, Command, FromArgMatches};

pub(super) use list::settings;

use super::{Fixed, Registry};
use crate::analysis::RunSummary;
use crate::analysis::index::{self, Found};
use crate::console::COLUMNS;
use crate::models::options::{OutputOptions, complete};
use crate::run::ROOT;
use crate::sweep::{self, Failure, Sweep, is_sweep};

pub(super) const FIXED: Fixed = Fixed { command, run };

/// The runs that a command works on.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub(super) struct Paths {
    /// Runs, sweeps, or folders that contain them [default: runs and sweeps]
    #[arg(value_name = "PATH", add = complete::runs())]
    pub paths: Vec<PathBuf>,
}

impl Paths {
    fn given(&self) -> Vec<PathBuf> {
        if !self.paths.is_empty() {
            return self.paths.clone();
        }
        let roots = [ROOT, sweep::ROOT].map(PathBuf::from);
        let holds_any = |root: &PathBuf| {
            std::fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some())
        };
        let there: Vec<_> = roots.into_iter().filter(holds_any).collect();
        if there.is_empty() { vec![PathBuf::from(ROOT)] } else { there }
    }

    /// The points of these sweeps that failed before they became runs.
    pub fn failures(&self) -> Vec<Failure> {
        self.given().iter().flat_map(|path| failures(path)).collect()
    }

    /// The runs, in the order of their paths. Those that are damaged are warned about.
    pub fn read(&self) -> Result<Found> {
        let given = self.given();
        if self.paths.is_empty() && given.iter().all(|root| !root.exists()) {
            tracing::info!("There are no runs yet; `tfm train MODEL` starts one");
            return Ok(Found::default());
        }
        let failures: Vec<_> = given.iter().map(|path| failures(path)).collect();
        for failure in failures.iter().flatten() {
            tracing::warn!("{failure}");
        }
        // A sweep whose points failed before any was a run holds none.
        let with_runs = given.into_iter().zip(&failures);
        let with_runs = with_runs.filter(|(path, failures)| failures.is_empty() || holds_run(path));
        let with_runs: Vec<_> = with_runs.map(|(path, _)| path).collect();
        let found = index::read(&with_runs)?;
        found.warn_of_damaged();
        Ok(found)
    }
}

/// The points of a sweep that failed before they became runs; none if `path` is not a sweep.
fn failures(path: &Path) -> Vec<Failure> {
    if !is_sweep(path) {
        return Vec::new();
    }
    // Defects of the sweep are reported when it is resumed.
    Sweep::open(path).map(|sweep| sweep.failures()).unwrap_or_default()
}

fn holds_run(sweep: &Path) -> bool {
    let runs = std::fs::read_dir(sweep.join("points")).into_iter().flatten().flatten();
    runs.into_iter().any(|run| run.path().join("run.json").is_file())
}

/// One run.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
struct OneRun {
    /// The run's folder
    #[arg(value_name = "RUN", add = complete::runs())]
    run: PathBuf,
}

impl OneRun {
    fn read(&self) -> Result<RunSummary> {
        index::read_one(&self.run)
    }
}

fn command() -> Command {
    Command::new("runs")
        .about("Lists, compares, repeats, tags and removes runs")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([list::command(), show::command(), compare::command(), diff::command()])
        .subcommands([rerun::command(), annotate::note_command(), annotate::tag_command()])
        .subcommands([remove::rm_command(), remove::prune_command()])
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("list", matches)) => list::run(matches),
        Some(("show", matches)) => show::run(matches),
        Some(("compare", matches)) => compare::run(matches),
        Some(("diff", matches)) => diff::run(matches),
        Some(("rerun", matches)) => rerun::run(matches),
        Some(("note", matches)) => annotate::note(matches),
        Some(("tag", matches)) => annotate::tag(matches),
        Some(("rm", matches)) => remove::rm(matches),
        Some(("prune", matches)) => remove::prune(matches),
        _ => Ok(()),
    }
}

/// Reads the arguments of a command and starts logging.
fn read<A: FromArgMatches>(matches: &ArgMatches, output: fn(&A) -> &OutputOptions) -> Result<A> {
    let args = A::from_arg_matches(matches)?;
    output(&args).init_logging();
    Ok(args)
}

/// The width of the terminal if stdout is one; other readers get complete lines.
fn width() -> usize {
    match io::stdout().is_terminal() {
        true => terminal_size::terminal_size().map_or(COLUMNS, |size| size.0.0.into()),
        false => usize::MAX,
    }
}

/// Asks for confirmation of what cannot be undone. Without a terminal, `--yes` is required.
///
/// # Errors
/// Stdin is not a terminal, or the answer is not yes.
fn confirm(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        bail!("standard input is not a terminal, so nothing was removed; confirm with --yes");
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was removed"),
    }
}
