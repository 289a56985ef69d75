//! The input of the CIFAR-10 network: `distorted_inputs` for training and `inputs` for evaluation.
//!
//! In training an image goes through a random crop to 24 × 24, a random flip, random brightness,
//! random contrast and standardisation, in this order and without clipping; in evaluation it is
//! cropped at its centre and standardised. All of it is one pass over the bytes.

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
        assert_eq!(image.len(), IMAGE_BYTES, "the image has the wrong size");
        assert_eq!(output.len(), CROP_VALUES, "the output has the wrong size");
        assert!(self.top < OFFSETS && self.left < OFFSETS, "the crop extends past the image");
        let crop = Crop::new(image, self.top, self.left, self.flip);
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

/// Values of a row of the crop.
const ROW: usize = CROP * DEPTH;
/// Pixels of the crop, which are the values of a channel.
const PIXELS: usize = CROP * CROP;

/// The bytes of a crop.
struct Crop {
    rows: [[u8; ROW]; CROP],
}

/// What a channel's bytes come to.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    variance: f64,
}

impl Crop {
    /// The crop of `image` (32, 32, 3) that begins at row `top` and column `left`.
    fn new(image: &[u8], top: usize, left: usize, flip: bool) -> Self {
        let mut rows = [[0; ROW]; CROP];
        for (y, row) in rows.iter_mut().enumerate() {
            let start = ((top + y) * SIDE + left) * DEPTH;
            let from = &image[start..start + ROW];
            if flip {
                reverse(from, row);
            } else {
                row.copy_from_slice(from);
            }
        }
        Self { rows }
    }

    /// Writes the values after brightness, contrast and standardisation to `output` (24, 24, 3).
    fn write(&self, brightness: f32, contrast: f32, output: &mut [f32]) {
        let (moments, factor) = (self.moments(), f64::from(contrast));
        let means = moments.map(|channel| channel.mean + f64::from(brightness));
        let mean = average(means);
        let spread = average(moments.map(|channel| channel.variance));
        let between = average(means.map(|channel| (channel - mean) * (channel - mean)));
        let deviation = (factor * factor * spread + between).sqrt();
        let deviation = deviation.max(1.0 / (CROP_VALUES as f64).sqrt());
        // The line is taken about the byte next to the channel's mean: a difference of bytes is
        // exact, and an image of one colour is not lost in the rounding of large numbers.
        let (mut pivots, mut offsets) = ([0.0; ROW], [0.0; ROW]);
        for c in 0..DEPTH {
            let pivot = moments[c].mean.round();
            let offset = (factor * (pivot - moments[c].mean) + means[c] - mean) / deviation;
            for pixel in 0..CROP {
                pivots[pixel * DEPTH + c] = pivot as f32;
                offsets[pixel * DEPTH + c] = offset as f32;
            }
        }
        self.write_line((factor / deviation) as f32, &pivots, &offsets, output);
    }

    fn write_line(
        &self,
        slope: f32,
        pivots: &[f32; ROW],
        offsets: &[f32; ROW],
        output: &mut [f32],
    ) {
        for (to, from) in output.chunks_exact_mut(ROW).zip(&self.rows) {
            for i in 0..ROW {
                to[i] = (f32::from(from[i]) - pivots[i]) * slope + offsets[i];
            }
        }
    }

    /// Mean and variance of each channel.
    fn moments(&self) -> [Moments; DEPTH] {
        // A column's sum of 24 bytes fits 16 bits.
        let (mut sums, mut squares) = ([0_u16; ROW], [0_u32; ROW]);
        for row in &self.rows {
            for i in 0..ROW {
                let value = u16::from(row[i]);
                sums[i] += value;
                squares[i] += u32::from(value * value);
            }
        }
        let mut moments = [Moments::default(); DEPTH];
        for (c, channel) in moments.iter_mut().enumerate() {
            let columns = (c..ROW).step_by(DEPTH);
            let sum: u64 = columns.clone().map(|i| u64::from(sums[i])).sum();
            let square: u64 = columns.map(|i| u64::from(squares[i])).sum();
            let n = PIXELS as u64;
            channel.mean = sum as f64 / n as f64;
            // Whole numbers up to here, so that nothing cancels.
            channel.variance = (n * square - sum * sum) as f64 / (n * n) as f64;
        }
        moments
    }
}

/// Pixels from right to left.
fn reverse(from: &[u8], to: &mut [u8; ROW]) {
    for (to, from) in to.chunks_exact_mut(DEPTH).zip(from.chunks_exact(DEPTH).rev()) {
        to.copy_from_slice(from);
    }
}

fn average(values: [f64; DEPTH]) -> f64 {
    values.iter().sum::<f64>() / DEPTH as f64
}

#[cfg(test)]
mod tests;
