//! Coloured pictures of ten shapes.
//!
//! A shape of any colour lies anywhere about the middle, turned by any angle, on a background that
//! goes from one colour to another. A second thing of a third colour lies over or under it, and
//! noise over all. Each class stays itself when it is mirrored, and when a part of 24×24 pixels is
//! cut out.

mod outline;
mod paint;

use super::transform::{Linear, Point};
use super::{CLASSES, Streams, SyntheticImages};
use crate::data::Split;
use crate::rng::Sequence;
use paint::{Gradient, Palette, add_noise, coverage};

/// Coloured pictures of 32×32 pixels of ten shapes.
#[derive(Clone, Copy, Debug)]
pub struct Shapes {
    streams: Streams,
}

impl Shapes {
    /// The shapes of one `seed` and `split`.
    pub fn new(seed: u64, split: Split) -> Self {
        Self { streams: Streams::new(seed, "shapes", split) }
    }
}

impl SyntheticImages for Shapes {
    const SIDE: usize = 32;
    const CHANNELS: usize = 3;
    const NAMES: [&'static str; CLASSES] = [
        "circle",
        "square",
        "triangle",
        "star",
        "cross",
        "ring",
        "crescent",
        "stripes",
        "heart",
        "hourglass",
    ];

    fn streams(&self) -> &Streams {
        &self.streams
    }

    fn paint(&self, label: u8, random: &mut Sequence, pixels: &mut [u8]) {
        let palette = Palette::draw(random);
        let background = Gradient::draw(palette.background, random);
        let fill = Gradient::draw([palette.shape, palette.shape], random);
        let shape = ShapePose::draw(random, (5.8, 9.2), 3.0);
        let clutter = Clutter::draw(random);
        // Half of the clutter lies over the shape.
        let over = random.below(2) == 0;
        for row in 0..Self::SIDE {
            for column in 0..Self::SIDE {
                let point = (column as f32 + 0.5, row as f32 + 0.5);
                let outline = outline::distance(label, shape.inverse(point));
                let covers = coverage(outline * shape.size);
                let clutter = coverage(clutter.distance(point));
                let covers = if over { covers.min(1.0 - clutter) } else { covers };
                let at = (row * Self::SIDE + column) * Self::CHANNELS;
                let (below, above) = (background.at(point), fill.at(point));
                for channel in 0..Self::CHANNELS {
                    let second = palette.clutter[channel];
                    let mut value = below[channel] + clutter * (second - below[channel]);
                    value += covers * (above[channel] - value);
                    pixels[at + channel] = value as u8;
                }
            }
        }
        add_noise(random, pixels);
    }
}

/// Where a thing lies whose own coordinates go from about −1 to 1.
struct ShapePose {
    centre: Point,
    size: f32,
    /// From an offset in pixels to the thing's own coordinates.
    map: Linear,
}

impl ShapePose {
    /// A thing of a size in the range `sizes`, at most `off` pixels from the middle in each
    /// direction.
    fn draw(random: &mut Sequence, sizes: (f32, f32), off: f32) -> Self {
        let mut middle = || Shapes::SIDE as f32 / 2.0 + random.uniform_between(-off, off);
        let centre = (middle(), middle());
        let size = random.uniform_between(sizes.0, sizes.1);
        // Up to a fifth narrower in one direction.
        let squeeze = random.uniform_between(0.9, 1.12);
        let stretch = Linear::stretch(squeeze / size, 1.0 / (squeeze * size));
        let map = stretch.after(Linear::any_rotation(random));
        Self { centre, size, map }
    }

    #[inline(always)]
    fn inverse(&self, (x, y): Point) -> Point {
        self.map.apply((x - self.centre.0, y - self.centre.1))
    }
}

/// The second thing in the picture: a bar or a blob somewhere.
struct Clutter {
    place: ShapePose,
    length: f32,
}

impl Clutter {
    fn draw(random: &mut Sequence) -> Self {
        let place = ShapePose::draw(random, (1.2, 2.4), 13.0);
        Self { place, length: random.uniform_between(0.0, 4.0) }
    }

    #[inline(always)]
    fn distance(&self, point: Point) -> f32 {
        let (x, y) = self.place.inverse(point);
        let x = (x.abs() - self.length).max(0.0);
        ((x * x + y * y).sqrt() - 1.0) * self.place.size
    }
}
