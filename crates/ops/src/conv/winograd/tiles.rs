//! From the pixels of images to transformed tiles, and back.

use std::marker::PhantomData;
use std::ops::Range;

use super::points::{OutputPoints, POINTS, Transform};
use super::tile_grid::{Side, TileGrid};
use super::transform_2d::{Pixels, Prefetching, Strided, transform_2d};
use super::transform_2d::{Sink, Source};
use crate::DisjointSlice;
use crate::relu::Rectifier;
use crate::simd::{Kernel, LANES, Simd};

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
pub struct InputTransform<'a, T, const N: usize> {
    pub tile_grid: &'a TileGrid,
    pub side: Side,
    pub images: &'a [f32],
    pub channels: usize,
    /// A zero for each channel: what a pixel outside the images is.
    pub zeros: &'a [f32],
    pub tiles: Range<usize>,
    /// The place of the first tile among those of `to`.
    pub first: usize,
    pub layout: Layout,
    pub to: DisjointSlice<'a>,
    pub transform: PhantomData<T>,
}

impl<T: Transform<N, POINTS>, const N: usize> Kernel for InputTransform<'_, T, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { images, channels, layout, .. } = self;
        assert!(self.zeros.len() >= channels, "one zero for each channel");
        for (i, tile) in self.tiles.enumerate() {
            let places = self.tile_grid.pixels::<N>(tile, self.side, channels);
            let mut pixels = [[self.zeros.as_ptr().cast_mut(); N]; N];
            for (to, from) in pixels.as_flattened_mut().iter_mut().zip(places.as_flattened()) {
                if let &Some(place) = from {
                    *to = images[place..place + channels].as_ptr().cast_mut();
                }
            }
            for block in 0..layout.blocks {
                let channel = block * LANES;
                let from = Pixels { at: &pixels, channel, width: channels - channel };
                let at = layout.at(self.first + i, block);
                let next = match block + 1 < layout.blocks {
                    true => layout.at(self.first + i, block + 1),
                    false => layout.at(self.first + i + 1, 0),
                };
                let next = self.to.pointer(0..0).wrapping_add(next);
                // SAFETY: every pixel has `channels` values, only read here. This thread alone
                // writes these tiles, and the last point's vector is inside.
                unsafe {
                    let at = self.to.pointer(at..at + (AREA - 1) * layout.distance + LANES);
                    let now = Strided { at, distance: layout.distance };
                    transform_2d::<S, T, N, POINTS>(&from, &Prefetching { now, next });
                }
            }
        }
    }
}

/// Turns products back into pixels, some channels at a time.
pub struct OutputTransform<'a, const M: usize> {
    pub tile_grid: &'a TileGrid,
    pub tiles: Range<usize>,
    /// The channels, from a multiple of sixteen on.
    pub columns: Range<usize>,
    pub from: &'a mut [f32],
    /// From one point to the next.
    pub distance: usize,
    /// Room for a value of each channel, where pixels outside the images go.
    pub spare: &'a mut [f32],
    pub finish: Epilogue<'a>,
    pub images: DisjointSlice<'a>,
    pub channels: usize,
}

/// What happens to a sum before it is stored.
#[derive(Clone, Copy)]
pub struct Epilogue<'a> {
    /// Added, a value for each channel.
    pub bias: Option<&'a [f32]>,
    /// The activation that follows the sums.
    pub rectifier: Rectifier,
}

impl<const M: usize> Kernel for OutputTransform<'_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { channels, columns, .. } = self;
        assert!(self.spare.len() >= channels, "room for each channel");
        let width = columns.len().next_multiple_of(LANES);
        let count = self.tiles.len();
        assert!((AREA - 1) * self.distance + count * width <= self.from.len(), "too few products");
        for (i, tile) in self.tiles.enumerate() {
            let places = self.tile_grid.pixels::<M>(tile, Side::Outputs, channels);
            let mut pixels = [[self.spare.as_mut_ptr(); M]; M];
            for (to, from) in pixels.as_flattened_mut().iter_mut().zip(places.as_flattened()) {
                if let &Some(place) = from {
                    *to = self.images.pointer(place..place + channels);
                }
            }
            for channel in columns.clone().step_by(LANES) {
                let lanes = columns.end - channel;
                let to = Pixels { at: &pixels, channel, width: lanes };
                let bias = self.finish.bias.map(|bias| &bias[channel..columns.end]);
                // SAFETY: the products of `count` tiles were found to be inside, and every
                // pixel has `channels` values, belongs to one tile, and that to one thread.
                unsafe {
                    let at = self.from.as_mut_ptr().add(i * width + channel - columns.start);
                    let now = Strided { at, distance: self.distance };
                    let from = Prefetching { now, next: at.wrapping_add(LANES) };
                    let to = WithEpilogue::<S, _>::new(to, bias, self.finish.rectifier);
                    transform_2d::<S, OutputPoints, POINTS, M>(&from, &to);
                }
            }
        }
    }
}

/// Adds a bias and cuts off what is negative, on the way to a sink.
struct WithEpilogue<S, T> {
    to: T,
    bias: S,
    rectifier: Rectifier,
}

impl<S: Simd, T> WithEpilogue<S, T> {
    #[inline(always)]
    fn new(to: T, bias: Option<&[f32]>, rectifier: Rectifier) -> Self {
        let bias = match bias {
            Some(bias) => S::load_slice(bias, 0.0),
            None => S::splat(0.0),
        };
        Self { to, bias, rectifier }
    }
}

impl<S: Simd, T: Sink<S>> Sink<S> for WithEpilogue<S, T> {
    #[inline(always)]
    unsafe fn put(&self, i: usize, j: usize, values: S) {
        let values = self.rectifier.of(values.add(self.bias));
        // SAFETY: the caller's.
        unsafe { self.to.put(i, j, values) }
    }
}

/// Copies a square of channels with rows and columns exchanged: `to[j * 16 + i]` is
/// `from[i * distance + j]`, zero beyond `height` rows and `width` columns.
///
/// # Safety
/// `from` is readable at those rows and columns, `to` writable for 256 values.
#[inline(always)]
pub unsafe fn transpose<S: Simd>(
    from: *const f32,
    distance: usize,
    [height, width]: [usize; 2],
    to: *mut f32,
) {
    let mut rows = [S::splat(0.0); LANES];
    // SAFETY: the caller's.
    unsafe {
        for (i, row) in rows.iter_mut().enumerate().take(height) {
            *row = S::load_first(from.add(i * distance), width, 0.0);
        }
        for (j, column) in S::transpose(rows).into_iter().enumerate() {
            column.store(to.add(j * LANES));
        }
    }
}

/// A filter's taps, turned by half a circle, a constant distance apart.
pub struct Rotated180 {
    pub at: *const f32,
    /// Rows and columns.
    pub size: usize,
    pub distance: usize,
}

impl<S: Simd> Source<S> for Rotated180 {
    #[inline(always)]
    unsafe fn get(&self, i: usize, j: usize) -> S {
        let tap = (self.size - 1 - i) * self.size + self.size - 1 - j;
        // SAFETY: the caller's.
        unsafe { S::load(self.at.add(tap * self.distance)) }
    }
}
