//! What models that tell pictures apart share: scores over a set of examples, and the verbs
//! `eval` and `predict`.

mod examples;
mod score;
mod trained;
pub mod verbs;

use std::path::Path;

use anyhow::Result;

pub use examples::{Examples, Thumbnail};
pub use score::{Score, evaluate};
pub use trained::Trained;

use super::experiment::Experiment;
use crate::ops::Cpu;

/// A network that tells classes apart.
pub trait Classifier {
    /// The number of classes.
    fn classes(&self) -> usize;

    /// The logits (batch, classes) of `images` (batch, values of an image).
    fn logits(&mut self, cpu: &Cpu, images: &[f32]) -> &[f32];
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// What the parameters are fitted to.
    Train,
    /// What is held out of the training pictures, where the model holds any out.
    Valid,
    /// What a run is judged by.
    Test,
}

/// A model of pictures as `eval` and `predict` see it.
pub trait PictureModel: Experiment<Trained = Trained<<Self as PictureModel>::Network>> {
    /// The network.
    type Network: Classifier;
    /// Pictures with labels.
    type Examples: Examples;

    /// Images that are classified at a time.
    const EVAL_BATCH: usize;

    /// A part of the data; none where the model has no such part.
    fn examples(data: &Self::Data, part: Part) -> Option<&Self::Examples>;

    /// A picture of the user, as the network takes it.
    ///
    /// # Errors
    /// When the file is no picture.
    fn read_picture(path: &Path) -> Result<Vec<f32>>;
}
