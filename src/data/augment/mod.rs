//! What happens to pictures on their way to a network: a list of steps that a config names.
//!
//! A picture of bytes (height, width, depth) becomes numbers from 0 to 255, goes through the
//! steps in their order and without clipping, and is then what the network reads. In training the
//! steps draw at random; what they draw for an image is a function of (seed, stream, epoch,
//! example) and the step's place in the list alone, so that a run resumes to the bit and any
//! number of threads may prepare its batches. In evaluation a crop is taken at the centre, a
//! picture is standardised, and all else is left out.
//!
//! Lists of the form that CIFAR-10's reference has take a path of their own, [`mod@reference`].

mod canvas;
mod list;
pub mod reference;
mod step;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

pub use canvas::Canvas;
pub use list::Augment;
pub use reference::{CROP, CROP_VALUES};
pub use step::Step;

/// The size of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub depth: usize,
}

impl Shape {
    /// The number of values.
    pub const fn values(self) -> usize {
        self.height * self.width * self.depth
    }
}

/// `24 × 24`
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.height, self.width)
    }
}

/// The number of `bounds` that a random word stands for, by its upper 24 bits.
#[inline]
fn between(bounds: Range<f32>, word: u32) -> f32 {
    bounds.start + (bounds.end - bounds.start) * ((word >> 8) as f32 / (1_u32 << 24) as f32)
}

/// One of `rows` × `columns` places, each as likely: a 32-bit word is spread over them, so that
/// none is likelier by more than their number in 2³².
#[inline]
fn place(rows: usize, columns: usize, word: u32) -> (usize, usize) {
    let place = ((u64::from(word) * (rows * columns) as u64) >> 32) as usize;
    (place / columns, place % columns)
}

/// Whether a random word says that left and right change places.
#[inline]
fn is_flipped(word: u32) -> bool {
    word >> 31 == 1
}
