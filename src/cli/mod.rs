//! The command line: `tfm <verb> <model>` from the registry, and the commands that belong to
//! no model.

mod answer;
mod bash;
mod bench_machine;
mod bleu;
mod by_run;
mod completions;
mod config;
mod data;
mod failure;
mod models;
mod report;
mod runs;
mod sweep;
mod verbs;
mod watch;

use std::ffi::OsString;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::models::{ALL, Entry};
use crate::system::process;
use crate::version;
pub use failure::fail;

/// Prepares the process: empty variables, signals, panics. Call it before anything else.
pub fn prepare() {
    process::drop_empty_variables();
    process::ignore_file_size_limit();
    failure::end_on_panic();
}

/// The models that the command line offers.
type Registry = &'static [&'static Entry];

/// A command that belongs to no model.
struct Fixed {
    command: fn() -> Command,
    run: fn(Registry, &ArgMatches) -> Result<()>,
}

/// In the order of the help.
const FIXED: &[Fixed] = &[
    sweep::FIXED,
    runs::FIXED,
    report::FIXED,
    watch::FIXED,
    bleu::FIXED,
    data::FIXED,
    models::FIXED,
    config::FIXED,
    completions::FIXED,
];

/// Parses `args`, whose first element is the program's name, and runs the command.
///
/// # Errors
/// Whatever the command fails with; a [`clap::Error`] where the arguments are wrong, or where
/// they ask for help or the version. [`fail`] turns it into a message and an exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Result<()> {
    run_with(ALL, args.into_iter().collect())
}

/// The tree of every command, with help and arguments.
pub fn command() -> Command {
    tree(ALL)
}

fn run_with(registry: Registry, args: Vec<OsString>) -> Result<()> {
    if completions::answer(registry, &args)? {
        return Ok(());
    }
    let args = by_run::with_model(registry, without_help_of_help(args));
    let matches = tree(registry)
        .try_get_matches_from(&args)
        .map_err(|error| answer::improve(error, registry, &args))?;
    // The tree requires a command, so there is one.
    let Some((name, matches)) = matches.subcommand() else { return Ok(()) };
    match FIXED.iter().find(|fixed| (fixed.command)().get_name() == name) {
        Some(fixed) => (fixed.run)(registry, matches),
        None => verbs::run(registry, name, matches),
    }
}

/// `tfm help --help` asks for nothing else than `tfm help`.
fn without_help_of_help(mut args: Vec<OsString>) -> Vec<OsString> {
    if matches!(&args[1..], [help, option] if help == "help" && (option == "--help" || option == "-h"))
    {
        args.pop();
    }
    args
}

/// A negative number is read as the value of an option, so that its error is more useful than
/// "unknown option".
fn with_negative_numbers(command: Command) -> Command {
    let numbers = |arg: Arg| {
        let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        arg.allow_negative_numbers(takes_value)
    };
    command.mut_args(numbers).mut_subcommands(with_negative_numbers)
}

fn tree(registry: Registry) -> Command {
    let tree = Command::new("tfm")
        .about("Trains, evaluates, benchmarks and uses the classic deep-learning models")
        .version(version::LONG)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(verbs::commands(registry))
        .subcommands(FIXED.iter().map(|fixed| (fixed.command)()))
        .after_help(
            "`tfm models` lists the models with their verbs and presets; \
             `tfm <verb> <model> --help`\nexplains a verb. A run knows its model: \
             `tfm eval RUN`, `tfm plot RUN RUN`.",
        );
    with_negative_numbers(tree)
}

#[cfg(test)]
mod tests;
