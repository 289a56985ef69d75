//! What a model implements so that the shared verbs can train, resume and load it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::Entry;
use super::describe::Description;
use super::options::DeviceOptions;
use super::run_config::{RunConfig, Settings};
use crate::checkpoint::Checkpoint;
use crate::config::Loaded;
use crate::ops::Cpu;
use crate::run::RunDir;
use crate::train::Task;

/// A model as `train` and the verbs on its runs see it.
pub trait Experiment {
    /// The model in the registry.
    const ENTRY: &'static Entry = <Self::Settings as Settings>::ENTRY;

    /// The model's own tables in the config of a run.
    type Settings: Settings;
    /// The data for training and testing.
    type Data;
    /// The model in training.
    type Task<'a>: Task
    where
        Self: 'a;
    /// What the verbs load from a trained run.
    type Trained;

    /// The CPU, if the options and the config ask for it.
    ///
    /// # Errors
    /// `--device` names a GPU that this model cannot use, or `TFM_ISA` is invalid.
    fn cpu(device: &DeviceOptions, _: &Loaded<RunConfig<Self::Settings>>) -> Result<Cpu> {
        device.cpu(Self::ENTRY.name)
    }

    /// Reads or generates the data; `cpu` runs a network if that takes one. `run` is the run to resume,
    /// or the one whose parameters initialise a new run. What it has fixed, such as a vocabulary, is
    /// reused.
    ///
    /// # Errors
    /// Missing or damaged data.
    fn data(
        cpu: &Cpu,
        config: &RunConfig<Self::Settings>,
        data_dir: &Path,
        run: Option<&RunDir>,
    ) -> Result<Self::Data>;

    /// The sizes and checksums that identify the data.
    fn fingerprint(data: &Self::Data) -> String;

    /// The parts of the data, such as training words, with their sizes. The name of one that can
    /// have size 1 is then in the singular.
    fn sizes(data: &Self::Data) -> Vec<(&'static str, usize)>;

    /// Values that are trained.
    ///
    /// # Errors
    /// As [`Experiment::describe`].
    fn parameters(config: &RunConfig<Self::Settings>, data: &Self::Data) -> Result<usize> {
        Ok(Self::describe(config, Some(data))?.map_or(0, |network| network.parameters()))
    }

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
        config: &'a RunConfig<Self::Settings>,
        data: &'a Self::Data,
        init: Option<&Checkpoint>,
    ) -> Result<Self::Task<'a>>;

    /// Loads the trained model from `checkpoint` of `run`.
    ///
    /// # Errors
    /// A checkpoint or another file of the run that is damaged or does not fit.
    fn trained(
        run: &RunDir,
        config: &RunConfig<Self::Settings>,
        checkpoint: &Checkpoint,
    ) -> Result<Self::Trained>;

    /// The network of a config, for the data or, without data, for data of the usual sizes; none if
    /// the model has no layer graph.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    fn describe(
        _: &RunConfig<Self::Settings>,
        _: Option<&Self::Data>,
    ) -> Result<Option<Description>> {
        Ok(None)
    }

    /// The score of a finished run in a few words, from its last metrics by name.
    fn headline(metrics: &Map<String, Value>) -> Option<String>;

    /// A sample of the trained model for the console; the run ends with it.
    fn sample_at_end(_: &Cpu, _: Self::Task<'_>, _: &Self::Data) -> Option<String> {
        None
    }
}

/// The config of that name, or the default preset, with the values that are set.
///
/// # Errors
/// No such config, or a value that is refused.
pub fn load<E: Experiment>(
    name: Option<&str>,
    sets: &[String],
) -> Result<Loaded<RunConfig<E::Settings>>> {
    E::ENTRY.load(name, sets)
}
