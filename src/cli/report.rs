//! `tfm report`: runs as one page.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::runs::Paths;
use super::{Fixed, Registry};
use crate::analysis::wide;
use crate::atomic;
use crate::console;
use crate::models::options::OutputOptions;
use crate::report;
use crate::run::{check_output, rfc3339};
use crate::sweep::Failure;

pub(super) const FIXED: Fixed = Fixed { command, run };

#[derive(Args, Debug)]
struct Report {
    #[command(flatten)]
    paths: Paths,

    /// The HTML file to write; a CSV file with the numbers goes next to it
    #[arg(long, short = 'o', value_name = "FILE", default_value = "report.html")]
    out: PathBuf,

    /// The page's title [default: the folders]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Overwrites existing files
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Writes one HTML file that needs no server and no network: the best experiment over its \
seeds, a sortable and filterable table, curves with bands over seeds, the score by each setting that \
differs, failures with their last lines, and the commands that repeat each run.\n\n\
Examples:\n  tfm report sweeps/rates -o rates.html\n  tfm report runs/first runs/second";

fn command() -> Command {
    Report::augment_args(Command::new("report"))
        .about("Writes an HTML report about runs: tables, curves over seeds, scores by setting")
        .after_long_help(LONG)
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    let args = Report::from_arg_matches(matches)?;
    args.output.init_logging();
    let csv = csv_beside(&args.out);
    let is_csv = args.out.extension().is_some_and(|end| end == "csv");
    ensure!(
        !is_csv,
        "the report cannot be named {}; give -o another extension",
        args.out.display()
    );
    for file in [&args.out, &csv] {
        check_output(file, args.force)?;
    }
    let found = args.paths.read()?;
    ensure!(!found.runs.is_empty(), "there is no readable run to report");
    let title = args.title.unwrap_or_else(|| title(&args.paths.paths));
    let failed: Vec<_> = args.paths.failures().iter().map(failure_in_json).collect();
    let time = rfc3339(SystemTime::now())[..16].replace('T', " ");
    let page = report::page(&title, &time, &found.runs, &failed)?;
    atomic::write(&csv, wide(&found.runs).to_csv().as_bytes())?;
    atomic::write(&args.out, page.as_bytes())?;
    let json = json!({ "files": console::paths(&[&args.out, &csv]), "runs": found.runs.len(), "bytes": page.len() });
    args.output.report(&json, format!("{}\n{}", args.out.display(), csv.display()))
}

fn failure_in_json(failure: &Failure) -> Value {
    let name = format!("{} ({})", failure.run.display(), failure.settings);
    json!({ "name": name, "reason": failure.why, "log": failure.log })
}

/// `rates.html` gets `rates.csv`, and any other name `NAME.csv`: the text after a dot need not be an
/// extension.
fn csv_beside(page: &Path) -> PathBuf {
    let is_html = page.extension().is_some_and(|end| end == "html" || end == "htm");
    let mut csv = if is_html { page.with_extension("") } else { page.to_owned() }.into_os_string();
    csv.push(".csv");
    csv.into()
}

fn title(paths: &[PathBuf]) -> String {
    let name =
        |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match paths {
        [] => "runs".to_owned(),
        paths => paths.iter().map(|path| name(path)).collect::<Vec<_>>().join(", "),
    }
}
