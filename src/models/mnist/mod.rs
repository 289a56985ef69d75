//! The LeNet-like network of TensorFlow's `convolutional.py` on handwritten digits.

mod config;
mod network;
mod recipe;

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use config::{DigitSource, MnistConfig, MnistSettings};
use recipe::MnistRecipe;

use super::classify::verbs;
use super::describe::describe;
use super::{Better, Entry, Length, to_toml};
use crate::config::{Preset, keys};
use crate::data::augment::Shape;
use crate::data::mnist::{self, CLASSES, SHAPE};
use crate::data::synthetic::Digits;
use crate::data::{Labelled, photo};
use crate::models::classify::{Input, PictureModel, RawImages, names};
use crate::nn::Value;
use crate::system::memory;

pub use network::logits;

const EXAMPLES: &str = "Examples:
  tfm train mnist --config mnist-demo        a minute, needs no data
  tfm train mnist --config mnist-self-test   seconds, needs no data
  tfm train mnist                            ten epochs of MNIST (tfm data fetch mnist)
  tfm train mnist --resume                   continues after Ctrl-C or a crash";

/// The model in the registry.
pub const ENTRY: Entry = Entry {
    name: "mnist",
    about: "A LeNet-like network on handwritten digits",
    default_preset: "mnist",
    presets: &[preset!("mnist"), preset!("mnist-demo"), preset!("mnist-self-test")],
    verbs: &verbs::all::<Mnist>("Trains the network on digits"),
    examples: EXAMPLES,
    metrics: &[("error", Better::Lower), ("cross_entropy", Better::Lower)],
    scores: &["valid_error", "test_error"],
    resumable_keys: &["train.num_epochs"],
    data_paths: &[],
    own_data: &["synthetic", "fake"],
    is_split_by_seed: false,
    describe: describe::<Mnist>,
    to_toml: to_toml::<MnistConfig>,
    keys: keys::<MnistConfig>,
    length: Length { epochs: Some("train.num_epochs"), steps: None },
};

/// Images of the reference's fake test set.
const FAKE_TESTS: usize = 64;

/// The MNIST model.
struct Mnist;

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
        network::logits(images, classes)
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
struct Scaled;

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

#[cfg(test)]
mod tests;
