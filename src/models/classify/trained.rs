//! A trained network, read back from its run folder.

use anyhow::{Context, Result};

use super::Classifier;
use crate::checkpoint::Checkpoint;
use crate::train::TrainState;

/// A run's network and what its classes are called.
pub struct Trained {
    /// What the classes are called.
    pub classes: Vec<String>,
    /// The network with the parameters of the checkpoint.
    pub classifier: Classifier,
}

impl Trained {
    /// What a checkpoint of `model` holds: the classifier of so many classes that `new` makes, with
    /// its parameters as `<slot><parameter>`.
    ///
    /// # Errors
    /// When the checkpoint does not name its classes, or the parameters cannot be read.
    pub fn read(
        model: &str,
        slot: &str,
        checkpoint: &Checkpoint,
        new: impl FnOnce(usize) -> Result<Classifier>,
    ) -> Result<Self> {
        let classes = classes_of(checkpoint)?;
        let classifier = new(classes.len())?;
        classifier.load(model, slot, checkpoint)?;
        Ok(Self { classes, classifier })
    }
}

/// What the classes of a checkpoint are called.
///
/// # Errors
/// When it does not name them.
pub fn classes_of(checkpoint: &Checkpoint) -> Result<Vec<String>> {
    let (_, state) = TrainState::from_state(&checkpoint.meta.state, checkpoint.meta.step)?;
    let classes = state.get("classes").context("the checkpoint names no classes")?;
    serde_json::from_value(classes.clone())
        .with_context(|| format!("the classes in {}", checkpoint.path.display()))
}
