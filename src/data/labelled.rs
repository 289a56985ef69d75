//! Images of one size with their labels.

use std::ops::Range;

use super::augment::Shape;

/// Images of one size, a byte a value, and the class of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Labelled {
    /// Images one after another, and their classes.
    ///
    /// # Panics
    /// When images and labels differ in number.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        let bytes = labels.len() * shape.values();
        assert_eq!(pixels.len(), bytes, "images and labels differ in number");
        Self { shape, pixels, labels }
    }

    /// No images yet, of that size.
    pub fn empty(shape: Shape) -> Self {
        Self::new(shape, Vec::new(), Vec::new())
    }

    /// The size of an image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images of a range, one after another.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn pixels(&self, range: Range<usize>) -> &[u8] {
        let bytes = self.shape.values();
        &self.pixels[range.start * bytes..range.end * bytes]
    }

    /// Image `index`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        self.pixels(index..index + 1)
    }

    /// The class of every image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Keeps the first `at` images and gives the others.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn split_off(&mut self, at: usize) -> Self {
        let pixels = self.pixels.split_off(at * self.shape.values());
        Self::new(self.shape, pixels, self.labels.split_off(at))
    }

    /// Gives each image the class `classes[label]` instead of its `label`.
    ///
    /// # Panics
    /// When there are fewer classes.
    pub fn relabel(&mut self, classes: &[u8]) {
        self.labels.iter_mut().for_each(|label| *label = classes[usize::from(*label)]);
    }

    /// Adds an image.
    ///
    /// # Panics
    /// When it has another size.
    pub fn push(&mut self, label: u8, image: &[u8]) {
        assert_eq!(image.len(), self.shape.values(), "an image has the wrong size");
        self.labels.push(label);
        self.pixels.extend_from_slice(image);
    }

    /// Number and checksum, which tell these images from others.
    pub fn fingerprint(&self) -> String {
        let crc = crc32c::crc32c_append(crc32c::crc32c(&self.labels), &self.pixels);
        format!("{} {crc:08x}", self.len())
    }
}
