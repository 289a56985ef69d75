//! `tfm runs note` and `tfm runs tag`: what the user says of runs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, Command};
use serde_json::json;

use super::{OneRun, read};
use crate::console;
use crate::models::options::{OutputOptions, complete};
use crate::run::{Annotations, RunDir, check_tag};

#[derive(Args, Debug)]
struct Note {
    #[command(flatten)]
    run: OneRun,

    /// New note, replacing any existing one; "" deletes it. Without TEXT, prints the note
    #[arg(value_name = "TEXT")]
    text: Option<String>,

    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args, Debug)]
struct Tag {
    /// The tag, a single word
    #[arg(value_name = "TAG")]
    tag: String,

    /// The runs to tag
    #[arg(value_name = "RUN", required = true, add = complete::runs())]
    runs: Vec<PathBuf>,

    /// Removes the tag
    #[arg(long)]
    remove: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn note_command() -> Command {
    Note::augment_args(Command::new("note"))
        .about("Sets or prints a run's note")
        .after_long_help("Example:\n  tfm runs note runs/first 'the rate is too high'")
}

pub(super) fn tag_command() -> Command {
    Tag::augment_args(Command::new("tag"))
        .about("Tags runs, for `tfm runs list --tag`")
        .after_long_help("Example:\n  tfm runs tag good runs/first runs/second")
}

pub(super) fn note(matches: &ArgMatches) -> Result<()> {
    let args = read::<Note>(matches, |args| &args.output)?;
    let run = RunDir::read(&args.run.run)?;
    let annotations = match args.text {
        Some(text) => Annotations::change(run.path(), |there| {
            there.note = text;
            Ok(())
        })?,
        None => Annotations::read(run.path())?,
    };
    args.output.report(
        &json!({ "run": run.path().to_string_lossy(), "note": annotations.note }),
        &annotations.note,
    )
}

pub(super) fn tag(matches: &ArgMatches) -> Result<()> {
    let args = read::<Tag>(matches, |args| &args.output)?;
    check_tag(&args.tag)?;
    // All of them are runs, and have the tag to be removed, before the first is changed.
    let runs: Vec<_> = args.runs.iter().map(|run| RunDir::read(run)).collect::<Result<_>>()?;
    for run in runs.iter().filter(|_| args.remove) {
        let tags = Annotations::read(run.path())?.tags;
        ensure!(tags.contains(&args.tag), "{} has no tag {}", run.path().display(), args.tag);
    }
    for run in &runs {
        Annotations::change(run.path(), |there| {
            match args.remove {
                true => there.tags.remove(&args.tag),
                false => there.tags.insert(args.tag.clone()),
            };
            Ok(())
        })?;
    }
    args.output.report(
        &json!({ "tag": args.tag, "runs": console::paths(&args.runs), "removed": args.remove }),
        "",
    )
}
