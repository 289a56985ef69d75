//! `tfm runs rerun RUN`: the same settings, seed and data once more.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command as Process, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args, Command};
use serde_json::{Value, json};

use super::{OneRun, read};
use crate::analysis::{RunSummary, shown};
use crate::checkpoint;
use crate::data::fetch::default_dir;
use crate::metrics::Record;
use crate::models::options::{DataOptions, OutputOptions, ThreadOption};
use crate::models::{self, AlreadySaid, Interrupted};
use crate::run::{self, Manifest, RunDir, State};
use crate::system::process;
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

const LONG: &str = "Trains a new run with the config, seed and instruction level of an existing one and \
compares the two. Records and last checkpoint must agree bit for bit, which word2vec guarantees only with \
train.deterministic. It is an error if the data has changed, or if the run started from another run's \
parameters and those are gone. Exits with code 1 if the two differ.\n\n\
Example:\n  tfm runs rerun runs/first";

pub(super) fn command() -> Command {
    Rerun::augment_args(Command::new("rerun"))
        .about("Repeats a run with the same settings, seed and data, and compares the two")
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
        !first.manifest.is_imported(),
        "{} was imported and not trained; it cannot be repeated",
        first.path.display()
    );
    ensure!(
        first.state == State::Finished,
        "{} is {}: only a finished run can be repeated; finish it with: tfm train {} --resume {}",
        first.path.display(),
        first.state,
        first.manifest.model,
        quoted(&first.path)
    );
    let folder = run::folder(args.run_dir.as_deref(), &first.manifest)?;
    let status = train(&args, &first, &folder)?;
    if status.code() != Some(0) && args.run_dir.is_none() {
        // If the run had not started, the folder is empty.
        let _ = fs::remove_dir(&folder);
    }
    match status.code() {
        Some(0) => compare(&args, &first, &folder),
        Some(code) if code == i32::from(shutdown::EXIT_CODE) => {
            bail!(Interrupted { message: format!("stopped: {}", folder.display()) })
        }
        Some(_) => bail!(AlreadySaid),
        None => {
            bail!("{} was not repeated: its process was killed ({status})", first.path.display())
        }
    }
}

/// Trains in a process of its own, as the first run was.
fn train(args: &Rerun, first: &RunSummary, folder: &Path) -> Result<ExitStatus> {
    let manifest = &first.manifest;
    let mut command =
        Process::new(std::env::current_exe().context("cannot locate the tfm executable")?);
    // Relative paths of the first run are relative to the folder that it was started in.
    let (home, folder) = (home(manifest), absolute(folder)?);
    command.current_dir(&home);
    command.args(["train", &manifest.model, "--config"]);
    command.arg(absolute(first.path.join("config.toml"))?);
    command.args(["--preset-name", &manifest.preset, "--expect-data", &manifest.data]);
    command.arg("--run-dir").arg(folder);
    command.arg("--data-dir").arg(absolute(data_dir(args, manifest, &home))?);
    command.args(["--threads", &args.threads.count().to_string()]);
    command.args(["--device", device(manifest)]);
    if !manifest.init_from.is_empty() {
        command.args(["--init-from", &manifest.init_from]);
    }
    if args.output.quiet {
        command.arg("--quiet");
    }
    // Another level rounds differently.
    command.env("TFM_ISA", &manifest.isa).stdout(Stdio::null());
    let mut child = command.spawn().context("cannot start the tfm executable")?;
    // The terminal signals both: what comes twice at once is one wish.
    let id = child.id();
    process::on_stop(move || process::ask_to_end(id))?;
    child.wait().context("cannot wait for the run")
}

/// The folder that the run was started in, or this one if that is gone.
fn home(manifest: &Manifest) -> PathBuf {
    let home = PathBuf::from(&manifest.provenance.folder);
    if home.is_dir() { home } else { PathBuf::from(".") }
}

/// The data folder: that of the first run, unless this command is given one.
fn data_dir(args: &Rerun, manifest: &Manifest, home: &Path) -> PathBuf {
    let own = default_dir();
    let given = data_dir_of(&manifest.command).or(manifest
        .provenance
        .variables
        .get("TFM_DATA_DIR")
        .map(String::as_str));
    let of_first = home.join(given.map_or(&*own, Path::new));
    if args.data.data_dir == own && of_first.is_dir() {
        of_first
    } else {
        args.data.data_dir.clone()
    }
}

/// The last value of `--data-dir` in a command.
fn data_dir_of(command: &[String]) -> Option<&str> {
    let next = command.iter().skip(1).map(Some).chain([None]);
    let values = command.iter().zip(next).filter_map(|(word, next)| match word.as_str() {
        "--data-dir" => next.map(String::as_str),
        word => word.strip_prefix("--data-dir="),
    });
    values.last()
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
            .report(&json, format!("{path} equals {of}, bit for bit: {}", scores.join(", ")));
    }
    args.output.report(&json, "")?;
    let what = match (same_records, same_parameters) {
        (false, true) => "the records differ",
        (true, _) => "the last checkpoint differs",
        _ => "the records and the last checkpoint differ",
    };
    let why = match first.config.get("train.deterministic") {
        Some(Value::Bool(false)) => {
            "; its threads update the same vectors without locks, so no two such runs are equal \
            unless train.deterministic = true"
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
    fs::read(&path).map(Some).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_data_is_found_in_both_spellings() {
        for (command, expect) in [
            ("tfm train ptb", None),
            ("tfm train ptb --data-dir a --seed 1", Some("a")),
            ("tfm train ptb --data-dir a --data-dir=b", Some("b")),
            ("tfm train ptb --data-dir", None),
        ] {
            let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(data_dir_of(&words), expect, "{command}");
        }
    }
}
