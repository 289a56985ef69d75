//! The MNIST model among the models of pictures.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;

use super::config::{DigitSource, MnistConfig, MnistSettings};
use super::network::logits;
use super::recipe::MnistRecipe;
use crate::data::augment::Shape;
use crate::data::mnist::{self, CLASSES, SHAPE};
use crate::data::synthetic::Digits;
use crate::data::{Labelled, photo};
use crate::models::classify::{Input, PictureModel, RawImages, names};
use crate::nn::Value;
use crate::system::memory;

/// Images of the reference's fake test set.
const FAKE_TESTS: usize = 64;

/// The MNIST model.
pub struct Mnist;

impl PictureModel for Mnist {
    type Settings = MnistSettings;
    type Input = Scaled;
    type Recipe = MnistRecipe;
    const PICTURE: Shape = SHAPE;
    const CLASSES: usize = CLASSES;

    fn source(config: &MnistConfig, data_dir: &Path) -> Result<RawImages> {
        let count = config.data.n_synthetic;
        let all = count + config.data.validation_size;
        let setting = format!("data.n_synthetic = {count}");
        match config.data.source {
            DigitSource::Fake => {
                let bytes = (all * SHAPE.values()) as u64;
                memory::ensure_fits(bytes, || setting.clone())?;
                Ok(fake(all))
            }
            DigitSource::Synthetic => RawImages::synthetic(
                &setting,
                |split| Digits::new(config.seed, split),
                [all, (count / 10).max(1)],
            ),
            DigitSource::Mnist => {
                RawImages::published("mnist", data_dir, mnist::load, |_| Ok(names(CLASSES)))
            }
        }
    }

    fn input(_: &MnistSettings) -> Result<Scaled> {
        Ok(Scaled)
    }

    fn read_picture(path: &Path) -> Result<Vec<u8>> {
        photo::digit(path)
    }

    fn logits(images: Value, classes: usize) -> Value {
        logits(images, classes)
    }
}

/// The reference's `fake_data`: black images of class 0 and white ones of class 1, in turn.
fn fake(count: usize) -> RawImages {
    let images = |count| {
        let mut images = Labelled::empty(SHAPE);
        let labels = (0..count).map(|i| (i % 2) as u8);
        labels.for_each(|label| images.push(label, &vec![label * u8::MAX; SHAPE.values()]));
        images
    };
    RawImages { train: images(count), test: images(FAKE_TESTS), classes: names(CLASSES) }
}

/// Pixels as the network takes them: from -0.5 to 0.5.
#[derive(Clone, Debug)]
pub struct Scaled;

impl Input for Scaled {
    fn shape(&self) -> Shape {
        SHAPE
    }

    fn write(&self, images: &Labelled, range: Range<usize>, inputs: &mut [f32]) {
        let scaled = |&pixel: &u8| (f32::from(pixel) - 127.5) / 255.0;
        let pixels = images.pixels(range).iter();
        inputs.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = scaled(pixel));
    }
}
