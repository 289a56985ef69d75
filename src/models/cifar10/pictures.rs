//! The pictures of an experiment: the published set, drawn shapes, or the user's own.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};

use super::config::Cifar10Config;
use crate::data::augment::{CROP_VALUES, inputs};
use crate::data::cifar10::{self, Images, Split};
use crate::data::drawn::{Drawing, Shapes};
use crate::data::{fetch, photo};
use crate::models::classify::{Examples, Thumbnail};

/// The most classes: a label is a byte.
const MOST_CLASSES: usize = 256;

/// What is trained and tested on.
#[derive(Debug)]
pub struct Pictures {
    /// The training pictures, shared with the threads that prepare batches.
    pub train: Arc<Images>,
    /// The test pictures.
    pub test: Arc<Images>,
    /// What the classes are called.
    pub classes: Vec<String>,
}

impl Pictures {
    /// Reads or draws what the config names.
    ///
    /// # Errors
    /// Missing or damaged files.
    pub fn load(config: &Cifar10Config, data_dir: &Path) -> Result<Self> {
        let pictures = match (config.data.images.as_str(), config.data.source.as_str()) {
            ("", "drawn") => Self::drawn(config),
            ("", _) => Self::published(data_dir)?,
            (folder, _) => Self::of_user(config, Path::new(folder))?,
        };
        let (batch, all) = (config.train.batch_size, pictures.train.len());
        ensure!(
            all >= batch,
            "{all} training pictures are fewer than train.batch_size = {batch}; decrease it"
        );
        Ok(pictures)
    }

    fn published(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join("cifar10");
        let split = |split| {
            fetch::or_help("cifar10", data_dir, cifar10::load(&folder, split)).map(Arc::new)
        };
        let (train, test) = (split(Split::Train)?, split(Split::Test)?);
        Ok(Self { train, test, classes: cifar10::class_names(&folder)? })
    }

    /// Coloured shapes that the program draws itself, a tenth as many to be tested on.
    fn drawn(config: &Cifar10Config) -> Self {
        let split = |name, count| {
            let shapes = Shapes::new(config.seed, name);
            let (pixels, labels) = shapes.examples(count, threads());
            Arc::new(Images::new(pixels, labels))
        };
        let count = config.data.drawn_examples;
        let classes = Shapes::NAMES.map(String::from).to_vec();
        Self { train: split("train", count), test: split("test", count / 10), classes }
    }

    /// The user's own pictures, a folder a class. Files that cannot be read are named and left
    /// out.
    fn of_user(config: &Cifar10Config, folder: &Path) -> Result<Self> {
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
            Arc::new(Images::new(part.pixels, labels))
        };
        let (train, test) = (part(found.train), part(found.test));
        Ok(Self { train, test, classes: found.classes })
    }

    /// Numbers and checksums that tell these pictures from others.
    pub fn fingerprint(&self) -> String {
        let names = crc32c::crc32c(self.classes.join("\n").as_bytes());
        let (train, test) = (self.train.fingerprint(), self.test.fingerprint());
        let classes = self.classes.len();
        format!("{classes} classes {names:08x}, train {train}, test {test}")
    }
}

/// Threads that draw and decode; the pictures do not depend on them.
fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

impl Examples for Images {
    fn len(&self) -> usize {
        Images::len(self)
    }

    fn values(&self) -> usize {
        CROP_VALUES
    }

    fn fill(&self, examples: Range<usize>, images: &mut [f32], labels: &mut [u32]) {
        inputs(self, examples, images, labels);
    }

    fn thumbnail(&self, example: usize) -> Thumbnail {
        Thumbnail { side: cifar10::SIDE, rgb: self.image(example).to_vec() }
    }
}
