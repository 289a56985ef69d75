//! Grey pictures of the ten digits in the manner of MNIST: light strokes on black.
//!
//! A digit is written in one of a few ways, its points are shaken, it is squeezed, slanted and
//! turned, moved from the middle, and drawn with a pen of any width and softness.

mod glyphs;
mod pen;

use super::transform::{Linear, Point};
use super::{CLASSES, Streams, SyntheticImages};
use crate::data::Split;
use crate::rng::Sequence;
use glyphs::GLYPHS;
use pen::Pen;

/// Grey pictures of 28×28 pixels of the digits 0–9.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    streams: Streams,
}

impl Digits {
    /// The digits of one `seed` and `split`.
    pub fn new(seed: u64, split: Split) -> Self {
        Self { streams: Streams::new(seed, "digits", split) }
    }
}

impl SyntheticImages for Digits {
    const SIDE: usize = 28;
    const CHANNELS: usize = 1;
    const NAMES: [&'static str; CLASSES] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    fn streams(&self) -> &Streams {
        &self.streams
    }

    fn paint(&self, label: u8, random: &mut Sequence, pixels: &mut [u8]) {
        let ways = &GLYPHS[usize::from(label)];
        let glyph = &ways[random.below(ways.len() as u32) as usize];
        let place = GlyphPose::draw(random);
        let mut pen = Pen::draw(random);
        for stroke in glyph {
            let points: Vec<Point> =
                stroke.points.iter().map(|&point| place.of(shaken(point, random))).collect();
            if stroke.smooth { pen.curve(&points) } else { pen.lines(&points) }
        }
        pen.ink(random, pixels);
    }
}

/// How far a point of a glyph moves from its place, in halves of the glyph's height.
const SHAKE: f32 = 0.16;

fn shaken((x, y): Point, random: &mut Sequence) -> Point {
    (x + random.uniform_between(-SHAKE, SHAKE), y + random.uniform_between(-SHAKE, SHAKE))
}

/// Where the points of a glyph, whose height is 2 about the origin, lie in the picture.
struct GlyphPose {
    map: Linear,
    centre: Point,
}

impl GlyphPose {
    fn draw(random: &mut Sequence) -> Self {
        let half_height = random.uniform_between(7.0, 9.6);
        let width = half_height * random.uniform_between(0.65, 1.15);
        let stretch = Linear::stretch(width, half_height);
        let shear = Linear::shear(random.uniform_between(-0.2, 0.5));
        // At most 22 degrees to either side.
        let rotation = Linear::rotation(random.uniform_between(-0.195, 0.195));
        let mut middle = || Digits::SIDE as f32 / 2.0 + random.uniform_between(-2.5, 2.5);
        Self { map: rotation.after(shear).after(stretch), centre: (middle(), middle()) }
    }

    fn of(&self, point: Point) -> Point {
        let (x, y) = self.map.apply(point);
        (x + self.centre.0, y + self.centre.1)
    }
}
