//! Examples: labelled pictures, and how a network takes them.

use std::ops::Range;

use crate::data::Labelled;
use crate::data::augment::{Augment, Shape};

/// How a network takes pictures.
pub trait Input: Clone + Send + Sync + 'static {
    /// The size of a picture as the network takes it.
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

/// ImageDataset with labels, as a network takes them.
#[derive(Clone, Debug)]
pub struct Examples<I> {
    /// The pictures.
    pub images: Labelled,
    /// How the network takes them.
    pub input: I,
}

impl<I: Input> Examples<I> {
    /// Values of an image as the network takes it.
    pub fn values(&self) -> usize {
        self.input.shape().values()
    }

    /// Writes images (examples, values) and labels of a range of examples.
    pub fn fill(&self, examples: Range<usize>, inputs: &mut [f32], labels: &mut [u32]) {
        let found = &self.images.labels()[examples.clone()];
        labels.iter_mut().zip(found).for_each(|(to, &label)| *to = u32::from(label));
        self.input.write(&self.images, examples, inputs);
    }

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
