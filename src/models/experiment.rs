//! What a model brings to be trained, resumed and read back by the verbs that all models share.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use super::Better;
use super::options::DeviceOptions;
use crate::checkpoint::Checkpoint;
use crate::config::{self, Config, Expect, Loaded, Preset};
use crate::ops::Cpu;
use crate::run::RunDir;
use crate::train::{CheckpointConfig, Task};

/// The names of scores, and which way each is better, as an [`Entry`](super::Entry) has them.
pub type Metrics = &'static [(&'static str, Better)];

/// The parts of a config that every model's has.
pub struct Common<'a> {
    /// The seed of every random stream.
    pub seed: u64,
    /// When checkpoints are written.
    pub checkpoint: &'a CheckpointConfig,
    /// The published or measured scores.
    pub expect: &'a mut Expect,
}

/// A model as `train` and the verbs on its runs see it.
pub trait Experiment {
    /// The name in the registry.
    const MODEL: &'static str;
    /// The preset that is used where none is named.
    const DEFAULT_PRESET: &'static str;
    /// The configs that are compiled in.
    const PRESETS: &'static [Preset];
    /// The names of its scores.
    const METRICS: Metrics;
    /// The keys that may differ from the run's config when it is resumed, beside
    /// `checkpoint` and `expect`.
    const MAY_CHANGE: &'static [&'static str];

    /// A whole experiment.
    type Config: Config + Clone;
    /// What is trained and tested on.
    type Data;
    /// The model in training.
    type Task<'a>: Task
    where
        Self: 'a;

    /// What every config has.
    fn common(config: &mut Self::Config) -> Common<'_>;

    /// The processor, if that is what the options and the config ask for.
    ///
    /// # Errors
    /// A device or a type of numbers that cannot be had.
    fn cpu(device: &DeviceOptions, _: &Loaded<Self::Config>) -> Result<Cpu> {
        device.cpu(Self::MODEL)
    }

    /// Reads or makes the data. `run` is the one that goes on, or the one whose parameters a
    /// new run begins with: what it has fixed of the data, such as a vocabulary, stays.
    ///
    /// # Errors
    /// Missing or damaged data.
    fn data(config: &Self::Config, data_dir: &Path, run: Option<&RunDir>) -> Result<Self::Data>;

    /// The sizes and checksums that tell the data from others.
    fn fingerprint(data: &Self::Data) -> String;

    /// Files for the run folder, without which its checkpoints could not be used.
    fn files(_: &Self::Data) -> Vec<(&'static str, Vec<u8>)> {
        Vec::new()
    }

    /// The model in training, at its first step; with the parameters of `init`.
    ///
    /// # Errors
    /// Too little data, or a checkpoint that does not fit.
    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a Self::Config,
        data: &'a Self::Data,
        init: Option<&Checkpoint>,
    ) -> Result<Self::Task<'a>>;

    /// What a finished run is said to have reached, from its last metrics by name.
    fn result(metrics: &Map<String, Value>) -> Option<String>;

    /// A last look at the trained model, for the console.
    fn farewell(_: &Cpu, _: Self::Task<'_>, _: &Self::Data) -> Option<String> {
        None
    }
}

/// The config of that name, or the default preset, with what is set otherwise.
///
/// # Errors
/// No such config, or a value that is refused.
pub fn load<E: Experiment>(name: Option<&str>, sets: &[String]) -> Result<Loaded<E::Config>> {
    config::load(name, E::DEFAULT_PRESET, E::PRESETS, sets)
}

/// The config of [`load`] as TOML, for the registry.
///
/// # Errors
/// As [`load`].
pub fn show<E: Experiment>(name: Option<&str>, sets: &[String]) -> Result<String> {
    config::to_toml(&load::<E>(name, sets)?.config)
}

/// Opens a run of `model` to read from it.
///
/// # Errors
/// The folder is no run, or one of another model.
pub fn read_run(model: &str, path: &Path) -> Result<RunDir> {
    let run = RunDir::read(path)?;
    check_model(model, &run)?;
    Ok(run)
}

/// Holds a run to a model.
///
/// # Errors
/// It is a run of another model.
pub fn check_model(model: &str, run: &RunDir) -> Result<()> {
    let (path, other) = (run.path().display(), &run.manifest().model);
    ensure!(other == model, "{path} is a run of {other}, not of {model}");
    Ok(())
}

/// The JSON of train and eval.
pub fn summary(run: &RunDir, step: u64, metrics: Value) -> Value {
    json!({
        "model": run.manifest().model,
        "preset": run.manifest().preset,
        "run_dir": run.path().to_string_lossy(),
        "step": step,
        "metrics": metrics,
    })
}
