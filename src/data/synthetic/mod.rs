//! Images that the program draws itself, so that networks train where no data is available.
//!
//! Image `index` of a split is a function of (seed, split, index) alone: there is no end to them,
//! nothing is kept, and any number of threads draws the same ones. All arithmetic is `+ − × ÷ √` on
//! `f32`, which every machine rounds alike, so their bits are the same everywhere.
//!
//! Ten images in a row, from a multiple of ten on, show each of the ten classes once.

mod digits;
mod shapes;
mod transform;

use anyhow::Result;

use crate::data::Split;
use crate::rng::{Sequence, Stream};
use crate::system::threads;

pub use digits::Digits;
pub use shapes::Shapes;

/// The number of classes of every kind of drawn image.
pub const CLASSES: usize = 10;

/// A kind of image: its shape, its classes, and how one is drawn.
pub trait SyntheticImages: Sync {
    /// The width and height in pixels.
    const SIDE: usize;
    /// Bytes of a pixel: 1 is grey, 3 are red, green and blue.
    const CHANNELS: usize;
    /// The name of each class, by its label.
    const NAMES: [&'static str; CLASSES];
    /// Bytes of an image, which are row-major (`(row · SIDE + column) · CHANNELS + channel`).
    const BYTES: usize = Self::SIDE * Self::SIDE * Self::CHANNELS;

    /// Where the random numbers come from.
    fn streams(&self) -> &Streams;

    /// Draws an image of the class `label` over all of `pixels`.
    fn paint(&self, label: u8, random: &mut Sequence, pixels: &mut [u8]);

    /// The class of image `index`.
    fn label(&self, index: u64) -> u8 {
        self.streams().label(index)
    }

    /// Draws image `index` over all of `pixels` and gives its class.
    ///
    /// # Panics
    /// When `pixels` does not have [`SyntheticImages::BYTES`] bytes.
    fn draw(&self, index: u64, pixels: &mut [u8]) -> u8 {
        assert_eq!(pixels.len(), Self::BYTES, "the bytes of a drawn image");
        let label = self.label(index);
        self.paint(label, &mut self.streams().pictures.at(index), pixels);
        label
    }

    /// The first `count` images, one after another, and their classes, drawn by `n_threads`
    /// threads.
    ///
    /// # Errors
    /// When the threads cannot be started.
    ///
    /// # Panics
    /// When `n_threads` is 0.
    fn examples(&self, count: usize, n_threads: usize) -> Result<(Vec<u8>, Vec<u8>)> {
        let (mut pixels, mut labels) = (vec![0; count * Self::BYTES], vec![0; count]);
        let share = count.div_ceil(n_threads).max(1);
        let parts = pixels.chunks_mut(share * Self::BYTES).zip(labels.chunks_mut(share));
        threads::for_each(parts.enumerate(), |(part, (pixels, labels))| {
            let pictures = pixels.chunks_exact_mut(Self::BYTES).zip(labels);
            for (index, (pixels, label)) in pictures.enumerate() {
                *label = self.draw((part * share + index) as u64, pixels);
            }
        })?;
        Ok((pixels, labels))
    }
}

/// Where the random numbers of the images of one seed and split come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    pictures: Stream,
    order: Stream,
}

impl Streams {
    /// The images of `kind` for a split.
    fn new(seed: u64, kind: &str, split: Split) -> Self {
        let stream = |part: &str| Stream::new(seed, &format!("drawn/{kind}/{split}/{part}"));
        Self { pictures: stream("pictures"), order: stream("order") }
    }

    /// Each ten images have an order of the ten classes of their own.
    fn label(&self, index: u64) -> u8 {
        let (ten, place) = (index / CLASSES as u64, (index % CLASSES as u64) as usize);
        let mut random = self.order.at(ten);
        let mut order: [u8; CLASSES] = std::array::from_fn(|class| class as u8);
        for last in (1..CLASSES).rev() {
            order.swap(last, random.below(last as u32 + 1) as usize);
        }
        order[place]
    }
}

#[cfg(test)]
mod tests;
