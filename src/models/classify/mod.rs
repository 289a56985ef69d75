//! What models that tell pictures apart share: scores over a set of examples, and the verbs
//! `eval` and `predict`.

mod classifier;
mod examples;
mod score;
mod task;
mod trained;
pub mod verbs;

use std::path::Path;

use anyhow::Result;

pub use classifier::Classifier;
pub use examples::{Examples, Thumbnail};
pub use score::{Score, evaluate};
pub use task::{Batch, ClassifierTask, EVAL_BATCH, Recipe, Trainer};
pub use trained::Trained;

use super::experiment::Experiment;

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
pub trait PictureModel: Experiment<Trained = Trained> {
    /// Pictures with labels.
    type Examples: Examples;

    /// A part of the data; none where the model has no such part.
    fn examples(data: &Self::Data, part: Part) -> Option<&Self::Examples>;

    /// A picture of the user, as the network takes it.
    ///
    /// # Errors
    /// When the file is no picture.
    fn read_picture(path: &Path) -> Result<Vec<f32>>;
}
