//! The input of the CIFAR-10 network: `distorted_inputs` for training and `inputs` for evaluation.
//!
//! In training an image goes through a random crop to 24 × 24, a random flip, random brightness,
//! random contrast and standardisation, in this order and without clipping. In evaluation it is
//! cropped at its centre and standardised. What is drawn for an image is a function of (seed,
//! stream, epoch, example) alone, so that a run resumes to the bit and any number of threads may
//! prepare its batches.

mod standardise;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::cifar10::{DEPTH, IMAGE_BYTES, Images, SIDE};
use super::shuffle::Shuffle;
use crate::rng::Stream;

/// Rows of an image as the network sees it, and its columns (`IMAGE_SIZE` of the reference).
pub const CROP: usize = 24;
/// Values of an image as the network sees it: (height, width, depth).
pub const CROP_VALUES: usize = CROP * CROP * DEPTH;

/// The largest change of brightness, in steps of a byte.
const MAX_BRIGHTNESS: f32 = 63.0;
/// The bounds of the factor of the contrast.
const CONTRAST: Range<f32> = 0.2..1.8;
/// Where a crop may begin: at 0 to 8, in either direction.
const OFFSETS: usize = SIDE - CROP + 1;

/// What happens to an image before it is standardised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// First row of the crop, from 0 to 8.
    pub top: usize,
    /// First column of the crop, from 0 to 8.
    pub left: usize,
    /// Whether left and right change places.
    pub flip: bool,
    /// Added to every value; a byte's range is 0 to 255.
    pub brightness: f32,
    /// Factor of the distances to each channel's mean.
    pub contrast: f32,
}

impl Distortion {
    /// The crop at the centre and nothing else: what evaluation does.
    pub const NONE: Distortion = Distortion {
        top: (SIDE - CROP) / 2,
        left: (SIDE - CROP) / 2,
        flip: false,
        brightness: 0.0,
        contrast: 1.0,
    };

    /// What `stream` gives for an example in an epoch: brightness from [-63, 63), contrast from
    /// [0.2, 1.8), and each of the 81 crops and the flip as likely as the other.
    #[inline]
    pub fn draw(stream: &Stream, epoch: u64, example: u32) -> Self {
        let [crop, flip, brightness, contrast] = stream.block(epoch, u64::from(example));
        // A 32-bit word is spread over the crops; none is likelier by more than 81 in 2³².
        let crop = ((u64::from(crop) * (OFFSETS * OFFSETS) as u64) >> 32) as usize;
        Self {
            top: crop / OFFSETS,
            left: crop % OFFSETS,
            flip: flip >> 31 == 1,
            brightness: between(-MAX_BRIGHTNESS..MAX_BRIGHTNESS, brightness),
            contrast: between(CONTRAST, contrast),
        }
    }

    /// Writes the distorted and standardised `image` (32, 32, 3) to `output` (24, 24, 3).
    ///
    /// # Panics
    /// When a slice has another size, or the crop leaves the image.
    pub fn apply(&self, image: &[u8], output: &mut [f32]) {
        assert_eq!(image.len(), IMAGE_BYTES, "the image has another size");
        assert_eq!(output.len(), CROP_VALUES, "the output has another size");
        assert!(self.top < OFFSETS && self.left < OFFSETS, "the crop leaves the image");
        let crop = standardise::Crop::new(image, self.top, self.left, self.flip);
        crop.write(self.brightness, self.contrast, output);
    }
}

/// The number of `bounds` that a random word stands for, by its upper 24 bits.
#[inline]
fn between(bounds: Range<f32>, word: u32) -> f32 {
    bounds.start + (bounds.end - bounds.start) * ((word >> 8) as f32 / (1_u32 << 24) as f32)
}

/// The training examples at the positions from `first` on, which is step · batch for a whole
/// batch: `order` says which examples they are, `stream` how they are distorted. `inputs` is
/// (batch, 24, 24, 3) and `labels` (batch).
///
/// # Panics
/// When `order` has another number of examples than `images`, or a slice another size.
pub fn distorted_inputs(
    images: &Images,
    order: &Shuffle,
    stream: &Stream,
    first: u64,
    inputs: &mut [f32],
    labels: &mut [u32],
) {
    assert_eq!(images.len(), order.examples(), "another number of examples");
    let batch = labels.len();
    assert_eq!(inputs.len(), batch * CROP_VALUES, "the inputs have another size");
    order.for_each(first, batch, |i, place| {
        let example = place.example as usize;
        let output = &mut inputs[i * CROP_VALUES..(i + 1) * CROP_VALUES];
        let distortion = Distortion::draw(stream, place.epoch, place.example);
        distortion.apply(images.image(example), output);
        labels[i] = u32::from(images.labels()[example]);
    });
}

/// The images of `range` as evaluation sees them. `inputs` is (images, 24, 24, 3) and `labels`
/// (images).
///
/// # Panics
/// When the range leaves the images, or a slice has another size.
pub fn inputs(images: &Images, range: Range<usize>, inputs: &mut [f32], labels: &mut [u32]) {
    assert_eq!(labels.len(), range.len(), "the labels have another size");
    assert_eq!(inputs.len(), range.len() * CROP_VALUES, "the inputs have another size");
    let outputs = inputs.chunks_exact_mut(CROP_VALUES).zip(labels);
    for (example, (output, label)) in range.zip(outputs) {
        Distortion::NONE.apply(images.image(example), output);
        *label = u32::from(images.labels()[example]);
    }
}
