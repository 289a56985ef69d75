//! The images of a run, by split.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::{LabelledInputs, RawImages};
use crate::data::augment::{Augment, Shape};
use crate::data::{Labelled, Split};
use crate::system::wording::plural;

/// The training, validation and test sets.
#[derive(Debug)]
pub struct ImageDataset<I> {
    /// The training images, without those held out, shared with the threads that prepare batches.
    pub train: Arc<Examples<I>>,
    /// The held-out images, if there are any.
    pub valid: Option<Examples<I>>,
    /// The test images.
    pub test: Examples<I>,
    /// The class names.
    pub classes: Vec<String>,
}

impl<I: Input> ImageDataset<I> {
    /// The pictures of a source as `input` takes them. The first `held_out` of training are held
    /// out.
    ///
    /// # Errors
    /// Too few are left to train on.
    pub fn new(source: RawImages, input: I, held_out: usize) -> Result<Self> {
        let RawImages { train: mut valid, test, classes } = source;
        ensure!(
            valid.len() > held_out,
            "data.validation_size = {held_out} must be less than the {} {}",
            valid.len(),
            plural(valid.len(), "training image")
        );
        let train = valid.split_off(held_out);
        ensure!(!test.is_empty(), "there are no test images");
        let examples = |images| Examples { images, input: input.clone() };
        let valid = (held_out > 0).then(|| examples(valid));
        Ok(Self { train: Arc::new(examples(train)), valid, test: examples(test), classes })
    }

    /// A split; none if nothing is held out.
    pub fn split(&self, split: Split) -> Option<&Examples<I>> {
        match split {
            Split::Train => Some(&self.train),
            Split::Valid => self.valid.as_ref(),
            Split::Test => Some(&self.test),
        }
    }

    /// Gives every picture the label that a run has for the name of its class; `classes` are the
    /// run's. Some of them may be missing here.
    ///
    /// # Errors
    /// A class that the run does not know, by its name.
    pub fn take_classes(&mut self, classes: &[String]) -> Result<()> {
        let label = |name: &String| {
            let place = classes.iter().position(|class| class == name);
            place.map(|place| place as u8).with_context(|| {
                format!(
                    "the run was not trained on the class {name:?}, only on {}",
                    classes.join(", ")
                )
            })
        };
        let labels = self.classes.iter().map(label).collect::<Result<Vec<u8>>>()?;
        Arc::make_mut(&mut self.train).images.relabel(&labels);
        self.valid.iter_mut().for_each(|valid| valid.images.relabel(&labels));
        self.test.images.relabel(&labels);
        self.classes = classes.to_vec();
        Ok(())
    }

    /// Counts and checksums that identify these images.
    pub fn fingerprint(&self) -> String {
        let of =
            |split: Split| Some(format!("{split} {}", self.split(split)?.images.fingerprint()));
        Split::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
    }
}

/// The input format of a network.
pub trait Input: Clone + Send + Sync + 'static {
    /// The size of the network's input images.
    fn shape(&self) -> Shape;

    /// Writes the images of a range, without anything random, as (images, height, width, depth).
    fn write(&self, images: &Labelled, range: Range<usize>, inputs: &mut [f32]);
}

impl Input for Augment {
    fn shape(&self) -> Shape {
        self.output()
    }

    fn write(&self, images: &Labelled, range: Range<usize>, inputs: &mut [f32]) {
        self.inputs(images, range, inputs);
    }
}

/// Images with labels, as a network takes them.
#[derive(Clone, Debug)]
pub struct Examples<I> {
    /// The images.
    pub images: Labelled,
    /// How the network takes them.
    pub input: I,
}

impl<I: Input> Examples<I> {
    /// An example as people look at it: the pixels of a square (side, side, 3), red, green and
    /// blue.
    pub fn thumbnail(&self, example: usize) -> Vec<u8> {
        let image = self.images.image(example);
        match self.images.shape().depth {
            1 => image.iter().flat_map(|&value| [value; 3]).collect(),
            _ => image.to_vec(),
        }
    }
}

impl<I: Input> LabelledInputs for Examples<I> {
    fn count(&self) -> usize {
        self.images.len()
    }

    fn values(&self) -> usize {
        self.input.shape().values()
    }

    fn fill(&self, examples: Range<usize>, inputs: &mut [f32], labels: &mut [u32]) {
        let found = &self.images.labels()[examples.clone()];
        labels.iter_mut().zip(found).for_each(|(to, &label)| *to = u32::from(label));
        self.input.write(&self.images, examples, inputs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Labelled;
    use crate::data::augment::{Augment, Shape};

    const SHAPE: Shape = Shape { height: 1, width: 1, depth: 1 };

    /// Images whose value is their label, in `classes`.
    fn source(classes: &[&str]) -> RawImages {
        let labels: Vec<u8> = (0..classes.len() as u8).collect();
        let images = Labelled::new(SHAPE, labels.clone(), labels);
        let classes = classes.iter().map(|&class| class.to_string()).collect();
        RawImages { train: images.clone(), test: images, classes }
    }

    fn pictures(classes: &[&str], held_out: usize) -> Result<ImageDataset<Augment>> {
        ImageDataset::new(source(classes), Augment::new(&[], SHAPE)?, held_out)
    }

    #[test]
    fn the_first_pictures_are_held_out() {
        let found = pictures(&["a", "b", "c"], 1).unwrap();
        let labels = |split| found.split(split).map(|examples| examples.images.labels().to_vec());
        assert_eq!(labels(Split::Valid), Some(vec![0]));
        assert_eq!(labels(Split::Train), Some(vec![1, 2]));
        assert_eq!(labels(Split::Test), Some(vec![0, 1, 2]));
        assert!(pictures(&["a", "b"], 0).unwrap().split(Split::Valid).is_none());
        let error = pictures(&["a", "b"], 2).unwrap_err().to_string();
        assert!(error.starts_with("data.validation_size = 2 must be less than the 2"), "{error}");
    }

    #[test]
    fn labels_become_those_of_a_run_by_the_names_of_classes() {
        let run = ["ant", "bee", "cat"].map(String::from);
        let mut found = pictures(&["cat", "ant"], 1).unwrap();
        found.take_classes(&run).unwrap();
        assert_eq!((&found.classes[..], found.test.images.labels()), (&run[..], &[2, 0][..]));
        assert_eq!(found.valid.unwrap().images.labels(), [2]);
        assert_eq!(found.train.images.labels(), [0]);
        let error = pictures(&["ant", "dog"], 0).unwrap().take_classes(&run).unwrap_err();
        let expect = "the run was not trained on the class \"dog\", only on ant, bee, cat";
        assert_eq!(error.to_string(), expect);
    }
}
