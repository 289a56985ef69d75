//! The input of the CIFAR-10 network: `distorted_inputs` for training and `inputs` for evaluation.
//!
//! In training an image goes through a random crop to 24 × 24, a random flip, random brightness,
//! random contrast and standardisation, in this order and without clipping; in evaluation it is
//! cropped at its centre and standardised. All of it is one pass over the bytes.

mod standardise;
#[cfg(test)]
mod tests;

use super::{Shape, Step, between, is_flipped, place};
use crate::data::cifar10::{DEPTH, IMAGE_BYTES, SHAPE, SIDE};
use crate::rng::Stream;

/// Rows of an image as the network sees it, and its columns (`IMAGE_SIZE` of the reference).
pub const CROP: usize = 24;
/// Values of an image as the network sees it: (height, width, depth).
pub const CROP_VALUES: usize = CROP * CROP * DEPTH;

/// The crop of the reference.
const CROP_STEP: Step = Step::Crop { height: CROP, width: CROP };
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

    /// Whether [`Distortion::NONE`] is what `steps` do to images of size `input` in evaluation.
    pub fn evaluates(steps: &[Step], input: Shape) -> bool {
        let steps = steps.iter().copied().filter(|step| step.is_of_evaluation());
        input == SHAPE && steps.eq([CROP_STEP, Step::Standardise])
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

/// What brightness and contrast are drawn from, where all else is as in the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranges {
    /// The largest change of brightness, in steps of a byte.
    pub brightness: f32,
    /// The least and the largest factor of the contrast.
    pub contrast: [f32; 2],
}

impl Ranges {
    /// Those of `steps` for images of size `input`, where they have the form of the reference.
    pub fn of(steps: &[Step], input: Shape) -> Option<Self> {
        match *steps {
            [
                CROP_STEP,
                Step::Flip,
                Step::Brightness { max: brightness },
                Step::Contrast { min, max },
                Step::Standardise,
            ] if input == SHAPE => Some(Self { brightness, contrast: [min, max] }),
            _ => None,
        }
    }

    /// What `stream` gives for an example in an epoch: each of the 81 crops and the flip as
    /// likely as the other, brightness and contrast even in their ranges, without the upper end.
    #[inline]
    pub fn draw(&self, stream: &Stream, epoch: u64, example: u32) -> Distortion {
        let [crop, flip, brightness, contrast] = stream.block(epoch, u64::from(example));
        let (top, left) = place(OFFSETS, OFFSETS, crop);
        Distortion {
            top,
            left,
            flip: is_flipped(flip),
            brightness: between(-self.brightness..self.brightness, brightness),
            contrast: between(self.contrast[0]..self.contrast[1], contrast),
        }
    }
}
