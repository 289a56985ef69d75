//! The shared part of image classifiers: data sets, training and scores, and the verbs `eval` and
//! `predict`.

mod classifier;
mod experiment;
mod image_dataset;
mod raw_images;
mod recipe;
mod score;
mod summaries;
mod task;
mod trainer;
pub mod verbs;

#[cfg(test)]
pub(super) mod tests;

use std::path::Path;

use anyhow::Result;

pub use classifier::Classifier;
pub use classifier::{Trained, classes_of};
pub use image_dataset::ImageDataset;
pub use image_dataset::{Examples, Input};
pub use raw_images::{RawImages, names};
pub use recipe::{Descent, PictureSettings};
pub use recipe::{MakeBatch, Recipe, Run};
pub use score::{LabelledInputs, Score, evaluate};
pub use task::ClassifierTask;
pub use trainer::{Batch, EVAL_BATCH, Trainer};

use super::run_config::RunConfig;
use crate::data::augment::Shape;
use crate::nn::Value;

/// The config of a run of a model.
pub type Config<M> = RunConfig<<M as PictureModel>::Settings>;
/// The images of a run of a model.
pub type Data<M> = ImageDataset<<M as PictureModel>::Input>;

/// An image classifier: its data, its network and its training recipe.
pub trait PictureModel: Sized + 'static {
    /// The model's own tables in the config of a run.
    type Settings: PictureSettings;
    /// The input format of its network.
    type Input: Input;
    /// How it is trained.
    type Recipe: Recipe<Self>;
    /// The size of an image before preprocessing.
    const PICTURE: Shape;
    /// The classes of the published data set.
    const CLASSES: usize;
    /// The prefix of the tensors that a trained model uses in place of its parameters.
    const USED: &'static str = "";

    /// The images that a config names.
    ///
    /// # Errors
    /// Missing or damaged files.
    fn source(config: &Config<Self>, data_dir: &Path) -> Result<RawImages>;

    /// The input format of a config's network.
    ///
    /// # Errors
    /// Steps that do not fit.
    fn input(config: &Self::Settings) -> Result<Self::Input>;

    /// An image of the user in the format of the data set.
    ///
    /// # Errors
    /// The file is not an image.
    fn read_picture(path: &Path) -> Result<Vec<u8>>;

    /// The forward pass, from images (batch, height, width, depth) to logits (batch, classes).
    fn logits(images: Value, classes: usize) -> Value;

    /// Counts and checksums that identify the images.
    fn fingerprint_of(pictures: &Data<Self>) -> String {
        pictures.fingerprint()
    }
}
