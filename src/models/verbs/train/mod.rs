//! `tfm train <model>`: a new run, or a resumed one.

mod args;
mod outcome;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::report;
use crate::atomic;
use crate::checkpoint::{self, Checkpoint, Selector};
use crate::config::{self, Config, Difference, Loaded};
use crate::console;
use crate::models::Verb;
use crate::models::describe;
use crate::models::experiment::{Experiment, load};
use crate::models::options::LogFile;
use crate::models::run_config::RunConfig;
use crate::models::session::{check_model, read_run};
use crate::ops::Cpu;
use crate::run::{self, Manifest, Provenance, RunDir};
use crate::system::shell::quoted;
use crate::train::{self, ShutdownFlag, Task, Training};
use crate::version::{GIT_REVISION, GIT_TREE, VERSION};
use args::TrainArgs;
use outcome::Process;

/// The messages at the first and the second signal.
const SAVING: [&str; 2] =
    ["finishing this step and saving", "stopped at once; the last checkpoint stays"];

/// Reads the data of a config: a text that comes from a pipe can be read once.
fn read_data<E: Experiment>(
    args: &TrainArgs,
    cpu: &Cpu,
    config: &RunConfig<E::Settings>,
    run: Option<&RunDir>,
) -> Result<E::Data> {
    console::busy("reading the data", || E::data(cpu, config, &args.data.data_dir, run))
}

/// The steps of an epoch of a config, which the data decides, and the data.
fn steps_per_epoch<E: Experiment>(
    args: &TrainArgs,
    loaded: &Loaded<RunConfig<E::Settings>>,
    run: Option<&RunDir>,
) -> Result<(u64, E::Data)> {
    let cpu = E::cpu(&args.device, loaded)?;
    let data = read_data::<E>(args, &cpu, &loaded.config, run)?;
    describe::ensure_fits::<E>(&loaded.config, &data)?;
    let steps = E::task(&cpu, &loaded.config, &data, None)?.steps_per_epoch();
    Ok((steps, data))
}

/// The verb of a model.
pub const fn verb<E: Experiment>(about: &'static str) -> Verb {
    Verb { name: "train", about, args: args::<E>, run: run::<E> }
}

fn args<E: Experiment>(command: Command) -> Command {
    let command = TrainArgs::augment_args(command).after_help(E::ENTRY.examples);
    // If it is given nevertheless, the error says what to give.
    command.mut_arg("steps", |steps| steps.hide(E::ENTRY.length.steps.is_none()))
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
    args.run_dir.as_deref().map_or(Ok(()), run::refuse_run)?;
    let name = args.config.config.as_deref();
    let from = args.init_from.as_deref().map(|run| read_run(E::ENTRY, run, None)).transpose()?;
    let mut known = None;
    let per_epoch = |sets: &[String]| {
        let (steps, data) = steps_per_epoch::<E>(args, &load::<E>(name, sets)?, from.as_ref())?;
        known = Some(data);
        Ok(steps)
    };
    let mut loaded = load::<E>(name, &args.sets(E::ENTRY, per_epoch)?)?;
    drop_expect_of_another_experiment::<E>(&mut loaded, name)?;
    let cpu = E::cpu(&args.device, &loaded)?;
    let read = || read_data::<E>(args, &cpu, &loaded.config, from.as_ref());
    let data = known.map_or_else(read, Ok)?;
    expect_data::<E>(args, &data)?;
    let init =
        from.map(|run| checkpoint::open(&run.checkpoints_dir(), Selector::Last)).transpose()?;
    describe::ensure_fits::<E>(&loaded.config, &data)?;
    let mut task = E::task(&cpu, &loaded.config, &data, init.as_ref())?;
    if let Some(init) = &init {
        warn_of_unused(&task, init)?;
    }
    let manifest = manifest::<E>(args, &loaded, &cpu, &data);
    let path = run::folder(args.run_dir.as_deref(), &manifest)?;
    let (config, files) = (config::to_toml(&loaded.config)?, E::files(&data));
    let files: Vec<_> = files.iter().map(|(name, content)| (*name, &content[..])).collect();
    let run = RunDir::create(&path, &manifest, &config, &files, |_| Ok(()))?;
    open_log(log, &run)?;
    report::say_start::<E>(&run, &loaded.config, &data, &task, &cpu)?;
    let shutdown = ShutdownFlag::on_signals(SAVING)?;
    let process = Process::begin(&run, &task, 0);
    let ended = process.run(|| {
        let training = Training::start(&mut task, &run, &loaded.config.checkpoint, &shutdown)?;
        Ok(training.pause_at(args.pause_at))
    })?;
    outcome::conclude::<E>(ended, task, &run, &cpu, &data, args)
}

/// Says which parameters of another run's checkpoint have no place in the network.
fn warn_of_unused(task: &impl Task, init: &Checkpoint) -> Result<()> {
    let own = task.tensors()?;
    let is_used = |name: &str| own.iter().any(|(own, _)| own == name);
    // Averages, optimizer state and recurrent states start afresh.
    let is_state = |name: &str| {
        let parts = name.split_once('/');
        parts.is_some_and(|(kind, of)| kind == "state" || init.names().any(|other| other == of))
    };
    let unused: Vec<_> = init.names().filter(|name| !is_used(name) && !is_state(name)).collect();
    if !unused.is_empty() {
        tracing::warn!(
            "{}: ignored tensors that this network does not have: {}",
            init.path.display(),
            unused.join(", ")
        );
    }
    Ok(())
}

/// A resumed run.
fn resume<E: Experiment>(args: &TrainArgs, path: Option<&Path>, log: &LogFile) -> Result<()> {
    let path = run_to_resume::<E>(args, path)?;
    let mut run = RunDir::resume(&path)?;
    let manifest = run.manifest().clone();
    check_model(E::ENTRY, &run, None)?;
    let given = args.config.config.as_deref().map(|name| load::<E>(Some(name), &[])).transpose()?;
    if let Some(given) = &given {
        ensure!(
            given.name == manifest.preset,
            "cannot resume {}: it is a run of preset {}, not of {}",
            path.display(),
            manifest.preset,
            given.name
        );
    }
    let (preset, file) = (&manifest.preset, run.config_path());
    let read = |sets: &[String]| {
        config::resume::<RunConfig<E::Settings>>(preset, &file, run.config_text(), sets)
    };
    let mut known = None;
    let per_epoch = |sets: &[String]| {
        let (steps, data) = steps_per_epoch::<E>(args, &read(sets)?.loaded, Some(&run))?;
        known = Some(data);
        Ok(steps)
    };
    let resumed = read(&args.sets(E::ENTRY, per_epoch)?)?;
    let config = &resumed.loaded.config;
    ensure!(
        !manifest.is_imported(),
        "{} was imported and not trained; train from its vectors with --init-from {}",
        path.display(),
        quoted(&path)
    );
    config::refuse_differences(&resumed.previous, config, &resumable_keys::<E>())
        .with_context(|| format!("cannot resume {}", path.display()))?;
    open_log(log, &run)?;
    if let Some(given) = given {
        warn_of_another_config(&resumed.previous, &given)?;
    }
    let cpu = E::cpu(&args.device, &resumed.loaded)?;
    warn_of_another_build(&manifest, &cpu);
    ensure!(
        manifest.init_from.is_empty() || checkpoint::exists(&run.checkpoints_dir())?,
        "{} was killed before it had saved the parameters of {}; start a new run with --init-from",
        path.display(),
        manifest.init_from
    );
    let read = || read_data::<E>(args, &cpu, config, Some(&run));
    let data = known.map_or_else(read, Ok)?;
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
    let (done, total) = (restored.step(), task.total_steps());
    ensure!(
        done <= total,
        "cannot resume {}: {done} steps are done, but these settings end the run at step {total}; {}, or \
        start a new run with --init-from",
        path.display(),
        task.how_to_continue()
    );
    // From here on the run changes; reading the data may have taken a while.
    run.expect_own()?;
    run.replace_config(&config::to_toml(config)?)?;
    report::say_start::<E>(&run, config, &data, &task, &cpu)?;
    let shutdown = ShutdownFlag::on_signals(SAVING)?;
    let process = Process::begin(&run, &task, done);
    let ended = process.run(|| {
        let keep = &config.checkpoint;
        let training = Training::resume(restored, &mut task, &run, keep, &shutdown)?;
        Ok(training.pause_at(args.pause_at))
    })?;
    outcome::conclude::<E>(ended, task, &run, &cpu, &data, args)
}

/// The folder of the run to resume.
fn run_to_resume<E: Experiment>(args: &TrainArgs, path: Option<&Path>) -> Result<PathBuf> {
    match (path, &args.run_dir) {
        (Some(path), Some(other)) if path != other => bail!(
            "--resume {} and --run-dir {} name two runs; give only one of them",
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

/// The keys that may change when the run is resumed.
fn resumable_keys<E: Experiment>() -> Vec<&'static str> {
    [E::ENTRY.resumable_keys, E::ENTRY.data_paths, &["checkpoint", "expect"]].concat()
}

/// The scores of a preset say nothing about it with other data or another network.
fn drop_expect_of_another_experiment<E: Experiment>(
    loaded: &mut Loaded<RunConfig<E::Settings>>,
    name: Option<&str>,
) -> Result<()> {
    let plain = load::<E>(name, &[])?.config;
    let mut free = [resumable_keys::<E>(), vec!["seed"]].concat();
    free.retain(|key| !E::ENTRY.data_paths.contains(key));
    let differs = !config::differences(&plain, &loaded.config, &free)?.is_empty();
    if differs && plain.expect == loaded.config.expect {
        loaded.config.expect.clear();
    }
    Ok(())
}

/// Warns if the config file has changed since the run started: the run keeps its own values.
fn warn_of_another_config<C: Config>(config: &C, given: &Loaded<C>) -> Result<()> {
    let differ = config::differences(config, &given.config, &["expect"])?;
    let differ: Vec<_> = differ
        .iter()
        .map(|Difference { key, old, new }| format!("{key} ({old}, there {new})"))
        .collect();
    if !differ.is_empty() {
        tracing::warn!(
            "the run continues with its own config, which differs from {} in {}; change resumable keys with \
            --set KEY=VALUE",
            given.source,
            differ.join(", ")
        );
    }
    Ok(())
}

fn warn_of_another_build(manifest: &Manifest, cpu: &Cpu) {
    let build = |version: &str, revision: &str| format!("tfm {version} ({revision})");
    let begun = build(&manifest.version, &manifest.git_revision);
    let own = build(VERSION, GIT_REVISION);
    if begun != own {
        tracing::warn!("the run was started with {begun} and continues with {own}");
    }
    let isa = cpu.isa().name();
    if manifest.isa != isa {
        tracing::warn!(
            "the run was started with {} instructions and continues with {isa}: the last bits will \
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
        preset: args.preset_name.clone().unwrap_or_else(|| loaded.name.clone()),
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
        provenance: Provenance::of_process(GIT_TREE, args.point.clone()),
    }
}

/// A run that is repeated needs the data of the first.
fn expect_data<E: Experiment>(args: &TrainArgs, data: &E::Data) -> Result<()> {
    let (expected, found) = (args.expect_data.as_deref(), E::fingerprint(data));
    ensure!(
        expected.is_none_or(|expected| expected == found),
        "the run cannot be repeated: the data differs from the run's\n  run:  {}\n  here: {found}",
        expected.unwrap_or_default()
    );
    Ok(())
}

fn open_log(log: &LogFile, run: &RunDir) -> Result<()> {
    let path = run.log_path();
    atomic::expect_plain(&path)?;
    let file = OpenOptions::new().create(true).append(true).open(&path);
    log.set(Some(file.with_context(|| format!("cannot write the log {}", path.display()))?));
    Ok(())
}
