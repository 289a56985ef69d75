//! `tfm runs`: the runs that are there, looked at together.

mod annotate;
mod compare;
mod curve;
mod diff;
mod list;
mod remove;
mod rerun;
mod show;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgMatches, Args, Command, FromArgMatches};

pub(super) use list::settings;

use super::{Fixed, Registry};
use crate::analysis::RunSummary;
use crate::analysis::index::{self, Found};
use crate::console::COLUMNS;
use crate::models::options::{OutputOptions, complete};
use crate::run::ROOT;

pub(super) const FIXED: Fixed = Fixed { command, run };

/// The runs that a command is about.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub(super) struct Paths {
    /// Runs, sweeps, or folders that hold some [default: runs]
    #[arg(value_name = "PATH", add = complete::runs())]
    pub paths: Vec<PathBuf>,
}

impl Paths {
    /// The runs, in the order of their paths. Those that are damaged are warned about.
    pub fn read(&self) -> Result<Found> {
        let given = match self.paths.is_empty() {
            true => vec![PathBuf::from(ROOT)],
            false => self.paths.clone(),
        };
        let found = index::read(&given)?;
        for (path, why) in &found.damaged {
            tracing::warn!("{} cannot be read and is left out: {why}", path.display());
        }
        Ok(found)
    }
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

/// Reads the arguments of a command and sends its messages on their way.
fn read<A: FromArgMatches>(matches: &ArgMatches, output: fn(&A) -> &OutputOptions) -> Result<A> {
    let args = A::from_arg_matches(matches)?;
    output(&args).init_logging();
    Ok(args)
}

/// The columns of the terminal that stdout is; whoever else reads gets whole lines.
fn width() -> usize {
    match io::stdout().is_terminal() {
        true => terminal_size::terminal_size().map_or(COLUMNS, |size| size.0.0.into()),
        false => usize::MAX,
    }
}

/// Asks whether to do what cannot be undone. Where nobody can be asked, `--yes` must be given.
///
/// # Errors
/// Nobody is there to answer, or the answer is not yes.
fn confirm(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        bail!("{question} Give --yes to do it: nobody is there to be asked");
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
