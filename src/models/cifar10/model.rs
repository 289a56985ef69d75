//! The CIFAR-10 model among the models of pictures.

use std::path::Path;

use anyhow::{Context, Result};

use super::config::{Cifar10Config, Cifar10Settings, ImageSource};
use super::network::logits;
use super::recipe::Cifar10Recipe;
use crate::data::augment::{Augment, Shape};
use crate::data::cifar10::{self, CLASSES, SHAPE};
use crate::data::photo;
use crate::data::synthetic::Shapes;
use crate::models::classify::{ImageDataset, PictureModel, RawImages};
use crate::nn::Value;

/// The CIFAR-10 model.
pub struct Cifar10;

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
