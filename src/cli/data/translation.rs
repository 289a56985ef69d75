//! `tfm data make translation`: pairs of sentences that are generated.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;

use crate::data::synthetic_pairs::{self, SplitFiles};
use crate::models::options::{DataOptions, OutputOptions};

pub(super) const NAME: &str = "translation";

#[derive(Args, Debug)]
struct Translation {
    /// Pairs of the training text
    #[arg(long, value_name = "N", default_value_t = 40_000)]
    pairs: usize,

    /// The seed: the same one always gives the same text
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// The folder for the files [default: translation in the folder of the data sets]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replaces files that exist
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Serialize)]
struct Report<'a> {
    folder: &'a Path,
    seed: u64,
    files: Vec<Files<'a>>,
}

#[derive(Serialize)]
struct Files<'a> {
    split: &'static str,
    source: &'a Path,
    target: &'a Path,
    pairs: usize,
}

pub(super) fn command() -> Command {
    let command = Translation::augment_args(Command::new(NAME));
    let command = command.about("English and an invented language").long_about(
        "Writes English sentences and their translations into an invented language, each of which \
         has exactly one: train.src and train.tgt, and dev.* and test.* of a twentieth of their \
         size, from 200 to 2,000 pairs. No two of them share a sentence.",
    );
    command.after_long_help("Example:\n  tfm data make translation --pairs 20000")
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let Translation { pairs, seed, out, force, data, output } =
        Translation::from_arg_matches(matches)?;
    output.init_logging();
    let folder = out.unwrap_or_else(|| data.data_dir.join(NAME));
    let splits = synthetic_pairs::write_splits(&folder, pairs, seed, force)?;
    let text: Vec<_> = splits.iter().map(text).collect();
    let files = splits.iter().map(files).collect();
    output.report(&Report { folder: &folder, seed, files }, text.join("\n"))
}

fn files(split: &SplitFiles) -> Files<'_> {
    let SplitFiles { split, source, target, pairs } = split;
    Files { split: split.name(), source, target, pairs: *pairs }
}

fn text(split: &SplitFiles) -> String {
    let SplitFiles { source, target, pairs, .. } = split;
    format!("{} and {}: {pairs} pairs", source.display(), target.display())
}
