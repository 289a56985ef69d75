//! Where examples come from.

use std::ops::Range;

/// Pictures with labels.
pub trait Examples {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values of an image as the network takes it.
    fn values(&self) -> usize;

    /// Writes images (examples, values) and labels of a range of examples.
    fn fill(&self, examples: Range<usize>, images: &mut [f32], labels: &mut [u32]);

    /// An example as people look at it.
    fn thumbnail(&self, example: usize) -> Thumbnail;
}

/// A small square picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Rows and columns.
    pub side: usize,
    /// (side, side, 3), red, green and blue.
    pub rgb: Vec<u8>,
}

impl Thumbnail {
    /// A picture of grey values (side, side).
    pub fn grey(side: usize, values: &[u8]) -> Self {
        Self { side, rgb: values.iter().flat_map(|&value| [value; 3]).collect() }
    }
}
