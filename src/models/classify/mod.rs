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
use super::run_config::RunConfig;
use crate::data::Split;

/// A model of pictures as `eval` and `predict` see it.
pub trait PictureModel: Experiment<Trained = Trained> {
    /// Pictures with labels.
    type Examples: Examples;

    /// A split of the data; none where the model has no such split.
    fn examples(data: &Self::Data, split: Split) -> Option<&Self::Examples>;

    /// A picture of the user, as the network of a run takes it.
    ///
    /// # Errors
    /// When the file is no picture.
    fn read_picture(config: &RunConfig<Self::Settings>, path: &Path) -> Result<Vec<f32>>;
}
