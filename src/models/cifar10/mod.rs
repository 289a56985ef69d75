//! The network of TensorFlow's CIFAR-10 tutorial, on small images.

mod config;
mod network;
mod recipe;

use std::path::Path;

use anyhow::{Context, Result};
use config::{Cifar10Config, Cifar10Settings, ImageSource};
use network::logits;
use recipe::Cifar10Recipe;

use super::classify::verbs;
use super::describe::describe;
use super::{Better, Entry, Length, to_toml};
use crate::config::{Preset, keys};
use crate::data::augment::{Augment, Shape};
use crate::data::cifar10::{self, CLASSES, SHAPE};
use crate::data::photo;
use crate::data::synthetic::Shapes;
use crate::models::classify::{ImageDataset, PictureModel, RawImages};
use crate::nn::Value;

const EXAMPLES: &str = "Examples:
  tfm train cifar10 --config cifar10-demo    two minutes, needs no data
  tfm train cifar10                          100,000 steps of CIFAR-10 (tfm data fetch cifar10)
  tfm train cifar10 --set data.images=DIR    your own images, one folder per class
  tfm train cifar10 --resume                 continues after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "cifar10",
    about: "The convolutional network of the CIFAR-10 tutorial, on small images",
    default_preset: "cifar10",
    presets: &[preset!("cifar10"), preset!("cifar10-demo")],
    verbs: &verbs::all::<Cifar10>("Trains the network on images"),
    examples: EXAMPLES,
    metrics: &[("precision", Better::Higher), ("cross_entropy", Better::Lower)],
    scores: &["test_precision"],
    resumable_keys: &["train.max_steps", "train.workers", "eval"],
    data_paths: &["data.images"],
    own_data: &["synthetic"],
    is_split_by_seed: true,
    describe: describe::<Cifar10>,
    to_toml: to_toml::<Cifar10Config>,
    keys: keys::<Cifar10Config>,
    length: Length { epochs: None, steps: Some("train.max_steps") },
};

/// The CIFAR-10 model.
struct Cifar10;

impl PictureModel for Cifar10 {
    type Settings = Cifar10Settings;
    type Input = Augment;
    type Recipe = Cifar10Recipe;
    const PICTURE: Shape = SHAPE;
    const CLASSES: usize = CLASSES;
    /// The moving averages.
    const USED: &'static str = "average/";

    fn source(config: &Cifar10Config, data_dir: &Path) -> Result<RawImages> {
        let count = config.data.n_synthetic;
        match (config.data.images.as_str(), config.data.source) {
            ("", ImageSource::Synthetic) => RawImages::synthetic(
                &format!("data.n_synthetic = {count}"),
                |split| Shapes::new(config.seed, split),
                [count, count / 10],
            ),
            ("", ImageSource::Cifar10) => {
                RawImages::published("cifar10", data_dir, cifar10::load, cifar10::class_names)
            }
            (folder, _) => RawImages::folder(Path::new(folder), config.seed),
        }
    }

    fn input(settings: &Cifar10Settings) -> Result<Augment> {
        settings.data.augment().context("data.augment")
    }

    fn read_picture(path: &Path) -> Result<Vec<u8>> {
        photo::square(path)
    }

    fn logits(images: Value, classes: usize) -> Value {
        logits(images, classes)
    }

    /// The user's classes are a part of the data.
    fn fingerprint_of(pictures: &ImageDataset<Augment>) -> String {
        let names = crc32c::crc32c(pictures.classes.join("\n").as_bytes());
        format!("{} classes {names:08x}, {}", pictures.classes.len(), pictures.fingerprint())
    }
}

#[cfg(test)]
mod tests;
