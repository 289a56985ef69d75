//! The digits of an experiment: the published set, drawn ones, or the reference's fake data.

use std::ops::Range;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Result, ensure};

use super::config::MnistConfig;
use crate::data::drawn::{self, Drawing};
use crate::data::mnist::{self, IMAGE_BYTES, Images, SIDE};
use crate::data::{Split, fetch};
use crate::models::classify::{Examples, Thumbnail};

/// Images of the reference's fake test set.
const FAKE_TESTS: usize = 64;

/// What is trained, validated and tested on.
#[derive(Debug)]
pub struct Digits {
    /// The training images, without those held out.
    pub train: Images,
    /// The images held out.
    pub valid: Images,
    /// The test images.
    pub test: Images,
}

impl Digits {
    /// Reads or makes what the config names.
    ///
    /// # Errors
    /// Missing or damaged files.
    pub fn load(config: &MnistConfig, data_dir: &Path) -> Result<Self> {
        let (all, test) = match config.data.source.as_str() {
            "fake" => return Self::fake(config),
            "drawn" => drawn(config),
            _ => published(data_dir)?,
        };
        Self::split(config, &all, test)
    }

    /// The reference's fake data.
    ///
    /// # Errors
    /// When nothing is left to train on.
    pub fn fake(config: &MnistConfig) -> Result<Self> {
        let all = fake(config.data.made_examples + config.data.validation_size);
        Self::split(config, &all, fake(FAKE_TESTS))
    }

    /// Holds the first images out.
    fn split(config: &MnistConfig, all: &Images, test: Images) -> Result<Self> {
        let held_out = config.data.validation_size;
        ensure!(
            all.len() > held_out,
            "data.validation_size = {held_out} must be less than the {} training images",
            all.len()
        );
        Ok(Self { train: all.part(held_out..all.len()), valid: all.part(0..held_out), test })
    }

    /// Numbers and checksums that tell these digits from others.
    pub fn fingerprint(&self) -> String {
        let [train, valid, test] =
            [&self.train, &self.valid, &self.test].map(|part| part.fingerprint());
        format!("train {train}, valid {valid}, test {test}")
    }
}

/// What the classes are called.
pub fn class_names(classes: usize) -> Vec<String> {
    (0..classes).map(|digit| digit.to_string()).collect()
}

fn published(data_dir: &Path) -> Result<(Images, Images)> {
    let folder = data_dir.join("mnist");
    let load = |split| fetch::or_help("mnist", data_dir, mnist::load(&folder, split));
    Ok((load(Split::Train)?, load(Split::Test)?))
}

/// Digits that the program draws itself, a tenth as many to be tested on.
fn drawn(config: &MnistConfig) -> (Images, Images) {
    let threads = available_parallelism().map_or(1, usize::from);
    let draw = |split, count| {
        let (pixels, labels) = drawn::Digits::new(config.seed, split).examples(count, threads);
        Images::new(pixels, labels)
    };
    let count = config.data.made_examples;
    (draw(Split::Train, count + config.data.validation_size), draw(Split::Test, count / 10))
}

/// The reference's `fake_data`: black images of class 0 and white ones of class 1, in turn.
fn fake(count: usize) -> Images {
    let mut digits = Images::default();
    for label in (0..count).map(|i| (i % 2) as u8) {
        digits.push(label, &[label * u8::MAX; IMAGE_BYTES]);
    }
    digits
}

/// A pixel as the network takes it: from -0.5 to 0.5.
pub fn scaled(pixel: u8) -> f32 {
    (f32::from(pixel) - 127.5) / 255.0
}

impl Examples for Images {
    fn len(&self) -> usize {
        Images::len(self)
    }

    fn values(&self) -> usize {
        IMAGE_BYTES
    }

    fn fill(&self, examples: Range<usize>, images: &mut [f32], labels: &mut [u32]) {
        let pixels = &self.pixels()[examples.start * IMAGE_BYTES..examples.end * IMAGE_BYTES];
        images.iter_mut().zip(pixels).for_each(|(value, &pixel)| *value = scaled(pixel));
        let found = &self.labels()[examples];
        labels.iter_mut().zip(found).for_each(|(to, &label)| *to = u32::from(label));
    }

    fn thumbnail(&self, example: usize) -> Thumbnail {
        Thumbnail::grey(SIDE, self.image(example))
    }
}
