//! The arguments of `tfm sweep`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, Command};

use super::line;
use crate::models;
use crate::models::options::{DataOptions, DeviceChoice, OutputOptions, complete};
use crate::sweep::{Begin, Plan, ROOT, Sweep, is_sweep};

/// The definition of a sweep, in a file or on the command line.
#[derive(Args, Debug)]
#[command(about = None, long_about = None)]
pub(super) struct What {
    /// The sweep's file, or a model whose settings follow
    #[arg(index = 1, value_name = "FILE|MODEL", add = complete::files_or_models())]
    pub what: String,

    /// KEY=VALUES of the model's config: 0.5,1.0 is a list, 1..3 are integers, 0.1..0.5/5 are five
    /// evenly spaced numbers, log:0.001..1/4 are four on a log scale
    #[arg(index = 2, value_name = "KEY=VALUES", add = complete::keys())]
    settings: Vec<String>,

    /// The same, as elsewhere
    #[arg(long = "set", value_name = "KEY=VALUES", hide = true)]
    sets: Vec<String>,

    /// The config of a model's sweep: a file, or the name of a preset
    #[arg(long, value_name = "FILE|PRESET", add = complete::configs())]
    config: Option<String>,

    /// Random search with this many points instead of a grid; ranges then need no count
    #[arg(long, value_name = "POINTS", value_parser = clap::value_parser!(u64).range(1..))]
    random: Option<u64>,

    /// The sweep's name [default: the file's stem, or the model's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The sweep's folder [default: sweeps/<name>-<time>]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

impl What {
    /// For an existing sweep.
    ///
    /// # Errors
    /// An option that defines a new sweep.
    pub fn refuse_options_of_a_new_one(&self) -> Result<()> {
        let given = self.of_a_new_one().into_iter().chain([("--dir", self.dir.is_some())]);
        if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
            anyhow::bail!("{option} belongs to a new sweep; {} already exists", self.what);
        }
        Ok(())
    }

    fn settings(&self) -> Vec<String> {
        [&self.settings[..], &self.sets].concat()
    }

    /// Which of the options are given that define a sweep without a file.
    fn of_a_new_one(&self) -> [(&'static str, bool); 4] {
        [
            ("KEY=VALUES", !self.settings().is_empty()),
            ("--config", self.config.is_some()),
            ("--random", self.random.is_some()),
            ("--name", self.name.is_some()),
        ]
    }

    /// Reads the file, or builds one from the command line; every point is checked.
    ///
    /// # Errors
    /// Whatever prevents a point from being trained, as far as is known without data.
    pub fn read(&self) -> Result<Begin> {
        let is_file = self.what.ends_with(".toml") || Path::new(&self.what).is_file();
        if !is_file {
            ensure!(
                models::find(&self.what).is_some(),
                "{} is neither a file nor a model; the models are: {}",
                self.what,
                models::names().join(", ")
            );
            let settings = self.settings();
            ensure!(!settings.is_empty(), "nothing varies; give settings, such as seed=1..3");
            let name = self.name.clone().unwrap_or_else(|| self.what.clone());
            let config = self.config.clone();
            let text = line::file(&self.what, &name, config, &settings, self.random)?;
            return Begin::new("the command line", &name, text);
        }
        if let Some((option, _)) = self.of_a_new_one().iter().find(|(_, given)| *given) {
            anyhow::bail!("{option} belongs to a sweep without a file; change {}", self.what);
        }
        let text =
            fs::read_to_string(&self.what).with_context(|| format!("cannot read {}", self.what))?;
        let stem = Path::new(&self.what).file_stem().unwrap_or_default().to_string_lossy();
        Begin::new(&self.what, &stem, text)
    }
}

/// How a sweep is trained.
#[derive(Args, Debug)]
#[command(about = None, long_about = None)]
pub(super) struct Train {
    /// Number of points to train in parallel
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: u16,

    /// Threads per point [default: the cores, divided among the jobs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Retries a failed point up to N times, from its last checkpoint
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,

    /// Stops the sweep when a point fails; the other points save
    #[arg(long)]
    fail_fast: bool,

    /// Where to run: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "auto|cpu|cuda:N", default_value_t, add = complete::devices())]
    device: DeviceChoice,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

impl Train {
    /// The plan for a sweep, or for one point of it.
    pub fn plan(&self, sweep: &Sweep, only: Option<u64>) -> Plan {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let points = if only.is_some() { 1 } else { sweep.points().len() };
        let jobs = usize::from(self.jobs).min(points);
        Plan {
            jobs,
            threads: self.threads.map_or((cores / jobs).max(1), usize::from),
            are_threads_given: self.threads.is_some(),
            retries: self.retries,
            fail_fast: self.fail_fast,
            data_dir: self.data.data_dir.clone(),
            device: self.device.to_string(),
            only,
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    pub sweep: What,

    /// Prints every point with its settings and estimated cost, without training
    #[arg(long)]
    pub dry_run: bool,

    /// Trains only this point, as one task of a cluster's array job; not with [stop]
    #[arg(long, value_name = "N")]
    pub index: Option<u64>,

    #[command(flatten)]
    pub train: Train,
}

#[derive(Args, Debug)]
pub(super) struct Resume {
    /// The sweep's folder
    #[arg(value_name = "DIR", add = complete::folders(ROOT, is_sweep))]
    pub dir: PathBuf,

    #[command(flatten)]
    pub train: Train,
}

const RUN: &str = "Every value is checked before the first run begins. Each point is an ordinary run in \
DIR/points, trained by its own process. A failed point does not stop the others; it is listed at the end, \
with exit code 1. On Ctrl-C all workers save. After a kill, `tfm sweep resume DIR` continues.\n\n\
Examples:\n  tfm sweep run configs/sweeps/ptb-rates.toml --jobs 2\n  \
tfm sweep run ptb --config ptb-demo train.learning_rate=0.5,1.0 seed=1..3\n  \
tfm sweep run ptb --random 20 train.learning_rate=log:0.01..2 --dry-run";

const RESUME: &str = "Finished points are skipped, interrupted ones continue from their checkpoints, bit for \
bit, and failed ones are retried. If the sweep's files have changed, resuming is an error that shows the \
difference.\n\nExample:\n  tfm sweep resume sweeps/rates-20261122-171500";

pub(super) fn run_command() -> Command {
    Run::augment_args(Command::new("run"))
        .about("Starts a sweep from a file or the command line")
        .mut_arg("what", |arg| {
            arg.help(
                "The sweep's file, a model whose settings follow or, with --index, a sweep's \
                 folder",
            )
        })
        .after_long_help(RUN)
}

pub(super) fn resume_command() -> Command {
    Resume::augment_args(Command::new("resume"))
        .about("Resumes a sweep that was stopped or killed")
        .after_long_help(RESUME)
}
