//! `tfm sweep slurm`: a sweep as an array job of a Slurm cluster.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use anyhow::{Context, Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::args::What;
use super::refuse_stop;
use crate::atomic;
use crate::models::options::{DataOptions, OutputOptions};
use crate::models::stdout::write;
use crate::sweep::slurm::{Resources, script};
use crate::sweep::{Sweep, is_sweep};

#[derive(Args, Debug)]
struct Slurm {
    #[command(flatten)]
    sweep: What,

    /// The time limit per point, in Slurm's format
    #[arg(long, value_name = "TIME", default_value = "01:00:00")]
    time: String,

    /// Cores per point
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    cpus: u16,

    /// Memory per point, in Slurm's format: 4G
    #[arg(long, value_name = "SIZE")]
    mem: Option<String>,

    /// The partition
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,

    /// Maximum number of points at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,

    /// Submits the script with sbatch
    #[arg(long)]
    submit: bool,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Creates the sweep's folder, which must be on a shared file system, and prints the script \
of an array job with one task per point. Two minutes before its time limit a run saves, and its task is \
requeued. A sweep with [stop] cannot run as an array job.\n\nExamples:\n  \
tfm sweep slurm rates.toml --dir sweeps/rates --time 02:00:00 --cpus 4 > rates.sh\n  \
tfm sweep slurm rates.toml --dir sweeps/rates --partition long --submit";

pub(super) fn command() -> Command {
    Slurm::augment_args(Command::new("slurm"))
        .about("Prints or submits a sweep as a Slurm array job")
        .after_long_help(LONG)
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let args = Slurm::from_arg_matches(matches)?;
    args.output.init_logging();
    let sweep = match Path::new(&args.sweep.what) {
        path if is_sweep(path) => {
            args.sweep.refuse_options_of_a_new_one()?;
            let sweep = Sweep::open(&path.canonicalize()?)?;
            refuse_stop(&sweep.spec)?;
            sweep
        }
        _ => {
            let begin = args.sweep.read()?;
            refuse_stop(&begin.spec)?;
            let path = super::folder(&args.sweep.dir, &begin);
            atomic::create_folder(&path)?;
            // A job begins in another folder than this.
            Sweep::begin(&path.canonicalize()?, &begin, true)?
        }
    };
    let data: PathBuf = std::path::absolute(&args.data.data_dir)?;
    let resources = Resources {
        time: args.time,
        cpus: args.cpus,
        memory: args.mem,
        partition: args.partition,
        jobs: args.jobs,
    };
    let tfm = std::env::current_exe().context("cannot locate the tfm executable")?;
    let script = script(&sweep, &tfm, &data, &resources)?;
    atomic::create_folder(&sweep.path().join("logs"))?;
    if !args.submit && !args.output.json {
        return write(&script).map(drop);
    }
    let submitted = if args.submit { Some(submit(&script)?) } else { None };
    let json = json!({
        "sweep": sweep.path().to_string_lossy(),
        "points": sweep.points().len(),
        "script": script,
        "submitted": submitted,
    });
    args.output.report(&json, submitted.unwrap_or_default())
}

/// Submits a script with sbatch and returns its output.
fn submit(script: &str) -> Result<String> {
    let mut sbatch = Process::new("sbatch")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start sbatch; without --submit the script is printed")?;
    if let Some(mut stdin) = sbatch.stdin.take() {
        stdin.write_all(script.as_bytes()).context("sbatch did not read the script")?;
    }
    let said = sbatch.wait_with_output().context("cannot wait for sbatch")?;
    ensure!(said.status.success(), "sbatch refused the job");
    Ok(String::from_utf8_lossy(&said.stdout).trim_end().to_owned())
}
