//! What happens to images on their way to a network: a list of steps that a config names.
//!
//! An image of bytes (height, width, depth) becomes numbers from 0 to 255, goes through the steps
//! in their order and without clipping, and is then what the network reads. In training the steps
//! draw at random; what they draw for an image is a function of (seed, stream, epoch, example) and
//! the step's place in the list alone, so that a run resumes bit for bit and any number of threads
//! may prepare its batches. In evaluation a crop is taken at the centre, an image is standardised,
//! and all else is left out.
//!
//! Lists of the form that CIFAR-10's reference has take a path of their own, [`mod@reference`].

mod canvas;
pub mod reference;
mod step;

use std::fmt;
use std::ops::Range;

use anyhow::Result;
use reference::{Distortion, Ranges};

use crate::data::Labelled;
use crate::data::shuffle::Shuffle;
use crate::rng::Stream;

pub use canvas::Canvas;
pub use reference::{CROP, CROP_VALUES};
pub use step::Step;

/// The size of an image.
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

/// One of `rows` × `columns` places, drawn by a 32-bit word; uniform up to rows · columns / 2³².
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

/// The steps that images of one size go through.
#[derive(Clone, Debug, PartialEq)]
pub struct Augment {
    steps: Vec<Step>,
    input: Shape,
    output: Shape,
    /// Where training has the form of the reference.
    reference: Option<Ranges>,
    /// Whether evaluation has the form of the reference.
    evaluates_reference: bool,
}

impl Augment {
    /// The steps for images of size `input`.
    ///
    /// # Errors
    /// What the list must not do, where a step does not fit the size that it finds.
    pub fn new(steps: &[Step], input: Shape) -> Result<Self> {
        let output = steps.iter().try_fold(input, |shape, step| step.output(shape))?;
        Ok(Self {
            steps: steps.to_vec(),
            input,
            output,
            reference: Ranges::of(steps, input),
            evaluates_reference: Distortion::evaluates(steps, input),
        })
    }

    /// The size of the images that it takes.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The size of the images that it gives, in training and in evaluation.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Writes `image` as training sees it in an epoch to `output`; `canvas` is room to work in.
    ///
    /// # Panics
    /// When a slice has another size.
    pub fn distort(
        &self,
        stream: &Stream,
        (epoch, example): (u64, u32),
        image: &[u8],
        canvas: &mut Canvas,
        output: &mut [f32],
    ) {
        if let Some(ranges) = &self.reference {
            return ranges.draw(stream, epoch, example).apply(image, output);
        }
        // The counters of the first 2³² are those of the reference.
        let random = |place: usize| {
            let counter = (place as u64 + 1) << 32 | u64::from(example);
            Some(stream.block(epoch, counter))
        };
        self.apply(image, canvas, output, random);
    }

    /// Writes `image` as evaluation sees it to `output`; `canvas` is room to work in.
    ///
    /// # Panics
    /// When a slice has another size.
    pub fn evaluate(&self, image: &[u8], canvas: &mut Canvas, output: &mut [f32]) {
        if self.evaluates_reference {
            return Distortion::NONE.apply(image, output);
        }
        self.apply(image, canvas, output, |_| None);
    }

    fn apply(
        &self,
        image: &[u8],
        canvas: &mut Canvas,
        output: &mut [f32],
        random: impl Fn(usize) -> Option<[u32; 4]>,
    ) {
        canvas.load(image, self.input);
        for (place, step) in self.steps.iter().enumerate() {
            step.apply(canvas, random(place));
        }
        output.copy_from_slice(canvas.values());
    }

    /// The training examples at the positions starting at `first`, which is step · batch for a
    /// whole batch: `order` says which examples they are, `stream` how they are distorted. `inputs`
    /// is (batch, height, width, depth) of [`Augment::output`] and `labels` (batch).
    ///
    /// # Panics
    /// When `order` has another number of examples than `images`, or a slice another size.
    pub fn distorted_inputs(
        &self,
        images: &Labelled,
        order: &Shuffle,
        stream: &Stream,
        first: u64,
        inputs: &mut [f32],
        labels: &mut [u32],
    ) {
        assert_eq!(images.len(), order.examples(), "the number of examples differs");
        let (batch, values) = (labels.len(), self.output.values());
        assert_eq!(inputs.len(), batch * values, "the inputs have the wrong size");
        let mut canvas = Canvas::default();
        order.for_each(first, batch, |i, place| {
            let example = place.example as usize;
            let output = &mut inputs[i * values..(i + 1) * values];
            let at = (place.epoch, place.example);
            self.distort(stream, at, images.image(example), &mut canvas, output);
            labels[i] = u32::from(images.labels()[example]);
        });
    }

    /// The images of `range` as evaluation sees them. `inputs` is (images, height, width, depth)
    /// of [`Augment::output`].
    ///
    /// # Panics
    /// When the range leaves the images, or a slice has another size.
    pub fn inputs(&self, images: &Labelled, range: Range<usize>, inputs: &mut [f32]) {
        let values = self.output.values();
        assert_eq!(inputs.len(), range.len() * values, "the inputs have the wrong size");
        let mut canvas = Canvas::default();
        for (example, output) in range.zip(inputs.chunks_exact_mut(values)) {
            self.evaluate(images.image(example), &mut canvas, output);
        }
    }
}

#[cfg(test)]
mod tests;
