//! Brightness, contrast and standardisation in one pass over the bytes of a crop.
//!
//! Per channel `c` with the mean `μ_c`, the reference computes in turn
//!
//! ```text
//! brightness   y = x + δ
//! contrast     z = (y − m_c) · f + m_c          m_c = μ_c + δ, the mean of y
//! standardise  (z − m) / max(σ, 1/√n)           m, σ: mean and deviation of all n values z
//! ```
//!
//! All of it is one straight line per channel. Contrast leaves the channels' means as they are, so
//! that m is the mean of the m_c and σ² = f² · mean(σ_c²) + mean((m_c − m)²), with σ_c² the
//! variance of the bytes of a channel. What the line needs is thus known from the sums of the
//! bytes and of their squares, which are whole numbers and exact. (δ takes no part in the result,
//! since nothing is clipped: it is in m_c and in m.)
//!
//! Plain loops over fixed lengths: the compiler makes vectors of them, and as no sum of theirs is
//! rounded, and a product is never fused with a sum, the bits are the same on every machine.

use super::{CROP, CROP_VALUES};
use crate::data::cifar10::{DEPTH, SIDE};

/// Values of a row of the crop.
const ROW: usize = CROP * DEPTH;
/// Pixels of the crop, which are the values of a channel.
const PIXELS: usize = CROP * CROP;

/// The bytes of a crop.
pub(super) struct Crop {
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
    pub(super) fn new(image: &[u8], top: usize, left: usize, flip: bool) -> Self {
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
    pub(super) fn write(&self, brightness: f32, contrast: f32, output: &mut [f32]) {
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
