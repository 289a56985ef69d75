//! `tfm data fetch`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use super::{progress::Progress, sets_parser};
use crate::console;
use crate::data::fetch::{self, FetchOptions, FetchReport};
use crate::models::options::{DataOptions, OutputOptions};

#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Fetch {
    /// The data sets; `tfm data list` lists them
    #[arg(value_name = "SET", required = true, value_parser = sets_parser())]
    sets: Vec<String>,

    /// Another source than the known addresses of a set
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

const EXAMPLES: &str = "Examples:\n  tfm data fetch ptb\n  tfm data fetch text8 word2vec-eval\n  \
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
    let Fetch { sets, from, force, data, output } = fetch;
    output.init_logging();
    let sets = sets.iter().map(|set| fetch::find(set)).collect::<Result<Vec<_>>>()?;
    ensure!(from.is_none() || sets.len() == 1, "--from is a source of one set; name one");
    let options = FetchOptions { from, force };
    for set in sets {
        let mut progress = Progress::new(output.quiet);
        let report = fetch::fetch(set, &data.data_dir, &options, &mut |event| progress.show(event));
        console::clear();
        let report = report?;
        let result = Outcome {
            set: &set.name,
            folder: &report.folder,
            placed: &report.placed,
            already_there: &report.already_there,
            source: report.source.as_deref(),
        };
        output.report(&result, text(&report))?;
    }
    Ok(())
}

fn text(report: &FetchReport) -> String {
    let placed = report.placed.iter().map(|path| format!("fetched  {}", path.display()));
    let there = report.already_there.iter().map(|path| format!("there    {}", path.display()));
    placed.chain(there).collect::<Vec<_>>().join("\n")
}
