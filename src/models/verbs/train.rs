//! `tfm train <model>`: a new run, or one that goes on.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value, json};

use crate::atomic;
use crate::checkpoint::{self, Choice};
use crate::config::{self, Loaded};
use crate::console;
use crate::metrics::{self, Record, grouped};
use crate::models::describe;
use crate::models::experiment::{Experiment, load};
use crate::models::options::{
    ConfigOptions, DataOptions, DeviceOptions, LogFile, OutputOptions, complete,
};
use crate::models::run_config::RunConfig;
use crate::models::session::{check_model, read_run, summary};
use crate::models::{Interrupted, Verb};
use crate::ops::Cpu;
use crate::run::{self, Manifest, RunDir};
use crate::system::shell::quoted;
use crate::train::{self, Interrupt, Outcome, Task, Training};
use crate::version::{GIT_REVISION, VERSION};

/// What is said at a signal, and at another.
const SAVING: [&str; 2] =
    ["finishing this step and saving", "stopped at once; the last checkpoint stays"];

#[derive(Args, Debug)]
struct TrainArgs {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    device: DeviceOptions,
    /// The folder of the new run [default: runs/<preset>-<time>]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Goes on with a run, by default the newest of this preset in runs
    ///
    /// The run goes on exactly as if it had never stopped. --set may then change only
    /// lengths and checkpoint intervals.
    #[arg(
        long,
        value_name = "RUN",
        num_args = 0..=1,
        conflicts_with = "init_from",
        add = complete::runs()
    )]
    resume: Option<Option<PathBuf>>,
    /// Starts from the parameters of another run's last checkpoint
    ///
    /// What they belong to, such as a vocabulary or the names of classes, is taken over too.
    #[arg(long, value_name = "RUN", add = complete::runs())]
    init_from: Option<PathBuf>,
    /// The seed of every random stream, as --set seed=N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    #[command(flatten)]
    output: OutputOptions,
}

impl TrainArgs {
    fn sets(&self) -> Vec<String> {
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        self.config.sets.iter().cloned().chain(seed).collect()
    }
}

/// The verb of a model.
pub const fn verb<E: Experiment>(about: &'static str) -> Verb {
    Verb { name: "train", about, args: args::<E>, run: run::<E> }
}

fn args<E: Experiment>(command: Command) -> Command {
    TrainArgs::augment_args(command).after_help(E::ENTRY.examples)
}

/// Trains.
///
/// # Errors
/// Whatever keeps the run from its end.
fn run<E: Experiment>(matches: &ArgMatches) -> Result<()> {
    let args = TrainArgs::from_arg_matches(matches)?;
    let log = args.output.init_logging();
    match &args.resume {
        Some(run) => resume::<E>(&args, run.as_deref(), &log),
        None => start::<E>(&args, &log),
    }
}

/// A new run.
fn start<E: Experiment>(args: &TrainArgs, log: &LogFile) -> Result<()> {
    let name = args.config.config.as_deref();
    let mut loaded = load::<E>(name, &args.sets())?;
    drop_expect_of_another_experiment::<E>(&mut loaded, name)?;
    let cpu = E::cpu(&args.device, &loaded)?;
    let from = args.init_from.as_deref().map(|run| read_run(E::ENTRY, run, None)).transpose()?;
    let read = || E::data(&loaded.config, &args.data.data_dir, from.as_ref());
    let data = console::busy("reading the data", read)?;
    let init =
        from.map(|run| checkpoint::open(&run.checkpoints_dir(), Choice::Last)).transpose()?;
    describe::ensure_fits::<E>(&loaded.config, &data)?;
    let mut task = E::task(&cpu, &loaded.config, &data, init.as_ref())?;
    let manifest = manifest::<E>(args, &loaded, &cpu, &data);
    let path = run::folder(args.run_dir.as_deref(), &manifest)?;
    let (config, files) = (config::to_toml(&loaded.config)?, E::files(&data));
    let files: Vec<_> = files.iter().map(|(name, content)| (*name, &content[..])).collect();
    let run = RunDir::create(&path, &manifest, &config, &files, |_| Ok(()))?;
    open_log(log, &run)?;
    say_start::<E>(&run, &loaded.config, &data, &task, &cpu)?;
    let interrupt = Interrupt::on_signals(SAVING)?;
    let training = Training::start(&mut task, &run, &loaded.config.checkpoint, &interrupt)?;
    let start = Instant::now();
    let ended = training.run()?;
    conclude::<E>(ended, start.elapsed(), task, &run, &cpu, &data, args)
}

/// A run that goes on.
fn resume<E: Experiment>(args: &TrainArgs, path: Option<&Path>, log: &LogFile) -> Result<()> {
    let path = run_to_resume::<E>(args, path)?;
    let mut run = RunDir::resume(&path)?;
    let manifest = run.manifest().clone();
    check_model(E::ENTRY, &run, None)?;
    if let Some(name) = args.config.config.as_deref() {
        let given = load::<E>(Some(name), &[])?.name;
        ensure!(
            given == manifest.preset,
            "cannot resume {}: it is a run of preset {}, not of {given}",
            path.display(),
            manifest.preset
        );
    }
    let (preset, file) = (&manifest.preset, run.config_path());
    let resumed =
        config::resume::<RunConfig<E::Settings>>(preset, &file, run.config_text(), &args.sets())?;
    let config = &resumed.loaded.config;
    config::refuse_differences(&resumed.previous, config, &may_change::<E>())
        .with_context(|| format!("cannot resume {}", path.display()))?;
    open_log(log, &run)?;
    let cpu = E::cpu(&args.device, &resumed.loaded)?;
    warn_of_another_build(&manifest, &cpu);
    ensure!(
        manifest.init_from.is_empty() || checkpoint::exists(&run.checkpoints_dir())?,
        "{} was killed before it had saved what it took from {}; start a new run with --init-from",
        path.display(),
        manifest.init_from
    );
    let read = || E::data(config, &args.data.data_dir, Some(&run));
    let data = console::busy("reading the data", read)?;
    let found = E::fingerprint(&data);
    ensure!(
        found == manifest.data,
        "cannot resume {}: the data differs from the run's\n  run:  {}\n  here: {found}",
        path.display(),
        manifest.data
    );
    describe::ensure_fits::<E>(config, &data)?;
    let mut task = E::task(&cpu, config, &data, None)?;
    let restored = train::restore(&mut task, &run)?;
    // From here on the run changes.
    run.replace_config(&config::to_toml(config)?)?;
    say_start::<E>(&run, config, &data, &task, &cpu)?;
    let interrupt = Interrupt::on_signals(SAVING)?;
    let training = Training::resume(restored, &mut task, &run, &config.checkpoint, &interrupt)?;
    let start = Instant::now();
    let ended = training.run()?;
    conclude::<E>(ended, start.elapsed(), task, &run, &cpu, &data, args)
}

/// The folder of the run that goes on.
fn run_to_resume<E: Experiment>(args: &TrainArgs, path: Option<&Path>) -> Result<PathBuf> {
    match (path, &args.run_dir) {
        (Some(path), Some(other)) if path != other => bail!(
            "--resume {} and --run-dir {} name two runs; give one of them",
            path.display(),
            other.display()
        ),
        (Some(path), _) => Ok(path.to_path_buf()),
        (None, Some(path)) => Ok(path.clone()),
        (None, None) => {
            let preset = load::<E>(args.config.config.as_deref(), &[])?.name;
            run::newest(Path::new(run::ROOT), E::ENTRY.name, &preset)
        }
    }
}

/// What may differ from the run's config when it is resumed.
fn may_change<E: Experiment>() -> Vec<&'static str> {
    [E::ENTRY.may_change, E::ENTRY.data_paths, &["checkpoint", "expect"]].concat()
}

/// The scores of a preset say nothing about it with other data or another network.
fn drop_expect_of_another_experiment<E: Experiment>(
    loaded: &mut Loaded<RunConfig<E::Settings>>,
    name: Option<&str>,
) -> Result<()> {
    let plain = load::<E>(name, &[])?.config;
    let mut free = [may_change::<E>(), vec!["seed"]].concat();
    free.retain(|key| !E::ENTRY.data_paths.contains(key));
    let differs = !config::differences(&plain, &loaded.config, &free)?.is_empty();
    if differs && plain.expect == loaded.config.expect {
        loaded.config.expect.clear();
    }
    Ok(())
}

fn warn_of_another_build(manifest: &Manifest, cpu: &Cpu) {
    let build = |version: &str, revision: &str| format!("tfm {version} ({revision})");
    let begun = build(&manifest.version, &manifest.git_revision);
    let own = build(VERSION, GIT_REVISION);
    if begun != own {
        tracing::warn!("the run began with {begun} and goes on with {own}");
    }
    let isa = cpu.isa().name();
    if manifest.isa != isa {
        tracing::warn!(
            "the run began with {} instructions and goes on with {isa}: the last bits will \
             differ from an uninterrupted run (TFM_ISA={} keeps them)",
            manifest.isa,
            manifest.isa
        );
    }
}

fn manifest<E: Experiment>(
    args: &TrainArgs,
    loaded: &Loaded<RunConfig<E::Settings>>,
    cpu: &Cpu,
    data: &E::Data,
) -> Manifest {
    Manifest {
        format: run::FORMAT,
        model: E::ENTRY.name.to_string(),
        preset: loaded.name.clone(),
        version: VERSION.to_string(),
        git_revision: GIT_REVISION.to_string(),
        device: cpu.device(),
        isa: cpu.isa().name().to_string(),
        threads: cpu.threads(),
        seed: loaded.config.seed,
        init_from: args.init_from.as_deref().map(Path::to_string_lossy).unwrap_or_default().into(),
        data: E::fingerprint(data),
        started: run::rfc3339(SystemTime::now()),
        command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
    }
}

fn open_log(log: &LogFile, run: &RunDir) -> Result<()> {
    let path = run.log_path();
    atomic::expect_plain(&path)?;
    let file = OpenOptions::new().create(true).append(true).open(&path);
    log.set(Some(file.with_context(|| format!("cannot write the log {}", path.display()))?));
    Ok(())
}

/// Says what is trained, on what, and for how long.
fn say_start<E: Experiment>(
    run: &RunDir,
    config: &RunConfig<E::Settings>,
    data: &E::Data,
    task: &E::Task<'_>,
    cpu: &Cpu,
) -> Result<()> {
    let sizes = E::sizes(data).into_iter();
    let sizes: Vec<_> = sizes.map(|(what, n)| format!("{} {what}", grouped(n as u64))).collect();
    let parameters = grouped(E::parameters(config, data)? as u64);
    let (unit, items) = task.items_per_step();
    let (epochs, steps) = (task.epochs(), task.steps_per_epoch().min(task.total_steps()));
    let device = if cpu.gpu().is_some() { "GPU" } else { "processor" };
    tracing::info!("Run folder: {}", run.path().display());
    tracing::info!("Data: {}", sizes.join(", "));
    tracing::info!(
        "Training: {parameters} parameters, {} of {} steps, {} {unit} a step",
        counted(epochs, "epoch"),
        grouped(steps),
        grouped(items)
    );
    tracing::info!(
        "Device: {device}, {} instructions, {}, seed {}",
        cpu.isa().name(),
        counted(cpu.threads() as u64, "thread"),
        config.seed
    );
    Ok(())
}

/// `1 epoch`, `13 epochs`.
fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Says how the run ended, and lets the model say something too.
fn conclude<E: Experiment>(
    (outcome, step): (Outcome, u64),
    duration: Duration,
    task: E::Task<'_>,
    run: &RunDir,
    cpu: &Cpu,
    data: &E::Data,
    args: &TrainArgs,
) -> Result<()> {
    if outcome == Outcome::Interrupted {
        let (model, path) = (E::ENTRY.name, quoted(run.path()));
        let message =
            format!("stopped after step {step}; go on with: tfm train {model} --resume {path}");
        bail!(Interrupted { message });
    }
    let path = run.path().display();
    let records = metrics::read(run.metrics_path())?;
    let metrics = last_metrics(&records);
    if let Some(farewell) = E::farewell(cpu, task, data) {
        tracing::info!("{farewell}");
    }
    let text = match E::result(&metrics) {
        Some(result) => format!("{result} after step {step}: {path}"),
        None => format!("step {step}: {path}"),
    };
    let mut json = summary(run, step, metrics.into());
    json["epoch"] = records.last().map(|record| record.epoch).into();
    json["seconds"] = duration.as_secs_f64().into();
    json["rate"] = last_rate(&records);
    json["best"] = best(run, &records);
    json["checkpoint"] =
        checkpoint::step_path(&run.checkpoints_dir(), step).to_string_lossy().into();
    args.output.report(&json, text)?;
    tracing::info!("Next: tfm plot {path}; tfm eval {path}");
    Ok(())
}

/// The last value of every metric of a run, as `<phase>_<metric>`.
fn last_metrics(records: &[Record]) -> Map<String, Value> {
    let mut last = Map::new();
    for record in records {
        // "train_perplexity" is that of a whole epoch.
        let phase = match record.phase.as_str() {
            "train" => continue,
            "epoch" => "train",
            phase => phase,
        };
        for (name, value) in &record.metrics {
            last.insert(format!("{phase}_{name}"), (*value).into());
        }
    }
    last
}

/// The items a second when progress was recorded last, by their name.
fn last_rate(records: &[Record]) -> Value {
    let rates = records.iter().rev().filter(|record| record.phase == "train");
    rates.map(|record| json!(record.timing)).next().unwrap_or_default()
}

/// The best checkpoint, and what was measured when it was saved.
fn best(run: &RunDir, records: &[Record]) -> Value {
    let Ok(best) = checkpoint::open(&run.checkpoints_dir(), Choice::Best) else {
        return Value::Null;
    };
    let step = best.meta.step;
    let then: Vec<_> = records.iter().filter(|record| record.step == step).cloned().collect();
    json!({
        "step": step,
        "epoch": best.meta.epoch,
        "checkpoint": best.path,
        "metrics": last_metrics(&then),
    })
}
