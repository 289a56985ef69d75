//! A one-dimensional transform applied to the columns and the rows of a tile, and where the vectors
//! of tiles lie in memory.
//!
//! Vectors are reached through pointers: their places are checked once a tile, not once a vector.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::filters::FilterLayout;
use super::points::{POINTS, Transform};
use super::tile_grid::{Side, TileGrid};
use super::tiles::{AREA, Layout};
use crate::ops::MatrixMut;
use crate::ops::disjoint::DisjointSlice;
use crate::ops::simd::{LANES, Simd};

/// Where the vectors of a tile of `N` rows and columns come from.
pub trait Source<S, const N: usize> {
    /// The vector at row `i` and column `j`.
    ///
    /// # Panics
    /// When one is not below `N`; in a loop over `N` nothing is left of the check.
    fn get(&self, i: usize, j: usize) -> S;
}

/// Where the vectors of a transformed tile of `N` rows and columns go.
pub trait Sink<S, const N: usize> {
    /// Takes the vector at row `i` and column `j`.
    ///
    /// # Panics
    /// As [`Source::get`].
    fn put(&self, i: usize, j: usize, values: S);
}

/// `to (O, O) = T · from (I, I) · Tᵀ`
#[inline(always)]
pub fn transform_2d<S: Simd, T: Transform<I, O>, const I: usize, const O: usize>(
    from: &impl Source<S, I>,
    to: &impl Sink<S, O>,
) {
    let mut middle = [[const { MaybeUninit::<S>::uninit() }; I]; O];
    for j in 0..I {
        let mut column = [from.get(0, j); I];
        for (i, value) in column.iter_mut().enumerate().skip(1) {
            *value = from.get(i, j);
        }
        for (row, value) in middle.iter_mut().zip(T::apply(column)) {
            row[j].write(value);
        }
    }
    for (i, line) in middle.iter().enumerate() {
        // SAFETY: every element of `middle` has been written.
        let mut row = [unsafe { line[0].assume_init() }; I];
        for (value, from) in row.iter_mut().zip(line) {
            // SAFETY: as above.
            *value = unsafe { from.assume_init() };
        }
        for (j, value) in T::apply(row).into_iter().enumerate() {
            to.put(i, j, value);
        }
    }
}

/// Whole vectors of all points, each point's a constant distance from the last's. With `AHEAD` the
/// next ones are asked for meanwhile: as every point has its own place, the processor does not
/// foresee them.
pub struct AtPoints<'a, const AHEAD: bool> {
    /// Valid for a vector at each of the points.
    at: *mut f32,
    /// Where the vector of the first point is that comes next; may lie anywhere.
    next: *const f32,
    distance: usize,
    life: PhantomData<&'a [f32]>,
}

impl<'a, const AHEAD: bool> AtPoints<'a, AHEAD> {
    /// Vectors to be read, of which the first is at `at`; the next follow them.
    ///
    /// # Panics
    /// When the last lies outside.
    #[inline(always)]
    pub fn new(values: &'a [f32], at: usize, distance: usize) -> Self {
        assert!(at + (AREA - 1) * distance + LANES <= values.len(), "there are fewer vectors");
        let at = values.as_ptr().wrapping_add(at).cast_mut();
        Self { at, next: at.wrapping_add(LANES), distance, life: PhantomData }
    }

    #[inline(always)]
    fn offset<S: Simd>(&self, i: usize, j: usize) -> usize {
        assert!(i < POINTS && j < POINTS, "there are fewer points");
        let offset = (i * POINTS + j) * self.distance;
        if AHEAD {
            S::prefetch(self.next.wrapping_add(offset));
        }
        offset
    }
}

impl<S: Simd, const AHEAD: bool> Source<S, POINTS> for AtPoints<'_, AHEAD> {
    #[inline(always)]
    fn get(&self, i: usize, j: usize) -> S {
        let offset = self.offset::<S>(i, j);
        // SAFETY: there is a vector at each point.
        unsafe { S::load(self.at.add(offset)) }
    }
}

/// The same to be written.
pub struct ToPoints<'a, const AHEAD: bool>(AtPoints<'a, AHEAD>);

impl<const AHEAD: bool> ToPoints<'_, AHEAD> {
    /// # Safety
    /// The result is the only access to these vectors.
    #[inline(always)]
    unsafe fn new(to: DisjointSlice, at: usize, next: usize, distance: usize) -> Self {
        let next = to.pointer(0..0).wrapping_add(next);
        let at = to.pointer(at..at + (AREA - 1) * distance + LANES);
        Self(AtPoints { at, next, distance, life: PhantomData })
    }
}

impl<S: Simd, const AHEAD: bool> Sink<S, POINTS> for ToPoints<'_, AHEAD> {
    #[inline(always)]
    fn put(&self, i: usize, j: usize, values: S) {
        let offset = self.0.offset::<S>(i, j);
        // SAFETY: there is a vector at each point, which is this sink's alone.
        unsafe { values.store(self.0.at.add(offset)) }
    }
}

/// The transformed tiles that one thread writes.
pub struct DataPart<'a> {
    values: DisjointSlice<'a>,
    layout: Layout,
    tiles: Range<usize>,
}

impl<'a> DataPart<'a> {
    /// Some tiles each, in their order.
    ///
    /// # Panics
    /// When tiles overlap, or there is too little room.
    pub fn split(
        values: &'a mut [f32],
        layout: Layout,
        parts: impl IntoIterator<Item = Range<usize>>,
    ) -> Vec<Self> {
        assert!(values.len() >= layout.len(), "there is too little room");
        let values = DisjointSlice::new(values);
        in_order(parts).map(|tiles| Self { values, layout, tiles }).collect()
    }

    /// All of so many tiles.
    ///
    /// # Panics
    /// When there is too little room.
    pub fn whole(values: &'a mut [f32], layout: Layout, tiles: usize) -> Self {
        assert!(values.len() >= layout.len(), "there is too little room");
        Self { values: DisjointSlice::new(values), layout, tiles: 0..tiles }
    }

    /// The tiles.
    pub fn tiles(&self) -> Range<usize> {
        self.tiles.clone()
    }

    /// Where the vectors of sixteen channels of a tile go.
    ///
    /// # Panics
    /// When the tile is another thread's, or there is no such block of channels.
    #[inline(always)]
    pub fn vectors(&mut self, tile: usize, block: usize) -> ToPoints<'_, true> {
        let layout = self.layout;
        assert!(self.tiles.contains(&tile) && block < layout.blocks, "not a vector of its own");
        let at = layout.at(tile, block);
        assert!(at + LANES <= layout.distance, "the layout has fewer tiles");
        let next = match block + 1 < layout.blocks {
            true => layout.at(tile, block + 1),
            false => layout.at(tile + 1, 0),
        };
        // SAFETY: a vector belongs to one tile and block, and the tile to this part alone.
        unsafe { ToPoints::new(self.values, at, next, layout.distance) }
    }
}

/// What filters are transformed in one piece.
#[derive(Clone, Copy)]
pub enum Piece {
    /// An in channel, with all out channels.
    Channel,
    /// Sixteen in channels and a panel of out channels; the panels are the outer index.
    Square,
}

/// The transformed filters that one thread writes.
pub struct FilterPart<'a> {
    values: DisjointSlice<'a>,
    layout: FilterLayout,
    piece: Piece,
    pieces: Range<usize>,
}

impl<'a> FilterPart<'a> {
    /// Some pieces each, in their order.
    ///
    /// # Panics
    /// When pieces overlap, or there is too little room.
    pub fn split(
        values: &'a mut [f32],
        layout: FilterLayout,
        piece: Piece,
        parts: impl IntoIterator<Item = Range<usize>>,
    ) -> Vec<Self> {
        assert!(values.len() >= layout.len(), "there is too little room");
        let values = DisjointSlice::new(values);
        in_order(parts).map(|pieces| Self { values, layout, piece, pieces }).collect()
    }

    /// The pieces.
    pub fn pieces(&self) -> Range<usize> {
        self.pieces.clone()
    }

    /// Where the vectors of one in channel and a panel's out channels go.
    ///
    /// # Panics
    /// When they are another thread's, or there are fewer.
    #[inline(always)]
    pub fn vectors(&mut self, panel: usize, channel: usize) -> ToPoints<'_, false> {
        let layout = self.layout;
        assert!(panel < layout.panels() && channel < layout.in_channels, "there are fewer filters");
        let piece = match self.piece {
            Piece::Channel => channel,
            Piece::Square => panel * layout.in_channels.div_ceil(LANES) + channel / LANES,
        };
        assert!(self.pieces.contains(&piece), "not a piece of its own");
        let at = panel * layout.panel() + channel * LANES;
        // SAFETY: a vector belongs to one panel and channel, these to one piece, and the piece to
        // this part alone.
        unsafe { ToPoints::new(self.values, at, at, layout.distance) }
    }
}

/// The ranges of parts, held to lie one behind the other.
fn in_order(parts: impl IntoIterator<Item = Range<usize>>) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    parts.into_iter().inspect(move |part| {
        assert!(end <= part.start, "parts overlap");
        end = end.max(part.end);
    })
}

/// `N` × `N` pixels that lie anywhere, with so many `channels` each.
pub struct Pixels<'a, const N: usize> {
    /// Each valid for the channels.
    at: [[*mut f32; N]; N],
    channels: usize,
    life: PhantomData<&'a [f32]>,
}

impl<'a, const N: usize> Pixels<'a, N> {
    /// The pixels at these places of images; where there is none, `outside` stands for it.
    ///
    /// # Panics
    /// When a place lies outside, or `outside` has fewer channels.
    #[inline(always)]
    pub fn new(
        images: &'a [f32],
        places: [[Option<usize>; N]; N],
        channels: usize,
        outside: &'a [f32],
    ) -> Self {
        let mut at = [[outside[..channels].as_ptr().cast_mut(); N]; N];
        for (at, place) in at.as_flattened_mut().iter_mut().zip(places.as_flattened()) {
            if let &Some(place) = place {
                *at = images[place..place + channels].as_ptr().cast_mut();
            }
        }
        Self { at, channels, life: PhantomData }
    }

    /// The first vector of some of their channels.
    ///
    /// # Panics
    /// When there are fewer channels.
    #[inline(always)]
    pub fn vectors(&self, channels: Range<usize>) -> PixelVectors<'_, N> {
        assert!(channels.start < channels.end && channels.end <= self.channels, "fewer channels");
        PixelVectors { at: &self.at, channel: channels.start, width: channels.len() }
    }
}

/// A vector of channels of `N` × `N` pixels.
pub struct PixelVectors<'a, const N: usize> {
    at: &'a [[*mut f32; N]; N],
    channel: usize,
    /// The channels that there are from this one on.
    width: usize,
}

impl<S: Simd, const N: usize> Source<S, N> for PixelVectors<'_, N> {
    #[inline(always)]
    fn get(&self, i: usize, j: usize) -> S {
        // SAFETY: every pixel has these channels.
        unsafe { S::load_first(self.at[i][j].add(self.channel), self.width, 0.0) }
    }
}

/// The same to be written.
pub struct ToPixels<'a, const N: usize>(PixelVectors<'a, N>);

impl<S: Simd, const N: usize> Sink<S, N> for ToPixels<'_, N> {
    #[inline(always)]
    fn put(&self, i: usize, j: usize, values: S) {
        let PixelVectors { at, channel, width } = self.0;
        // SAFETY: every pixel has these channels, and is this sink's alone.
        unsafe { values.store_first(at[i][j].add(channel), width) }
    }
}

/// `N` × `N` pixels to be written.
pub struct PixelsMut<'a, const N: usize>(Pixels<'a, N>);

impl<'a, const N: usize> PixelsMut<'a, N> {
    /// One pixel a row of a matrix, from `column` on with so many `channels`.
    ///
    /// # Panics
    /// When there are fewer rows or columns.
    #[inline(always)]
    pub fn of_rows(matrix: &'a mut MatrixMut, column: usize, channels: usize) -> Self {
        let mut rows = matrix.rectangle(0..N * N, column..column + channels);
        let mut at = [[rows.pointer(0, 0); N]; N];
        for (row, at) in at.as_flattened_mut().iter_mut().enumerate() {
            *at = rows.pointer(row, 0);
        }
        Self(Pixels { at, channels, life: PhantomData })
    }

    /// The first vector of some channels.
    ///
    /// # Panics
    /// When there are fewer channels.
    #[inline(always)]
    pub fn vectors(&mut self, channels: Range<usize>) -> ToPixels<'_, N> {
        ToPixels(self.0.vectors(channels))
    }
}

/// The outputs of the tiles that one thread writes.
pub struct OutputPart<'a> {
    images: DisjointSlice<'a>,
    tile_grid: &'a TileGrid,
    channels: usize,
    tiles: Range<usize>,
}

impl<'a> OutputPart<'a> {
    /// Some tiles each, in their order.
    ///
    /// # Panics
    /// When tiles overlap.
    pub fn split(
        images: &'a mut [f32],
        tile_grid: &'a TileGrid,
        channels: usize,
        parts: impl IntoIterator<Item = Range<usize>>,
    ) -> Vec<Self> {
        let images = DisjointSlice::new(images);
        in_order(parts).map(|tiles| Self { images, tile_grid, channels, tiles }).collect()
    }

    /// The tiles.
    pub fn tiles(&self) -> Range<usize> {
        self.tiles.clone()
    }

    /// The pixels of a tile; those outside of the images go to `spare`, which has room for one.
    ///
    /// # Panics
    /// When the tile is another thread's.
    #[inline(always)]
    pub fn pixels<'s, const N: usize>(
        &'s mut self,
        tile: usize,
        spare: &'s mut [f32],
    ) -> PixelsMut<'s, N> {
        assert!(self.tiles.contains(&tile), "not a tile of its own");
        let channels = self.channels;
        let places = self.tile_grid.pixels::<N>(tile, Side::Outputs, channels);
        let mut at = [[spare[..channels].as_mut_ptr(); N]; N];
        for (at, place) in at.as_flattened_mut().iter_mut().zip(places.as_flattened()) {
            if let &Some(place) = place {
                // No output is in two tiles of a grid.
                *at = self.images.pointer(place..place + channels);
            }
        }
        PixelsMut(Pixels { at, channels, life: PhantomData })
    }
}
