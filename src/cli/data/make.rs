//! `tfm data make`: text that is generated rather than fetched.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;

use crate::data::grammar::{self, SplitFile};
use crate::models::options::{DataOptions, OutputOptions};

#[derive(Args, Debug)]
struct Grammar {
    /// Words of the training text, each line's end counted as one
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    words: usize,

    /// The seed: the same one always gives the same text
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// The folder for the files [default: grammar in the folder of the data sets]
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
    words: usize,
    seed: u64,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    split: &'static str,
    path: &'a Path,
    tokens: usize,
    /// The perplexity of the grammar itself on this text, which no model goes below.
    perplexity: f64,
}

pub(super) fn command() -> Command {
    let grammar = Grammar::augment_args(Command::new("grammar"));
    let grammar = grammar.about("English-like text of a known perplexity").long_about(
        "Writes English-like text from a probabilistic grammar: grammar.train.txt, and \
         grammar.valid.txt and grammar.test.txt of a twelfth of its size. The perplexity that \
         is printed is that of the grammar itself, the floor of every model.",
    );
    Command::new("make")
        .about("Generates a data set")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(grammar.after_long_help("Example:\n  tfm data make grammar --words 200000"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    // The grammar is the only one of its kind, and one is required.
    let Some((_, matches)) = matches.subcommand() else { return Ok(()) };
    let Grammar { words, seed, out, force, data, output } = Grammar::from_arg_matches(matches)?;
    output.init_logging();
    let folder = out.unwrap_or_else(|| data.data_dir.join("grammar"));
    let splits = grammar::write_splits(&folder, words, seed, force)?;
    let text: Vec<_> = splits.iter().map(text).collect();
    let files = splits.iter().map(file).collect();
    output.report(&Report { folder: &folder, words, seed, files }, text.join("\n"))
}

fn file(split: &SplitFile) -> File<'_> {
    let SplitFile { path, split, measure } = split;
    File { split: split.name(), path, tokens: measure.tokens, perplexity: measure.perplexity() }
}

fn text(split: &SplitFile) -> String {
    let SplitFile { path, measure, .. } = split;
    let (path, tokens, perplexity) = (path.display(), measure.tokens, measure.perplexity());
    format!("{path}: {tokens} words, perplexity {perplexity:.2}")
}
