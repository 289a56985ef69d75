//! A trained network, read back from its run folder.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::PictureModel;
use crate::checkpoint::{self, Choice};
use crate::config;
use crate::models::experiment::{read_run, summary};
use crate::run::RunDir;
use crate::train::Position;

/// A run's network and all that is needed to use it.
pub struct Session<M: PictureModel> {
    /// The run folder.
    pub run: RunDir,
    /// The run's config.
    pub config: M::Config,
    /// What the classes are called.
    pub classes: Vec<String>,
    /// The network with the parameters of the checkpoint.
    pub network: M::Network,
    /// The step of the checkpoint.
    pub step: u64,
}

impl<M: PictureModel> Session<M> {
    /// Reads a checkpoint of a run.
    ///
    /// # Errors
    /// When the folder is no run of this model, or the checkpoint cannot be read.
    pub fn open(run: &Path, choice: Choice) -> Result<Self> {
        let run = read_run(M::MODEL, run)?;
        let (preset, path) = (&run.manifest().preset, run.config_path());
        let config = config::resume::<M::Config>(preset, &path, run.config_text(), &[])?;
        let checkpoint = checkpoint::open(&run.checkpoints_dir(), choice)?;
        let step = checkpoint.meta.step;
        let (_, state) = Position::from_state(&checkpoint.meta.state, step)?;
        let classes = state.get("classes").context("the checkpoint names no classes")?;
        let classes: Vec<String> = serde_json::from_value(classes.clone())
            .with_context(|| format!("the classes in {}", checkpoint.path.display()))?;
        let network = M::trained(classes.len(), &checkpoint)?;
        Ok(Self { run, config: config.loaded.config, classes, network, step })
    }

    /// The fields that the JSON of every verb on a run begins with, and `metrics`.
    pub fn summary(&self, metrics: Value) -> Value {
        summary(&self.run, self.step, metrics)
    }
}
