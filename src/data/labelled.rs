//! Images of one size with their labels.

use std::ops::Range;

/// Images of `BYTES` bytes, and the class of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelled<const BYTES: usize> {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl<const BYTES: usize> Labelled<BYTES> {
    /// Images one after another, and their classes.
    ///
    /// # Panics
    /// When they are not as many.
    pub fn new(pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), labels.len() * BYTES, "images and labels are not as many");
        Self { pixels, labels }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All images, one after another.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Image `index`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * BYTES..(index + 1) * BYTES]
    }

    /// The class of every image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Some of the images.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn part(&self, range: Range<usize>) -> Self {
        let pixels = self.pixels[range.start * BYTES..range.end * BYTES].to_vec();
        Self::new(pixels, self.labels[range].to_vec())
    }

    /// Adds an image.
    ///
    /// # Panics
    /// When it has another size.
    pub fn push(&mut self, label: u8, image: &[u8]) {
        assert_eq!(image.len(), BYTES, "an image has another size");
        self.labels.push(label);
        self.pixels.extend_from_slice(image);
    }

    /// Number and checksum, which tell these images from others.
    pub fn fingerprint(&self) -> String {
        let crc = crc32c::crc32c_append(crc32c::crc32c(&self.labels), &self.pixels);
        format!("{} {crc:08x}", self.len())
    }
}
