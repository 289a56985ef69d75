//! Grey images of the ten digits in the manner of MNIST: light strokes on black.
//!
//! A digit is written in one of a few ways, its points are shaken, it is squeezed, slanted and
//! turned, moved from the middle, and drawn with a pen of any width and softness.

use std::sync::LazyLock;

use super::transform::{Linear, Point};
use super::{CLASSES, Streams, SyntheticImages};
use crate::data::Split;
use crate::rng::Sequence;

/// Grey images of 28×28 pixels of the digits 0–9.
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

/// Where the points of a glyph, whose height is 2 about the origin, are in the image.
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

/// One movement of the pen.
#[derive(Debug)]
struct Stroke {
    /// Whether the pen goes through the points in a curve, or straight from one to the next.
    smooth: bool,
    points: Vec<Point>,
}

/// Each digit's glyphs.
static GLYPHS: LazyLock<[Vec<Vec<Stroke>>; 10]> = LazyLock::new(|| {
    read(include_str!("glyphs.txt")).unwrap_or_else(|| panic!("glyphs.txt has a broken line"))
});

fn read(text: &str) -> Option<[Vec<Vec<Stroke>>; 10]> {
    let mut glyphs: [Vec<Vec<Stroke>>; 10] = Default::default();
    let mut digit = 0;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        match words.next()? {
            kind @ ("curve" | "lines") => {
                let points: Option<Vec<Point>> = words.map(point).collect();
                let stroke = Stroke { smooth: kind == "curve", points: points? };
                glyphs[digit].last_mut()?.push(stroke);
            }
            head => {
                digit = head.parse().ok()?;
                glyphs.get_mut(digit)?.push(Vec::new());
            }
        }
    }
    Some(glyphs)
}

fn point(text: &str) -> Option<Point> {
    let (x, y) = text.split_once(',')?;
    Some((x.parse().ok()?, y.parse().ok()?))
}

const SIDE: usize = Digits::SIDE;
/// Straight pieces of a curve between two of its points.
const PIECES: usize = 5;

/// A pen, and how near each pixel is to what it has drawn.
struct Pen {
    half_width: f32,
    /// Pixels over which a stroke's edge fades.
    softness: f32,
    /// Squared distance of each pixel's centre to the nearest stroke.
    squares: [f32; SIDE * SIDE],
}

impl Pen {
    fn draw(random: &mut Sequence) -> Self {
        Self {
            half_width: random.uniform_between(0.6, 1.9),
            softness: random.uniform_between(0.9, 1.8),
            squares: [f32::MAX; SIDE * SIDE],
        }
    }

    /// Straight lines from point to point.
    fn lines(&mut self, points: &[Point]) {
        for ends in points.windows(2) {
            self.segment(ends[0], ends[1]);
        }
    }

    /// A Catmull–Rom spline (Catmull and Rom 1974, uniform, tension ½) through all points.
    fn curve(&mut self, points: &[Point]) {
        let last = points.len() - 1;
        for at in 0..last {
            // The ends are doubled.
            let knots =
                [at.saturating_sub(1), at, at + 1, (at + 2).min(last)].map(|knot| points[knot]);
            let mut from = points[at];
            for piece in 1..=PIECES {
                let to = spline(knots, piece as f32 / PIECES as f32);
                self.segment(from, to);
                from = to;
            }
        }
    }

    /// Lowers the distances of the pixels about one straight piece.
    fn segment(&mut self, (x0, y0): Point, (x1, y1): Point) {
        let reach = self.half_width + self.softness;
        let columns = pixels_between(x0.min(x1) - reach, x0.max(x1) + reach);
        let rows = pixels_between(y0.min(y1) - reach, y0.max(y1) + reach);
        let (dx, dy) = (x1 - x0, y1 - y0);
        // A piece without length is its first point, wherever on it a pixel falls.
        let scale = 1.0 / (dx * dx + dy * dy).max(1e-12);
        for row in rows {
            let y = row as f32 + 0.5 - y0;
            let squares = &mut self.squares[row * SIDE..][columns.clone()];
            for (column, square) in columns.clone().zip(squares) {
                let x = column as f32 + 0.5 - x0;
                let along = ((x * dx + y * dy) * scale).clamp(0.0, 1.0);
                let (off_x, off_y) = (x - along * dx, y - along * dy);
                *square = square.min(off_x * off_x + off_y * off_y);
            }
        }
    }

    /// Turns the distances to grey: ink of uneven strength on a background with a little noise.
    fn ink(&self, random: &mut Sequence, pixels: &mut [u8]) {
        let strength = random.uniform_between(150.0, 265.0);
        let unevenness = random.uniform_between(0.0, 0.5) / 256.0;
        let noise = random.uniform_between(0.0, 90.0) / 256.0;
        let edge = self.half_width + 0.5 * self.softness;
        let fade = 1.0 / self.softness;
        for (squares, pixels) in self.squares.chunks_exact(2).zip(pixels.chunks_exact_mut(2)) {
            let word = random.word().to_le_bytes();
            for (at, (square, pixel)) in squares.iter().zip(pixels).enumerate() {
                let covered = ((edge - square.sqrt()) * fade).clamp(0.0, 1.0);
                let ink = covered * strength * (1.0 - unevenness * f32::from(word[2 * at]));
                // Half of the background stays black, as MNIST's does.
                let grain = noise * (f32::from(word[2 * at + 1]) - 128.0);
                *pixel = (ink + grain) as u8;
            }
        }
    }
}

/// The pixels whose centres are between two coordinates.
fn pixels_between(low: f32, high: f32) -> std::ops::Range<usize> {
    // Conversions to whole numbers stop at 0.
    let from = ((low + 0.5) as usize).min(SIDE);
    from..((high + 0.5) as usize).clamp(from, SIDE)
}

/// The spline between the second and the third of four knots, at `t` from 0 to 1.
fn spline(knots: [Point; 4], t: f32) -> Point {
    let weights = [
        ((2.0 - t) * t - 1.0) * t * 0.5,
        ((3.0 * t - 5.0) * t * t + 2.0) * 0.5,
        ((4.0 - 3.0 * t) * t + 1.0) * t * 0.5,
        (t - 1.0) * t * t * 0.5,
    ];
    let sum = |part: fn(&Point) -> f32| {
        knots.iter().zip(weights).map(|(knot, weight)| part(knot) * weight).sum()
    };
    (sum(|knot| knot.0), sum(|knot| knot.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spline_goes_through_its_inner_knots() {
        let knots = [(0.0, 3.0), (1.0, 5.0), (4.0, -1.0), (2.0, 2.0)];
        assert_eq!(spline(knots, 0.0), knots[1]);
        assert_eq!(spline(knots, 1.0), knots[2]);
        let (x, y) = spline([(0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (3.0, 6.0)], 0.25);
        assert!((x - 1.25).abs() < 1e-6 && (y - 2.5).abs() < 1e-6, "({x}, {y})");
    }

    #[test]
    fn distances_are_those_to_the_nearest_point_of_a_stroke() {
        let squares = [f32::MAX; SIDE * SIDE];
        let mut pen = Pen { half_width: 2.0, softness: 1.0, squares };
        pen.lines(&[(5.5, 10.5), (15.5, 10.5)]);
        let square = |x: usize, y: usize| pen.squares[y * SIDE + x];
        assert_eq!((square(5, 10), square(9, 12), square(16, 11)), (0.0, 4.0, 2.0));
        assert_eq!(square(9, 20), f32::MAX);
    }

    #[test]
    fn strokes_beyond_the_picture_are_cut_off() {
        let squares = [f32::MAX; SIDE * SIDE];
        let mut pen = Pen { half_width: 2.0, softness: 1.0, squares };
        pen.lines(&[(-50.0, -50.0), (-40.0, 90.0), (90.0, 80.0), (14.0, 14.0), (14.0, 14.0)]);
        assert!(pen.squares.iter().all(|square| square.is_finite()));
    }
}
