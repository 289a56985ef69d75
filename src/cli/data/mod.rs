//! `tfm data list|fetch|verify|make`: the data sets' files.

mod fetch;
mod list;
mod make;
mod progress;
mod verify;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{Fixed, Registry};
use crate::data::fetch::sets;

pub(super) const FIXED: Fixed = Fixed { command, run };

fn command() -> Command {
    Command::new("data")
        .about("Lists, fetches, checks and makes data sets")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(
            list::List::augment_args(Command::new("list"))
                .about("Lists the data sets and which of them are there"),
        )
        .subcommand(
            fetch::Fetch::augment_args(Command::new("fetch"))
                .about("Downloads a data set and checks its files"),
        )
        .subcommand(
            verify::Verify::augment_args(Command::new("verify"))
                .about("Reads the data sets' files and compares their md5s"),
        )
        .subcommand(make::command())
}

/// The names of the data sets.
fn sets_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(sets().iter().map(|set| &*set.name))
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("list", matches)) => list::run(&list::List::from_arg_matches(matches)?),
        Some(("fetch", matches)) => fetch::run(fetch::Fetch::from_arg_matches(matches)?),
        Some(("verify", matches)) => verify::run(&verify::Verify::from_arg_matches(matches)?),
        Some(("make", matches)) => make::run(matches),
        _ => Ok(()),
    }
}
