//! Colours, gradients, soft edges and noise.

use super::super::transform::Point;
use super::{Shapes, SyntheticImages};
use crate::rng::Sequence;

/// Red, green and blue, 0 to 255.
pub(super) type Colour = [f32; 3];

/// The least distance, summed over the channels, between a shape and what lies about it.
const MIN_CONTRAST: f32 = 130.0;

/// The colours of a picture.
pub(super) struct Palette {
    pub(super) background: [Colour; 2],
    pub(super) shape: Colour,
    pub(super) clutter: Colour,
}

impl Palette {
    pub(super) fn draw(random: &mut Sequence) -> Self {
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
pub(super) struct Gradient {
    start: Colour,
    across: Colour,
    down: Colour,
}

impl Gradient {
    /// Goes from the first colour to the second in any direction, with a light of its own.
    pub(super) fn draw([first, second]: [Colour; 2], random: &mut Sequence) -> Self {
        let side = Shapes::SIDE as f32;
        // Shares of the way that lie across and down the picture: they add to 1.
        let share = random.uniform_between(0.0, 1.0);
        let light = [random.uniform_between(-35.0, 35.0), random.uniform_between(-35.0, 35.0)];
        let change = |share: f32, light: f32| {
            std::array::from_fn(|c| (share * (second[c] - first[c]) + light) / side)
        };
        Self { start: first, across: change(share, light[0]), down: change(1.0 - share, light[1]) }
    }

    #[inline(always)]
    pub(super) fn at(&self, (x, y): Point) -> Colour {
        std::array::from_fn(|c| self.start[c] + self.across[c] * x + self.down[c] * y)
    }
}

/// How much of a pixel is inside of an outline that is `distance` pixels away.
#[inline(always)]
pub(super) fn coverage(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

/// Adds noise to every byte: the sum of two even distributions.
pub(super) fn add_noise(random: &mut Sequence, pixels: &mut [u8]) {
    let scale = random.uniform_between(8.0, 60.0) / 256.0;
    for pair in pixels.chunks_exact_mut(2) {
        let word = random.word().to_le_bytes();
        for (at, pixel) in pair.iter_mut().enumerate() {
            let sum = f32::from(word[2 * at]) + f32::from(word[2 * at + 1]);
            *pixel = (f32::from(*pixel) + scale * (sum - 255.0)) as u8;
        }
    }
}
