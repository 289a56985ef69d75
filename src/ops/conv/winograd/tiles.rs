//! From the pixels of images to transformed tiles, and back.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::Epilogue;
use super::points::{OutputPoints, POINTS, Transform};
use super::tile_grid::{Side, TileGrid};
use super::transform_2d::{AtPoints, DataPart, OutputPart, Pixels, Sink, transform_2d};
use crate::ops::simd::{Kernel, LANES, Simd};

/// The vectors of a transformed tile.
pub const AREA: usize = POINTS * POINTS;

/// Transformed tiles in memory: for each of the 64 points, panels of `panel` tiles, in them
/// blocks of sixteen channels, in them the tiles.
#[derive(Clone, Copy)]
pub struct Layout {
    pub panel: usize,
    /// Blocks of sixteen channels.
    pub blocks: usize,
    /// From one point to the next.
    pub distance: usize,
}

impl Layout {
    /// A layout for `tiles` tiles, a multiple of `panel`, of `channels` channels.
    pub fn new(panel: usize, tiles: usize, channels: usize) -> Self {
        let blocks = channels.div_ceil(LANES);
        // The 64 points of a tile must not share one set of the cache: their distance is
        // an odd number of lines.
        Self { panel, blocks, distance: pad_to_odd_lines(tiles * blocks * LANES) }
    }

    /// Values of all points.
    pub fn len(&self) -> usize {
        AREA * self.distance
    }

    /// Where sixteen channels of a tile are, at the first point.
    #[inline(always)]
    pub fn at(&self, tile: usize, block: usize) -> usize {
        let panel = (tile / self.panel * self.blocks + block) * self.panel;
        (panel + tile % self.panel) * LANES
    }
}

/// The least odd number of vectors that holds `values`, in values.
pub fn pad_to_odd_lines(values: usize) -> usize {
    (values.div_ceil(LANES) | 1) * LANES
}

/// Transforms tiles of pixels, `N` rows and columns each.
pub struct InputTransform<'a, 'to, T, const N: usize> {
    pub tile_grid: &'a TileGrid,
    pub side: Side,
    pub images: &'a [f32],
    pub channels: usize,
    /// A zero for each channel: what a pixel outside the images is.
    pub zeros: &'a [f32],
    pub tiles: Range<usize>,
    /// The place of the first tile among those of `to`.
    pub first: usize,
    pub to: &'a mut DataPart<'to>,
    pub transform: PhantomData<T>,
}

impl<T: Transform<N, POINTS>, const N: usize> Kernel for InputTransform<'_, '_, T, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { images, channels, zeros, .. } = self;
        for (i, tile) in self.tiles.enumerate() {
            let places = self.tile_grid.pixels::<N>(tile, self.side, channels);
            let pixels = Pixels::new(images, places, channels, zeros);
            for (block, channel) in (0..channels).step_by(LANES).enumerate() {
                let to = self.to.vectors(self.first + i, block);
                transform_2d::<S, T, N, POINTS>(&pixels.vectors(channel..channels), &to);
            }
        }
    }
}

/// Turns products back into pixels, some channels at a time.
pub struct OutputTransform<'a, 'to, const M: usize> {
    /// The channels, from a multiple of sixteen on.
    pub columns: Range<usize>,
    pub from: &'a [f32],
    /// From one point to the next.
    pub distance: usize,
    /// Room for a value of each channel, where pixels outside the images go.
    pub spare: &'a mut [f32],
    pub epilogue: Epilogue<'a>,
    pub to: &'a mut OutputPart<'to>,
}

impl<const M: usize> Kernel for OutputTransform<'_, '_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { columns, distance, .. } = self;
        let width = columns.len().next_multiple_of(LANES);
        for (i, tile) in self.to.tiles().enumerate() {
            let mut pixels = self.to.pixels::<M>(tile, self.spare);
            for channel in columns.clone().step_by(LANES) {
                let at = i * width + channel - columns.start;
                let from = AtPoints::<true>::new(self.from, at, distance);
                let to = pixels.vectors(channel..columns.end);
                let bias = self.epilogue.bias.map(|bias| &bias[channel..columns.end]);
                let to = WithEpilogue::<S, _>::new(to, bias, self.epilogue.relu);
                transform_2d::<S, OutputPoints, POINTS, M>(&from, &to);
            }
        }
    }
}

/// Adds a bias and cuts off what is negative, on the way to a sink.
struct WithEpilogue<S, T> {
    to: T,
    bias: S,
    /// Zero where negative values are cut off, else no limit.
    least: S,
}

impl<S: Simd, T> WithEpilogue<S, T> {
    #[inline(always)]
    fn new(to: T, bias: Option<&[f32]>, relu: bool) -> Self {
        let bias = match bias {
            Some(bias) => S::load_slice(bias, 0.0),
            None => S::splat(0.0),
        };
        Self { to, bias, least: S::splat(if relu { 0.0 } else { f32::NEG_INFINITY }) }
    }
}

impl<S: Simd, T: Sink<S, N>, const N: usize> Sink<S, N> for WithEpilogue<S, T> {
    #[inline(always)]
    fn put(&self, i: usize, j: usize, values: S) {
        // What is not a number stays: `max` returns its second operand then.
        self.to.put(i, j, self.least.max(values.add(self.bias)));
    }
}
