//! The pictures of an experiment: the published set, drawn shapes, or the user's own.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};

use super::config::Cifar10Config;
use crate::data::augment::{Augment, Shape};
use crate::data::cifar10::{self, Images};
use crate::data::drawn::{Drawing, Shapes};
use crate::data::shuffle::Shuffle;
use crate::data::{Split, fetch, photo};
use crate::models::classify::{Examples, Thumbnail};
use crate::rng::Stream;

/// The most classes: a label is a byte.
const MOST_CLASSES: usize = 256;

/// What is trained and tested on.
#[derive(Debug)]
pub struct Pictures {
    /// The training pictures, shared with the threads that prepare batches.
    pub train: Arc<Set>,
    /// The test pictures.
    pub test: Arc<Set>,
    /// What the classes are called.
    pub classes: Vec<String>,
}

/// Pictures with labels, and what happens to them before the network sees them.
#[derive(Clone, Debug)]
pub struct Set {
    images: Images,
    augment: Augment,
}

impl Set {
    /// Pictures as the network takes them.
    pub fn new(images: Images, augment: Augment) -> Self {
        Self { images, augment }
    }

    /// The size of a picture as the network takes it.
    pub fn shape(&self) -> Shape {
        self.augment.output()
    }

    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// A batch of training, as [`Augment::distorted_inputs`].
    pub fn distorted_inputs(
        &self,
        order: &Shuffle,
        stream: &Stream,
        first: u64,
        inputs: &mut [f32],
        labels: &mut [u32],
    ) {
        self.augment.distorted_inputs(&self.images, order, stream, first, inputs, labels);
    }
}

impl Pictures {
    /// Reads or draws what the config names.
    ///
    /// # Errors
    /// Missing or damaged files.
    pub fn load(config: &Cifar10Config, data_dir: &Path) -> Result<Self> {
        let pictures = match (config.data.images.as_str(), config.data.source.as_str()) {
            ("", "drawn") => drawn(config),
            ("", _) => published(data_dir)?,
            (folder, _) => of_user(config, Path::new(folder))?,
        };
        let pictures = Self::new(pictures, config)?;
        let (batch, all) = (config.train.batch_size, pictures.train.len());
        ensure!(
            all >= batch,
            "{all} training pictures are fewer than train.batch_size = {batch}; decrease it"
        );
        Ok(pictures)
    }

    /// Pictures of training and test, and the names of their classes.
    ///
    /// # Errors
    /// When the config's steps do not fit.
    pub fn new((train, test, classes): Raw, config: &Cifar10Config) -> Result<Self> {
        let augment = config.data.augment().context("data.augment")?;
        let set = |images| Arc::new(Set::new(images, augment.clone()));
        Ok(Self { train: set(train), test: set(test), classes })
    }

    /// Numbers and checksums that tell these pictures from others.
    pub fn fingerprint(&self) -> String {
        let names = crc32c::crc32c(self.classes.join("\n").as_bytes());
        let (train, test) = (self.train.images.fingerprint(), self.test.images.fingerprint());
        let classes = self.classes.len();
        format!("{classes} classes {names:08x}, train {train}, test {test}")
    }
}

/// Pictures of training and test, and the names of their classes.
type Raw = (Images, Images, Vec<String>);

fn published(data_dir: &Path) -> Result<Raw> {
    let folder = data_dir.join("cifar10");
    let split = |split| fetch::or_help("cifar10", data_dir, cifar10::load(&folder, split));
    let (train, test) = (split(Split::Train)?, split(Split::Test)?);
    Ok((train, test, cifar10::class_names(&folder)?))
}

/// Coloured shapes that the program draws itself, a tenth as many to be tested on.
fn drawn(config: &Cifar10Config) -> Raw {
    let draw = |split, count| {
        let shapes = Shapes::new(config.seed, split);
        let (pixels, labels) = shapes.examples(count, threads());
        Images::new(pixels, labels)
    };
    let count = config.data.drawn_examples;
    let classes = Shapes::NAMES.map(String::from).to_vec();
    (draw(Split::Train, count), draw(Split::Test, count / 10), classes)
}

/// The user's own pictures, a folder a class. Files that cannot be read are named and left
/// out.
fn of_user(config: &Cifar10Config, folder: &Path) -> Result<Raw> {
    let found = photo::read_folder(folder, config.seed, threads())
        .with_context(|| format!("data.images = \"{}\"", folder.display()))?;
    for file in &found.unreadable {
        tracing::warn!("{} is left out: {}", file.path.display(), file.reason);
    }
    let classes = found.classes.len();
    ensure!(
        classes <= MOST_CLASSES,
        "{} holds {classes} classes; {MOST_CLASSES} are the most",
        folder.display()
    );
    let part = |part: photo::Pictures| {
        let labels = part.labels.into_iter().map(|label| label as u8).collect();
        Images::new(part.pixels, labels)
    };
    let (train, test) = (part(found.train), part(found.test));
    Ok((train, test, found.classes))
}

/// Threads that draw and decode; the pictures do not depend on them.
fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

impl Examples for Set {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn values(&self) -> usize {
        self.shape().values()
    }

    fn fill(&self, examples: Range<usize>, images: &mut [f32], labels: &mut [u32]) {
        self.augment.inputs(&self.images, examples, images, labels);
    }

    fn thumbnail(&self, example: usize) -> Thumbnail {
        Thumbnail { side: cifar10::SIDE, rgb: self.images.image(example).to_vec() }
    }
}
