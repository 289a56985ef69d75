//! A trained network, read back from its run folder.

use anyhow::{Context, Result};

use crate::checkpoint::Checkpoint;
use crate::train::Position;

/// A run's network and what its classes are called.
pub struct Trained<N> {
    /// What the classes are called.
    pub classes: Vec<String>,
    /// The network with the parameters of the checkpoint.
    pub network: N,
}

impl<N> Trained<N> {
    /// What a checkpoint holds; `network` reads the one of so many classes from it.
    ///
    /// # Errors
    /// When the checkpoint does not name its classes, or the network cannot be read.
    pub fn read(checkpoint: &Checkpoint, network: impl FnOnce(usize) -> Result<N>) -> Result<Self> {
        let (_, state) = Position::from_state(&checkpoint.meta.state, checkpoint.meta.step)?;
        let classes = state.get("classes").context("the checkpoint names no classes")?;
        let classes: Vec<String> = serde_json::from_value(classes.clone())
            .with_context(|| format!("the classes in {}", checkpoint.path.display()))?;
        let network = network(classes.len())?;
        Ok(Self { classes, network })
    }
}
