//! `tfm runs rerun RUN`: the same settings, seed and data once more.

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args, Command};
use serde_json::{Value, json};

use super::{OneRun, read};
use crate::analysis::{RunSummary, shown};
use crate::checkpoint;
use crate::metrics::Record;
use crate::models::options::{DataOptions, OutputOptions, ThreadOption, default_data_dir};
use crate::models::{self, Interrupted};
use crate::run::{self, Manifest, RunDir, State};
use crate::system::shell::quoted;
use crate::train::shutdown;

#[derive(Args, Debug)]
struct Rerun {
    #[command(flatten)]
    run: OneRun,

    /// The folder of the new run [default: runs/<preset>-<time>]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    threads: ThreadOption,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Trains a new run with the config, the seed and the instruction level of one that \
is there, and compares the two: records and last checkpoint are the same bits, but for word2vec \
without train.deterministic. Data that has changed since is refused, and so is a run that began with \
another's parameters which are gone. Ends with code 1 where the two differ.\n\n\
Example:\n  tfm runs rerun runs/first";

pub(super) fn command() -> Command {
    Rerun::augment_args(Command::new("rerun"))
        .about("Repeats a run: the same settings, seed and data, and compares the two")
        .after_long_help(LONG)
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let args = read::<Rerun>(matches, |args| &args.output)?;
    let first = args.run.read()?;
    let trains = models::find(&first.manifest.model).and_then(|model| model.verb("train"));
    ensure!(
        trains.is_some(),
        "{} is a run of {}, which this tfm cannot train",
        first.path.display(),
        first.manifest.model
    );
    ensure!(
        first.state == State::Finished,
        "{} is {}: what is repeated to its end cannot equal it; go on with: tfm train {} --resume {}",
        first.path.display(),
        first.state,
        first.manifest.model,
        quoted(&first.path)
    );
    let folder = run::folder(args.run_dir.as_deref(), &first.manifest)?;
    let status = train(&args, &first, &folder)?;
    match status.code() {
        Some(0) => {}
        Some(code) if code == i32::from(shutdown::EXIT_CODE) => {
            bail!(Interrupted { message: format!("stopped: {}", folder.display()) })
        }
        _ => bail!("{} was not repeated", first.path.display()),
    }
    compare(&args, &first, &folder)
}

/// Trains in a process of its own, as the first run was.
fn train(args: &Rerun, first: &RunSummary, folder: &Path) -> Result<std::process::ExitStatus> {
    let manifest = &first.manifest;
    let mut process = Process::new(std::env::current_exe().context("tfm cannot find itself")?);
    process.args(["train", &manifest.model, "--config"]).arg(first.path.join("config.toml"));
    process.args(["--preset-name", &manifest.preset, "--expect-data", &manifest.data]);
    process.arg("--run-dir").arg(folder).arg("--data-dir").arg(data_dir(args, manifest));
    process.args(["--threads", &args.threads.count().to_string()]);
    process.args(["--device", device(manifest)]);
    if !manifest.init_from.is_empty() {
        process.args(["--init-from", &manifest.init_from]);
    }
    if args.output.quiet {
        process.arg("--quiet");
    }
    // Another level rounds differently.
    process.env("TFM_ISA", &manifest.isa).stdout(std::process::Stdio::null());
    process.status().context("tfm cannot start itself")
}

/// The folder of the data sets: that of the first run, where it was given one and this one is not.
fn data_dir(args: &Rerun, manifest: &Manifest) -> PathBuf {
    let command = &manifest.command;
    let mut pairs = command.windows(2).filter(|pair| pair[0] == "--data-dir");
    match pairs.next_back() {
        Some([_, given])
            if args.data.data_dir == default_data_dir() && Path::new(given).is_dir() =>
        {
            given.into()
        }
        _ => args.data.data_dir.clone(),
    }
}

/// `cpu`, or `cuda:N` without the device's name.
fn device(manifest: &Manifest) -> &str {
    manifest.device.split([' ', ',', '(']).next().unwrap_or("cpu")
}

fn compare(args: &Rerun, first: &RunSummary, folder: &Path) -> Result<()> {
    let second = RunDir::read(folder)?;
    let records = |run: &RunSummary| -> Result<Vec<Record>> {
        let mut records = run.records()?;
        records.iter_mut().for_each(|record| record.timing.clear());
        Ok(records)
    };
    let again = crate::analysis::index::read_one(folder)?;
    let same_records =
        serde_json::to_value(records(first)?)? == serde_json::to_value(records(&again)?)?;
    let same_parameters = last(first)? == last(&again)?;
    let json = json!({
        "run": first.path.to_string_lossy(),
        "again": second.path().to_string_lossy(),
        "same_records": same_records,
        "same_parameters": same_parameters,
        "metrics": again.metrics,
    });
    let scores: Vec<_> =
        again.metrics.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
    let (of, path) = (first.path.display(), folder.display());
    if same_records && same_parameters {
        return args
            .output
            .report(&json, format!("{path} equals {of}, bit by bit: {}", scores.join(", ")));
    }
    args.output.report(&json, "")?;
    let what = match (same_records, same_parameters) {
        (false, true) => "the records differ",
        (true, _) => "the last checkpoint differs",
        _ => "the records and the last checkpoint differ",
    };
    let why = match first.config.get("train.deterministic") {
        Some(Value::Bool(false)) => {
            "; its threads change the same vectors without locks, so that no two such runs are equal \
             (train.deterministic = true)"
        }
        _ => "",
    };
    bail!(
        "{path} does not equal {of}: {what}{why}; `tfm runs compare` and `tfm runs diff` show how"
    )
}

/// The bytes of the last checkpoint: it holds no times.
fn last(run: &RunSummary) -> Result<Option<Vec<u8>>> {
    let dir = run.path.join("checkpoints");
    let Some(step) = checkpoint::steps(&dir)?.pop() else { return Ok(None) };
    let path = checkpoint::step_path(&dir, step);
    std::fs::read(&path).map(Some).with_context(|| format!("cannot read {}", path.display()))
}
