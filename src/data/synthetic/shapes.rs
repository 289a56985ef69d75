//! Coloured images of ten shapes.
//!
//! A shape of any colour is anywhere about the middle, turned by any angle, on a background that
//! goes from one colour to another. A second thing of a third colour is over or under it, and noise
//! over all. Each class stays itself when it is mirrored, and when a part of 24×24 pixels is cut
//! out.

use super::transform::{Linear, Point};
use super::{CLASSES, Streams, SyntheticImages};
use crate::data::Split;
use crate::rng::Sequence;

/// Coloured images of 32×32 pixels of ten shapes.
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
        // Half of the clutter is over the shape.
        let over = random.below(2) == 0;
        for row in 0..Self::SIDE {
            for column in 0..Self::SIDE {
                let point = (column as f32 + 0.5, row as f32 + 0.5);
                let outline = distance(label, shape.inverse(point));
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

/// Where a thing is whose own coordinates go from about −1 to 1.
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

/// The second thing in the image: a bar or a blob somewhere.
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

/// The distance of a point to the outline of the class `label`, whose extent is about 1.
#[inline(always)]
fn distance(label: u8, (x, y): Point) -> f32 {
    match label {
        0 => disc((x, y), 0.95),
        1 => rectangle((x, y), (0.8, 0.8)),
        2 => triangle((x, y)),
        3 => star((x, y)),
        4 => rectangle((x, y), (1.05, 0.3)).min(rectangle((x, y), (0.3, 1.05))),
        5 => disc((x, y), 0.78).abs() - 0.22,
        6 => disc((x, y), 1.05).max(-disc((x - 0.6, y), 0.85)),
        // Three bars: the outer two are mirror images.
        7 => rectangle((x, y.abs() - 0.75), (0.95, 0.21)).min(rectangle((x, y), (0.95, 0.21))),
        8 => heart((x, y)),
        _ => hourglass((x, y)),
    }
}

#[inline(always)]
fn length((x, y): Point) -> f32 {
    (x * x + y * y).sqrt()
}

#[inline(always)]
fn disc(point: Point, radius: f32) -> f32 {
    length(point) - radius
}

#[inline(always)]
fn rectangle((x, y): Point, (half_width, half_height): Point) -> f32 {
    let (x, y) = (x.abs() - half_width, y.abs() - half_height);
    length((x.max(0.0), y.max(0.0))) + x.max(y).min(0.0)
}

/// An equilateral triangle: the farthest of its three sides.
#[inline(always)]
fn triangle((x, y): Point) -> f32 {
    const HALF_ROOT_3: f32 = 0.866_025_4;
    (y.max(HALF_ROOT_3 * x.abs() - 0.5 * y)) - 0.58
}

/// A star with five points, folded onto half of one of them.
#[inline(always)]
fn star((x, y): Point) -> f32 {
    // Cosine and sine of 36 degrees.
    const FOLD: Point = (0.809_017, -0.587_785_25);
    const RADIUS: f32 = 1.15;
    const INNER: f32 = 0.45;
    let (mut x, mut y) = (x.abs(), y);
    for mirror in [FOLD, (-FOLD.0, FOLD.1)] {
        let beyond = 2.0 * (mirror.0 * x + mirror.1 * y).max(0.0);
        (x, y) = (x - beyond * mirror.0, y - beyond * mirror.1);
    }
    (x, y) = (x.abs(), y - RADIUS);
    let (side_x, side_y) = (-FOLD.1 * INNER, FOLD.0 * INNER - 1.0);
    let squared = side_x * side_x + side_y * side_y;
    let along = ((x * side_x + y * side_y) / squared).clamp(0.0, RADIUS);
    let off = length((x - side_x * along, y - side_y * along));
    if y * side_x - x * side_y > 0.0 { off } else { -off }
}

/// A heart with its tip below, about 1.9 high.
#[inline(always)]
fn heart((x, y): Point) -> f32 {
    const SCALE: f32 = 1.75;
    const QUARTER_ROOT_2: f32 = 0.353_553_4;
    let (x, y) = (x.abs() / SCALE, 0.55 - y / SCALE);
    let distance = if x + y > 1.0 {
        length((x - 0.25, y - 0.75)) - QUARTER_ROOT_2
    } else {
        let side = 0.5 * (x + y).max(0.0);
        let near = length((x, y - 1.0)).min(length((x - side, y - side)));
        if x > y { near } else { -near }
    };
    distance * SCALE
}

/// Two triangles, tip to tip.
#[inline(always)]
fn hourglass((x, y): Point) -> f32 {
    let (x, y) = (x.abs(), y.abs());
    // The sides lean by 0.9: the first number is the length of (1, 0.9).
    const SLOPE: f32 = 1.345_362_4;
    (y - 0.95).max((x - 0.9 * y - 0.06) / SLOPE)
}

/// Red, green and blue, 0 to 255.
type Colour = [f32; 3];

/// The least distance, summed over the channels, between a shape and what is about it.
const MIN_CONTRAST: f32 = 130.0;

/// The colours of an image.
struct Palette {
    background: [Colour; 2],
    shape: Colour,
    clutter: Colour,
}

impl Palette {
    fn draw(random: &mut Sequence) -> Self {
        let shape = colour(random);
        let background = [other_than(shape, random), other_than(shape, random)];
        Self { background, shape, clutter: other_than(shape, random) }
    }
}

fn colour(random: &mut Sequence) -> Colour {
    std::array::from_fn(|_| random.uniform_between(20.0, 235.0))
}

/// A colour that stands out from `from`.
fn other_than(from: Colour, random: &mut Sequence) -> Colour {
    loop {
        let drawn = colour(random);
        let contrast: f32 = drawn.iter().zip(from).map(|(a, b)| (a - b).abs()).sum();
        if contrast >= MIN_CONTRAST {
            return drawn;
        }
    }
}

/// A surface that goes from one colour to another.
struct Gradient {
    start: Colour,
    across: Colour,
    down: Colour,
}

impl Gradient {
    /// Goes from the first colour to the second in any direction, with a light of its own.
    fn draw([first, second]: [Colour; 2], random: &mut Sequence) -> Self {
        let side = Shapes::SIDE as f32;
        // Shares of the way that are across and down the image: they add to 1.
        let share = random.uniform_between(0.0, 1.0);
        let light = [random.uniform_between(-35.0, 35.0), random.uniform_between(-35.0, 35.0)];
        let change = |share: f32, light: f32| {
            std::array::from_fn(|c| (share * (second[c] - first[c]) + light) / side)
        };
        Self { start: first, across: change(share, light[0]), down: change(1.0 - share, light[1]) }
    }

    #[inline(always)]
    fn at(&self, (x, y): Point) -> Colour {
        std::array::from_fn(|c| self.start[c] + self.across[c] * x + self.down[c] * y)
    }
}

/// How much of a pixel is inside of an outline that is `distance` pixels away.
#[inline(always)]
fn coverage(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

/// Adds noise to every byte: the sum of two even distributions.
fn add_noise(random: &mut Sequence, pixels: &mut [u8]) {
    let scale = random.uniform_between(8.0, 60.0) / 256.0;
    for pair in pixels.chunks_exact_mut(2) {
        let word = random.word().to_le_bytes();
        for (at, pixel) in pair.iter_mut().enumerate() {
            let sum = f32::from(word[2 * at]) + f32::from(word[2 * at + 1]);
            *pixel = (f32::from(*pixel) + scale * (sum - 255.0)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: f32 = 0.05;

    fn grid() -> impl Iterator<Item = Point> {
        (-30..=30).flat_map(|y| (-30..=30).map(move |x| (x as f32 * STEP, y as f32 * STEP)))
    }

    #[test]
    fn shapes_are_about_as_large_and_stay_inside() {
        for label in 0..10 {
            let inside = grid().filter(|&point| distance(label, point) < 0.0).count();
            let area = inside as f32 * STEP * STEP;
            assert!((1.0..3.0).contains(&area), "class {label}: area {area}");
            let outside = grid().filter(|&(x, y)| length((x, y)) > 1.35);
            for point in outside {
                assert!(distance(label, point) > 0.0, "class {label} at {point:?}");
            }
        }
    }

    #[test]
    fn distances_grow_no_faster_than_the_way() {
        for (label, (x, y)) in (0..10).flat_map(|label| grid().map(move |point| (label, point))) {
            let here = distance(label, (x, y));
            for there in [distance(label, (x + STEP, y)), distance(label, (x, y + STEP))] {
                assert!((here - there).abs() <= STEP * 1.01, "class {label} at ({x}, {y})");
            }
        }
    }

    #[test]
    fn shapes_are_their_own_mirror_images() {
        for (label, (x, y)) in (0..10).flat_map(|label| grid().map(move |point| (label, point))) {
            // The crescent's axis is across.
            let mirrored = if label == 6 { (x, -y) } else { (-x, y) };
            let (here, there) = (distance(label, (x, y)), distance(label, mirrored));
            assert!((here - there).abs() < 1e-5, "class {label} at ({x}, {y}): {here} {there}");
        }
    }
}
