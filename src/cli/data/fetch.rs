//! `tfm data fetch`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::progress::Progress;
use crate::data::fetch::{self, Options, Report};
use crate::models::options::{DataOptions, OutputOptions};

#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Fetch {
    /// The data set; `tfm data list` lists them
    #[arg(value_name = "SET")]
    set: String,

    /// Another source than the set's known addresses
    ///
    /// A .tgz or a folder on this machine, or the http(s) address of a .tgz or, ending with a
    /// slash, of the single files. Their content has to be the known one all the same.
    #[arg(long, value_name = "FILE|URL")]
    from: Option<String>,

    /// Replaces files of another content that stand in the set's folder
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const EXAMPLES: &str = "Examples:\n  tfm data fetch ptb\n  \
                        tfm data fetch ptb --from ~/Downloads/simple-examples.tgz";

#[derive(Serialize)]
struct Outcome<'a> {
    set: &'a str,
    folder: &'a PathBuf,
    placed: &'a [PathBuf],
    already_there: &'a [PathBuf],
    source: Option<&'a str>,
}

pub(super) fn run(fetch: Fetch) -> Result<()> {
    let Fetch { set, from, force, data, output } = fetch;
    output.init_logging();
    let set = fetch::find(&set)?;
    let mut progress = Progress::new(output.quiet);
    let report = fetch::fetch(set, &data.data_dir, &Options { from, force }, &mut |event| {
        progress.show(event);
    });
    progress.finish();
    let report = report?;
    let result = Outcome {
        set: set.name,
        folder: &report.folder,
        placed: &report.placed,
        already_there: &report.already_there,
        source: report.source.as_deref(),
    };
    output.report(&result, text(&report))
}

fn text(report: &Report) -> String {
    let placed = report.placed.iter().map(|path| format!("fetched  {}", path.display()));
    let there = report.already_there.iter().map(|path| format!("there    {}", path.display()));
    placed.chain(there).collect::<Vec<_>>().join("\n")
}
