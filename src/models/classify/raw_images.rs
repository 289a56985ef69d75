//! The sources of images: published data sets, generated images, folders of the user.

use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

use crate::data::augment::Shape;
use crate::data::synthetic::SyntheticImages;
use crate::data::{Labelled, Split, fetch, photo};
use crate::rng::Stream;
use crate::system::memory;
use crate::system::wording::counted;

/// The maximum number of unreadable files that are named.
const MAX_NAMED: usize = 20;

/// Images of training and test, and the names of their classes.
#[derive(Debug)]
pub struct RawImages {
    /// The training images, including those to be held out.
    pub train: Labelled,
    /// The test images.
    pub test: Labelled,
    /// The class names.
    pub classes: Vec<String>,
}

impl RawImages {
    /// The published set `name`: `load` reads a split from its folder, `classes` the names.
    ///
    /// # Errors
    /// Missing or damaged files.
    pub fn published(
        name: &str,
        data_dir: &Path,
        load: impl Fn(&Path, Split) -> Result<Labelled>,
        classes: impl Fn(&Path) -> Result<Vec<String>>,
    ) -> Result<Self> {
        let folder = data_dir.join(name);
        let load = |split| fetch::or_help(name, data_dir, load(&folder, split));
        Ok(Self {
            train: load(Split::Train)?,
            test: load(Split::Test)?,
            classes: classes(&folder)?,
        })
    }

    /// Images that the program draws itself: of training as many as the `setting` of the config
    /// says, and of test; `new` makes the drawings of a split.
    ///
    /// # Errors
    /// More of them than memory holds; the system cannot start threads.
    pub fn synthetic<D: SyntheticImages>(
        setting: &str,
        new: impl Fn(Split) -> D,
        [train, test]: [usize; 2],
    ) -> Result<Self> {
        let bytes = (train + test) * D::SIDE * D::SIDE * D::CHANNELS;
        memory::ensure_fits(bytes as u64, || setting.to_string())?;
        let draw = |split, count| -> Result<Labelled> {
            let (pixels, labels) = new(split).examples(count, threads())?;
            let shape = Shape { height: D::SIDE, width: D::SIDE, depth: D::CHANNELS };
            Ok(Labelled::new(shape, pixels, labels))
        };
        let classes = D::NAMES.map(String::from).to_vec();
        Ok(Self { train: draw(Split::Train, train)?, test: draw(Split::Test, test)?, classes })
    }

    /// The user's own images, one folder per class. Files that cannot be read are reported and
    /// skipped.
    ///
    /// # Errors
    /// A folder that cannot be trained on.
    pub fn folder(folder: &Path, seed: u64) -> Result<Self> {
        let found = photo::read_folder(folder, seed, threads())
            .with_context(|| format!("data.images = \"{}\"", folder.display()))?;
        for file in found.unreadable.iter().take(MAX_NAMED) {
            tracing::warn!("skipped {}: {}", file.path.display(), file.reason);
        }
        if let Some(more @ 1..) = found.unreadable.len().checked_sub(MAX_NAMED) {
            tracing::warn!("skipped {}", counted(more, "more file"));
        }
        Ok(Self { train: found.train, test: found.test, classes: found.classes })
    }

    /// `count` noise images for benchmarks, with each class in turn.
    pub fn random(seed: u64, shape: Shape, count: usize, classes: usize) -> Self {
        let mut numbers = Stream::new(seed, "bench").at(0);
        let pixels = (0..count * shape.values()).map(|_| numbers.word() as u8).collect();
        let labels = (0..count).map(|i| (i % classes) as u8).collect();
        let train = Labelled::new(shape, pixels, labels);
        Self { test: train.clone(), train, classes: names(classes) }
    }
}

/// The names of classes without names.
pub fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// Threads that draw and decode; the images do not depend on their number.
fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}
