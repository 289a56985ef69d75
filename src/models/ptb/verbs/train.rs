//! `tfm train ptb`

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value};

use super::super::config::PtbConfig;
use super::super::corpus::Corpus;
use super::super::generate::Sampler;
use super::super::model::LanguageModel;
use super::super::session::{
    VOCABULARY, architecture, check_model, read_run, summary, vocabulary_of,
};
use super::super::task::PtbTask;
use super::super::weights;
use super::super::{DEFAULT_PRESET, PRESETS};
use crate::checkpoint::{self, Choice};
use crate::config::{self, Loaded};
use crate::data::vocabulary::{UNKNOWN, Vocabulary};
use crate::data::words::END_OF_SENTENCE;
use crate::metrics;
use crate::models::options::{ConfigOptions, DataOptions, DeviceOptions, LogFile, OutputOptions};
use crate::models::{Interrupted, Verb};
use crate::ops::Cpu;
use crate::run::{self, Manifest, RunDir};
use crate::train::{Display, Interrupt, Outcome, Training};
use crate::version::{GIT_REVISION, VERSION};

/// `tfm train ptb`
pub const VERB: Verb =
    Verb { name: "train", about: "Trains the language model on a text", args, run };

/// What may differ from the run's config when it is resumed.
const MAY_CHANGE: &[&str] = &["train.max_max_epoch", "train.max_steps", "checkpoint", "expect"];

/// Where runs are put.
const RUNS: &str = "runs";

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
    /// lengths (train.max_max_epoch, train.max_steps) and checkpoint intervals.
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "init_from")]
    resume: Option<Option<PathBuf>>,
    /// Starts from the parameters and the vocabulary of another run's last checkpoint
    #[arg(long, value_name = "RUN")]
    init_from: Option<PathBuf>,
    /// The seed of parameters and dropout, as --set seed=N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    #[command(flatten)]
    output: OutputOptions,
}

const EXAMPLES: &str = "Examples:
  tfm train ptb --config ptb-demo            two minutes, needs no data
  tfm train ptb --config ptb-small           the Penn Treebank (tfm data fetch ptb)
  tfm train ptb --set data.train=a.txt --set data.valid=b.txt --set data.test=c.txt
  tfm train ptb --config ptb-small --resume  goes on after Ctrl-C or a crash";

fn args(command: Command) -> Command {
    TrainArgs::augment_args(command).after_help(EXAMPLES)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = TrainArgs::from_arg_matches(matches)?;
    let log = args.output.init_logging();
    match &args.resume {
        Some(run) => resume(&args, run.as_deref(), &log),
        None => start(&args, &log),
    }
}

impl TrainArgs {
    fn sets(&self) -> Vec<String> {
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        self.config.sets.iter().cloned().chain(seed).collect()
    }
}

/// A new run.
fn start(args: &TrainArgs, log: &LogFile) -> Result<()> {
    let name = args.config.config.as_deref();
    let mut loaded = config::load::<PtbConfig>(name, DEFAULT_PRESET, PRESETS, &args.sets())?;
    drop_expect_of_another_experiment(&mut loaded, name)?;
    let cpu = cpu_for(&args.device, &loaded)?;
    let from = args.init_from.as_deref().map(read_run).transpose()?;
    let vocabulary = from.as_ref().map(vocabulary_of).transpose()?;
    let config = &loaded.config;
    let corpus = Corpus::load(config, &args.data.data_dir, vocabulary)?;
    let model = LanguageModel::new(architecture(config, corpus.vocabulary.len()))?;
    if let Some(from) = &from {
        let checkpoint = checkpoint::open(&from.checkpoints_dir(), Choice::Last)?;
        weights::load(&model, &checkpoint)?;
    }
    let mut task = PtbTask::new(&cpu, config, &corpus, model)?;
    let run = create_run(args, &loaded, &cpu, &corpus)?;
    open_log(log, &run)?;
    tracing::info!("Run folder: {}", run.path().display());
    let interrupt = Interrupt::on_signals()?;
    let display = Display::new(args.output.quiet);
    let training = Training::start(&mut task, &run, &config.checkpoint, display, &interrupt)?;
    conclude(training.run()?, task, &run, &cpu, &corpus.vocabulary, args)
}

/// A run that goes on.
fn resume(args: &TrainArgs, path: Option<&Path>, log: &LogFile) -> Result<()> {
    let path = match (path, &args.run_dir) {
        (Some(path), Some(other)) if path != other => bail!(
            "--resume {} and --run-dir {} name two runs; give one of them",
            path.display(),
            other.display()
        ),
        (Some(path), _) => path.to_path_buf(),
        (None, Some(path)) => path.clone(),
        (None, None) => {
            let name = args.config.config.as_deref();
            let preset = config::load::<PtbConfig>(name, DEFAULT_PRESET, PRESETS, &[])?.name;
            run::newest(Path::new(RUNS), "ptb", &preset)?
        }
    };
    let mut run = RunDir::resume(&path)?;
    let manifest = run.manifest().clone();
    check_model(&run)?;
    if let Some(name) = args.config.config.as_deref() {
        let given = config::load::<PtbConfig>(Some(name), DEFAULT_PRESET, PRESETS, &[])?.name;
        ensure!(
            given == manifest.preset,
            "cannot resume {}: it is a run of preset {}, not of {given}",
            path.display(),
            manifest.preset
        );
    }
    let (preset, file) = (&manifest.preset, run.config_path());
    let resumed = config::resume::<PtbConfig>(preset, &file, run.config_text(), &args.sets())?;
    let config = &resumed.loaded.config;
    config::refuse_differences(&resumed.previous, config, MAY_CHANGE)
        .with_context(|| format!("cannot resume {}", path.display()))?;
    open_log(log, &run)?;
    let cpu = cpu_for(&args.device, &resumed.loaded)?;
    warn_of_another_isa(&manifest, &cpu);
    ensure!(
        manifest.init_from.is_empty() || Training::<PtbTask>::has_checkpoint(&run)?,
        "{} was killed before it had saved what it took from {}; start a new run with --init-from",
        path.display(),
        manifest.init_from
    );
    let corpus = Corpus::load(config, &args.data.data_dir, Some(vocabulary_of(&run)?))?;
    let found = corpus.fingerprint();
    ensure!(
        found == manifest.data,
        "cannot resume {}: the data differs from the run's\n  run:  {}\n  here: {found}",
        path.display(),
        manifest.data
    );
    run.replace_config(&config::to_toml(config)?)?;
    let model = LanguageModel::new(architecture(config, corpus.vocabulary.len()))?;
    let mut task = PtbTask::new(&cpu, config, &corpus, model)?;
    let interrupt = Interrupt::on_signals()?;
    let display = Display::new(args.output.quiet);
    let training = Training::resume(&mut task, &run, &config.checkpoint, display, &interrupt)?;
    conclude(training.run()?, task, &run, &cpu, &corpus.vocabulary, args)
}

/// The scores of a preset say nothing about it with another text or network.
fn drop_expect_of_another_experiment(
    loaded: &mut Loaded<PtbConfig>,
    name: Option<&str>,
) -> Result<()> {
    let plain = config::load::<PtbConfig>(name, DEFAULT_PRESET, PRESETS, &[])?.config;
    let config = &mut loaded.config;
    let same_scores = plain.expect == config.expect;
    let free = [MAY_CHANGE, &["seed"]].concat();
    if same_scores && !config::differences(&plain, config, &free)?.is_empty() {
        config.expect.clear();
    }
    Ok(())
}

fn warn_of_another_isa(manifest: &Manifest, cpu: &Cpu) {
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

/// The processor, if that is what the options and the config ask for.
pub(super) fn cpu_for(device: &DeviceOptions, loaded: &Loaded<PtbConfig>) -> Result<Cpu> {
    let dtype = &loaded.config.network.dtype;
    if dtype != "f32" {
        let rule = "is not for this device: the processor computes in f32";
        return Err(loaded.error(&config::Invalid::new("network.dtype", rule)));
    }
    device.cpu("ptb")
}

fn create_run(
    args: &TrainArgs,
    loaded: &Loaded<PtbConfig>,
    cpu: &Cpu,
    corpus: &Corpus,
) -> Result<RunDir> {
    let now = SystemTime::now();
    let manifest = Manifest {
        format: run::FORMAT,
        model: "ptb".to_string(),
        preset: loaded.name.clone(),
        version: VERSION.to_string(),
        git_revision: GIT_REVISION.to_string(),
        device: "cpu".to_string(),
        isa: cpu.isa().name().to_string(),
        threads: cpu.threads(),
        seed: loaded.config.seed,
        init_from: args.init_from.as_deref().map(Path::to_string_lossy).unwrap_or_default().into(),
        data: corpus.fingerprint(),
        started: run::rfc3339(now),
        command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
    };
    let text = config::to_toml(&loaded.config)?;
    let vocabulary = corpus.vocabulary.to_text();
    let files = [(VOCABULARY, vocabulary.as_bytes())];
    match &args.run_dir {
        Some(path) => RunDir::create(path, &manifest, &text, &files),
        None => RunDir::create_in(Path::new(RUNS), now, &manifest, &text, &files),
    }
}

fn open_log(log: &LogFile, run: &RunDir) -> Result<()> {
    let path = run.log_path();
    let file = OpenOptions::new().create(true).append(true).open(&path);
    log.set(Some(file.with_context(|| format!("cannot write the log {}", path.display()))?));
    Ok(())
}

/// Says how the run ended, and lets the model say something too.
fn conclude(
    (outcome, step): (Outcome, u64),
    task: PtbTask,
    run: &RunDir,
    cpu: &Cpu,
    vocabulary: &Vocabulary,
    args: &TrainArgs,
) -> Result<()> {
    let path = run.path().display();
    if outcome == Outcome::Interrupted {
        let message =
            format!("stopped after step {step}; go on with: tfm train ptb --resume {path}");
        bail!(Interrupted { message });
    }
    let metrics = last_metrics(run)?;
    if let Some(sentence) = sentence(cpu, task.into_model(), vocabulary) {
        tracing::info!("A sentence of the model: {sentence}");
    }
    let text = match metrics.get("test_perplexity").and_then(Value::as_f64) {
        Some(perplexity) => format!("test perplexity {perplexity:.3} after step {step}: {path}"),
        None => format!("step {step}: {path}"),
    };
    args.output.report(&summary(run, step, metrics.into()), text)
}

/// The last value of every metric of a run, as `<phase>_<metric>`.
fn last_metrics(run: &RunDir) -> Result<Map<String, Value>> {
    let mut last = Map::new();
    for record in metrics::read(run.metrics_path())? {
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
    Ok(last)
}

/// The model's first sentence.
fn sentence(cpu: &Cpu, mut model: LanguageModel, vocabulary: &Vocabulary) -> Option<String> {
    const MOST_WORDS: usize = 40;
    let end = vocabulary.id(END_OF_SENTENCE)?;
    let suppressed = vocabulary.id(UNKNOWN);
    let sampler = Sampler { temperature: 0.7, top_k: 0, seed: 1, suppressed };
    let words = sampler.generate(cpu, &mut model, &[end], MOST_WORDS);
    let first = words.iter().skip_while(|&&id| id == end).take_while(|&&id| id != end);
    let words: Vec<&str> = first.map(|&id| vocabulary.word(id)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
