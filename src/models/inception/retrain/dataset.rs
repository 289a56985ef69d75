//! The examples of a run: features with the numbers of classes, divided into three parts.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::cache::Row;
use super::config::{Data, InceptionConfig};
use super::division::{divide, warn_of_missing};
use super::features::{Extractor, FeatureSource, Features};
use super::listing::{ContentHash, Listing};
use crate::data::Split;
use crate::models::classify::LabelledInputs;
use crate::ops::Cpu;

/// The training, validation and test sets.
#[derive(Debug)]
pub struct FeatureDataset {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The source of the features.
    pub source: FeatureSource,
    /// The training images; every class has some.
    pub train: Examples,
    /// Those that are held out to watch the training; there may be none.
    pub valid: Examples,
    /// Those that are held out to judge the run; there may be none.
    pub test: Examples,
    /// All images, and the files that could not be read.
    pub listing: Listing,
    /// The split of each image.
    parts: Vec<Split>,
}

/// Examples of one part.
#[derive(Debug, Default)]
pub struct Examples {
    width: usize,
    /// The features of each, `width` values.
    rows: Vec<Row>,
    /// The number of each one's class.
    pub labels: Vec<u32>,
    /// The file of each.
    pub paths: Vec<PathBuf>,
    /// Of all contents and classes.
    checksum: u32,
}

impl FeatureDataset {
    /// The images of a config, with their features.
    ///
    /// # Errors
    /// No folder of pictures, or one with fewer than two classes, or a class without a picture; a
    /// graph that cannot be used.
    pub fn open(cpu: &Cpu, config: &InceptionConfig, data_dir: &Path) -> Result<Self> {
        if config.data.images.is_empty() {
            bail!(
                "data.images is empty; it must name the folder of the images, with one folder per \
                class: --set data.images=DIR"
            );
        }
        let images = config.images(data_dir);
        ensure!(
            images.is_dir(),
            "data.images = {:?} is not a folder, neither here nor in {}; {}",
            config.data.images,
            data_dir.display(),
            match config.data.images.starts_with("inception-demo/") {
                true => "create it with \"tfm data make inception-demo --pictures 40\"",
                false => "it must contain one folder of images per class",
            }
        );
        let extractor = Extractor::open(&config.graph(data_dir)?, config.features()?)?;
        let features = extractor.extract(cpu, Listing::read(&images)?, data_dir)?;
        for (path, reason) in &features.listing.unreadable {
            tracing::warn!("skipped {}: {reason}", path.display());
        }
        features.listing.check()?;
        let data = &config.data;
        let parts = divide(&features.listing, data.validation_percentage, data.testing_percentage);
        Ok(Self::new(features, parts))
    }

    /// Warns of what may keep the classes from being learnt, or from being judged.
    pub fn warn(&self, data: &Data) {
        let (validation, testing) = (data.validation_percentage, data.testing_percentage);
        self.listing.warn();
        warn_of_missing(&self.listing, &self.parts, validation, testing);
    }

    fn new(features: Features, parts: Vec<Split>) -> Self {
        let Features { listing, rows, source } = features;
        let part = |split| {
            let mut examples = Examples { width: source.values, ..Examples::default() };
            for ((picture, row), part) in listing.pictures.iter().zip(&rows).zip(&parts) {
                if *part == split {
                    examples.push(row, picture.label, picture.path.clone(), picture.hash);
                }
            }
            examples
        };
        let [train, valid, test] = Split::ALL.map(part);
        Self { classes: listing.classes.clone(), source, train, valid, test, listing, parts }
    }

    /// A part.
    pub fn split(&self, split: Split) -> &Examples {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }

    /// The fingerprint of these examples: the graph and its tensor, the classes, and the contents of
    /// each part, in order. File names and locations do not matter.
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
                format!(
                    "the run was not trained on the class {name:?}, only on {}",
                    classes.join(", ")
                )
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

#[cfg(test)]
impl FeatureDataset {
    /// Examples for tests: the training set, and what is held out for validation and test.
    pub fn of_parts(classes: Vec<String>, [train, valid, test]: [Examples; 3]) -> Self {
        let values = train.width;
        let source = FeatureSource { graph: "g".into(), tensor: "t:0".into(), values };
        let (listing, parts) = (Listing::default(), Vec::new());
        Self { classes, source, train, valid, test, listing, parts }
    }
}

#[cfg(test)]
impl Examples {
    /// Examples for tests.
    pub fn of(width: usize, rows: Vec<Row>, labels: Vec<u32>) -> Self {
        Self { width, rows, labels, ..Self::default() }
    }
}

impl Examples {
    fn push(&mut self, row: &Row, label: u32, path: PathBuf, hash: ContentHash) {
        self.rows.push(Row::clone(row));
        self.labels.push(label);
        self.paths.push(path);
        self.checksum = crc32c::crc32c_append(self.checksum, &label.to_le_bytes());
        self.checksum = crc32c::crc32c_append(self.checksum, &hash.0);
    }

    /// The features of an example.
    pub fn row(&self, example: usize) -> &[f32] {
        &self.rows[example]
    }

    /// The examples of each class.
    ///
    /// # Errors
    /// A class without any.
    pub fn by_class(&self, classes: &[String]) -> Result<Vec<Vec<usize>>> {
        let mut all = vec![Vec::new(); classes.len()];
        self.labels.iter().enumerate().for_each(|(i, &label)| all[label as usize].push(i));
        for (class, examples) in classes.iter().zip(&all) {
            ensure!(!examples.is_empty(), "there is no training image of the class {class:?}");
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
        for (to, row) in inputs.chunks_mut(self.width).zip(&self.rows[examples]) {
            to.copy_from_slice(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::listing::Picture;
    use super::*;

    const PARTS: [Split; 4] = [Split::Train, Split::Test, Split::Train, Split::Train];

    /// Two images for each of two classes, with their numbers as features.
    fn dataset(contents: [&str; 4], classes: [&str; 2]) -> FeatureDataset {
        let picture = |(i, content): (usize, &str)| Picture {
            path: format!("{i}-{content}.jpg").into(),
            label: i as u32 / 2,
            hash: ContentHash::of(content.as_bytes()),
        };
        let listing = Listing {
            classes: classes.map(str::to_owned).to_vec(),
            pictures: contents.into_iter().enumerate().map(picture).collect(),
            unreadable: Vec::new(),
        };
        let source = FeatureSource { graph: "g".into(), tensor: "t:0".into(), values: 2 };
        let rows = (0..4).map(|i| Row::from([2.0 * i as f32, 2.0 * i as f32 + 1.0])).collect();
        FeatureDataset::new(Features { listing, rows, source }, PARTS.to_vec())
    }

    #[test]
    fn pictures_are_in_their_parts_with_their_features() {
        let data = dataset(["a", "b", "c", "d"], ["x", "y"]);
        assert_eq!(
            (data.train.labels.as_slice(), data.test.labels.as_slice()),
            (&[0, 1, 1][..], &[0][..])
        );
        assert_eq!(data.valid.count(), 0);
        let (mut inputs, mut labels) = ([0.0; 4], [0; 2]);
        data.train.fill(1..3, &mut inputs, &mut labels);
        assert_eq!((inputs, labels), ([4.0, 5.0, 6.0, 7.0], [1, 1]));
        assert_eq!(data.test.row(0), [2.0, 3.0]);
        assert_eq!(data.train.by_class(&data.classes).unwrap(), [vec![0], vec![1, 2]]);
        let error = data.test.by_class(&data.classes).unwrap_err().to_string();
        assert_eq!(error, "there is no training image of the class \"y\"");
    }

    #[test]
    fn a_fingerprint_is_of_contents_classes_and_parts() {
        let of = |contents, classes| dataset(contents, classes).fingerprint();
        let own = of(["a", "b", "c", "d"], ["x", "y"]);
        assert!(own.starts_with("graph g, t:0 2, classes 2 "), "{own}");
        assert!(own.contains(", train 3 ") && own.contains(", valid 0 00000000, test 1 "), "{own}");
        assert_eq!(own, of(["a", "b", "c", "d"], ["x", "y"]));
        for other in [
            of(["a", "b", "c", "e"], ["x", "y"]),
            of(["a", "b", "d", "c"], ["x", "y"]),
            of(["a", "e", "c", "d"], ["x", "y"]),
            of(["a", "b", "c", "d"], ["x", "z"]),
        ] {
            assert_ne!(own, other);
        }
    }

    #[test]
    fn labels_become_those_of_a_run() {
        let mut data = dataset(["a", "b", "c", "d"], ["x", "z"]);
        let run = ["w", "x", "z"].map(str::to_owned);
        data.take_classes(&run).unwrap();
        assert_eq!(
            (data.train.labels.as_slice(), data.classes.as_slice()),
            (&[1, 2, 2][..], &run[..])
        );
        let error = dataset(["a", "b", "c", "d"], ["x", "q"]).take_classes(&run).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the run was not trained on the class \"q\", only on w, x, z"
        );
    }
}
