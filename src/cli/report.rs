//! `tfm report`: runs as one page.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::runs::Paths;
use super::{Fixed, Registry};
use crate::analysis::wide;
use crate::atomic;
use crate::models::options::OutputOptions;
use crate::report;
use crate::run::rfc3339;

pub(super) const FIXED: Fixed = Fixed { command, run };

#[derive(Args, Debug)]
struct Report {
    #[command(flatten)]
    paths: Paths,

    /// The file of the page; the numbers lie beside it as CSV
    #[arg(long, short = 'o', value_name = "FILE", default_value = "report.html")]
    out: PathBuf,

    /// The page's title [default: the folders]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Replaces files that exist
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Writes one HTML file that needs no server and no network: the best experiment over its \
seeds, a table that sorts and filters, curves with bands over seeds, the score by each setting that \
differs, failures with their last lines, and the commands that repeat each run.\n\n\
Examples:\n  tfm report sweeps/rates -o rates.html\n  tfm report runs/first runs/second";

fn command() -> Command {
    Report::augment_args(Command::new("report"))
        .about("Writes a page about runs: tables, curves over seeds, scores by setting")
        .after_long_help(LONG)
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    let args = Report::from_arg_matches(matches)?;
    args.output.init_logging();
    let csv = args.out.with_extension("csv");
    ensure!(
        csv != args.out,
        "{} would hold the page and the CSV; give -o another end",
        csv.display()
    );
    for file in [&args.out, &csv] {
        let free = args.force || !file.exists();
        ensure!(free, "{} exists already; choose another -o or use --force", file.display());
    }
    let found = args.paths.read()?;
    ensure!(!found.runs.is_empty(), "there is no run to report that can be read");
    let title = args.title.unwrap_or_else(|| title(&args.paths.paths));
    let page =
        report::page(&title, &rfc3339(SystemTime::now())[..16].replace('T', " "), &found.runs)?;
    atomic::write(&csv, wide(&found.runs).to_csv().as_bytes())?;
    atomic::write(&args.out, page.as_bytes())?;
    let json = json!({ "files": [args.out, csv], "runs": found.runs.len(), "bytes": page.len() });
    args.output.report(&json, format!("{}\n{}", args.out.display(), csv.display()))
}

fn title(paths: &[PathBuf]) -> String {
    let name =
        |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match paths {
        [] => "runs".to_owned(),
        paths => paths.iter().map(|path| name(path)).collect::<Vec<_>>().join(", "),
    }
}
