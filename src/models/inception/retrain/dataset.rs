//! The examples of a run: features with the numbers of classes, divided into three parts.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::config::InceptionConfig;
use super::division::{divide, warn_of_missing};
use super::features::{Extractor, FeatureSource, Features};
use super::listing::{ContentHash, Listing};
use crate::data::Split;
use crate::models::classify::LabelledInputs;
use crate::ops::Cpu;

/// What is trained, validated and tested on.
#[derive(Debug)]
pub struct FeatureDataset {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// What the features are of.
    pub source: FeatureSource,
    /// The pictures that are trained on; every class has some.
    pub train: Examples,
    /// Those that are held out to watch the training; there may be none.
    pub valid: Examples,
    /// Those that are held out to judge the run; there may be none.
    pub test: Examples,
    /// Files that could not be read.
    pub unreadable: usize,
}

/// Examples of one part.
#[derive(Debug, Default)]
pub struct Examples {
    width: usize,
    /// (examples, width)
    values: Vec<f32>,
    /// The number of each one's class.
    pub labels: Vec<u32>,
    /// The file of each.
    pub paths: Vec<PathBuf>,
    /// Of all contents and classes.
    checksum: u32,
}

impl FeatureDataset {
    /// The pictures of a config, with their features.
    ///
    /// # Errors
    /// No folder of pictures, or one with fewer than two classes, or a class without a picture; a
    /// graph that cannot be used.
    pub fn open(cpu: &Cpu, config: &InceptionConfig, data_dir: &Path) -> Result<Self> {
        if config.data.images.is_empty() {
            bail!(
                "data.images is empty, and must name the folder of the pictures, in which each class \
                 has a folder: --set data.images=DIR"
            );
        }
        let extractor = Extractor::open(&config.graph(data_dir)?, config.features()?)?;
        let listing = Listing::read(&config.images(data_dir))?;
        let features = extractor.extract(cpu, listing, data_dir)?;
        say_unreadable(&features.listing);
        features.listing.check()?;
        let data = &config.data;
        let (validation, testing) = (data.validation_percentage, data.testing_percentage);
        let parts = divide(&features.listing, validation, testing);
        warn_of_missing(&features.listing, &parts, validation, testing);
        Ok(Self::new(features, &parts))
    }

    fn new(features: Features, parts: &[Split]) -> Self {
        let Features { listing, values, source } = features;
        let part = |split| {
            let mut examples = Examples { width: source.values, ..Examples::default() };
            let rows = values.chunks_exact(source.values.max(1));
            for ((picture, row), part) in listing.pictures.iter().zip(rows).zip(parts) {
                if *part == split {
                    examples.push(row, picture.label, picture.path.clone(), picture.hash);
                }
            }
            examples
        };
        let [train, valid, test] = Split::ALL.map(part);
        let unreadable = listing.unreadable.len();
        Self { classes: listing.classes, source, train, valid, test, unreadable }
    }

    /// A part.
    pub fn split(&self, split: Split) -> &Examples {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }

    /// What tells these examples from others: the graph and its tensor, the classes, and the contents
    /// of each part, in order. Where the files lie and what they are called does not matter.
    pub fn fingerprint(&self) -> String {
        let FeatureSource { graph, tensor, values } = &self.source;
        let classes = crc32c::crc32c(self.classes.join("\n").as_bytes());
        let part = |split: Split| {
            let Examples { labels, checksum, .. } = self.split(split);
            format!(", {split} {} {checksum:08x}", labels.len())
        };
        let parts = Split::ALL.map(part).concat();
        let n = self.classes.len();
        format!("graph {graph}, {tensor} {values}, classes {n} {classes:08x}{parts}")
    }

    /// Gives every example the number that a run has for the name of its class.
    ///
    /// # Errors
    /// A class that the run does not know.
    pub fn take_classes(&mut self, classes: &[String]) -> Result<()> {
        let number = |name: &String| {
            let place = classes.iter().position(|class| class == name);
            place.map(|place| place as u32).with_context(|| {
                format!("the run does not know the class {name:?}; it knows {}", classes.join(", "))
            })
        };
        let numbers = self.classes.iter().map(number).collect::<Result<Vec<u32>>>()?;
        for part in [&mut self.train, &mut self.valid, &mut self.test] {
            part.labels.iter_mut().for_each(|label| *label = numbers[*label as usize]);
        }
        self.classes = classes.to_vec();
        Ok(())
    }
}

/// Names the files that were left out.
fn say_unreadable(listing: &Listing) {
    for (path, reason) in &listing.unreadable {
        tracing::warn!("{} is left out: {reason}", path.display());
    }
}

impl Examples {
    fn push(&mut self, row: &[f32], label: u32, path: PathBuf, hash: ContentHash) {
        self.values.extend_from_slice(row);
        self.labels.push(label);
        self.paths.push(path);
        self.checksum = crc32c::crc32c_append(self.checksum, &label.to_le_bytes());
        self.checksum = crc32c::crc32c_append(self.checksum, &hash.0);
    }

    /// The features of an example.
    pub fn row(&self, example: usize) -> &[f32] {
        &self.values[example * self.width..][..self.width]
    }

    /// The examples of each class.
    ///
    /// # Errors
    /// A class without any.
    pub fn by_class(&self, classes: &[String]) -> Result<Vec<Vec<usize>>> {
        let mut all = vec![Vec::new(); classes.len()];
        self.labels.iter().enumerate().for_each(|(i, &label)| all[label as usize].push(i));
        for (class, examples) in classes.iter().zip(&all) {
            ensure!(!examples.is_empty(), "there is nothing of the class {class:?} to train on");
        }
        Ok(all)
    }
}

impl LabelledInputs for Examples {
    fn count(&self) -> usize {
        self.labels.len()
    }

    fn values(&self) -> usize {
        self.width
    }

    fn fill(&self, examples: Range<usize>, inputs: &mut [f32], labels: &mut [u32]) {
        labels.copy_from_slice(&self.labels[examples.clone()]);
        let values = examples.start * self.width..examples.end * self.width;
        inputs.copy_from_slice(&self.values[values]);
    }
}
