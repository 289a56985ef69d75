//! Verbs that models share: those that need nothing of a model but its run folder, and those
//! that need an [`Experiment`](super::experiment::Experiment). A model takes them over by a
//! line each in its list of verbs.

pub mod bench;
pub mod plot;
pub mod train;
pub mod verify;

use std::path::Path;

use anyhow::{Result, ensure};

use crate::run::RunDir;

/// Opens the run at `path`, which must be one of `model`.
fn read_run(model: &str, path: &Path, verb: &str) -> Result<RunDir> {
    let run = RunDir::read(path)?;
    let other = &run.manifest().model;
    let path = path.display();
    ensure!(
        other == model,
        "{path} is a run of {other}, not of {model}; use `tfm {verb} {other} --run {path}`"
    );
    Ok(run)
}
