//! Filters to points and back.

use std::ops::Range;

use super::points::{FilterGradientPoints, FilterPoints, POINTS};
use super::tiles::{AREA, pad_to_odd_lines};
use super::transform_2d::{AtPoints, FilterPart, Pixels, PixelsMut, Source, transform_2d};
use crate::ops::MatrixMut;
use crate::ops::simd::{Kernel, LANES, Simd};

/// Transformed filters in memory: panels of sixteen out channels, in them the 64 points, in
/// them a vector for each in channel.
#[derive(Clone, Copy)]
pub struct FilterLayout {
    pub in_channels: usize,
    pub out_channels: usize,
    /// From one point to the next.
    pub distance: usize,
}

impl FilterLayout {
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, distance: pad_to_odd_lines(in_channels * LANES) }
    }

    /// Panels of sixteen out channels.
    pub fn panels(&self) -> usize {
        self.out_channels.div_ceil(LANES)
    }

    /// From one panel to the next.
    pub fn panel(&self) -> usize {
        AREA * self.distance
    }

    /// Values of all panels.
    pub fn len(&self) -> usize {
        self.panels() * self.panel()
    }
}

/// Transforms the filters of some in channels, `K` × `K` taps (height, width, in, out).
pub struct TransformFilters<'a, 'to, const K: usize> {
    pub weight: &'a [f32],
    pub layout: FilterLayout,
    /// The in channels.
    pub to: &'a mut FilterPart<'to>,
}

impl<const K: usize> Kernel for TransformFilters<'_, '_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let FilterLayout { in_channels, out_channels, .. } = self.layout;
        for channel in self.to.pieces() {
            let mut places = [[None; K]; K];
            for (tap, place) in places.as_flattened_mut().iter_mut().enumerate() {
                *place = Some((tap * in_channels + channel) * out_channels);
            }
            // No tap lies outside.
            let pixels = Pixels::new(self.weight, places, out_channels, self.weight);
            for panel in 0..self.layout.panels() {
                let to = self.to.vectors(panel, channel);
                let from = pixels.vectors(panel * LANES..out_channels);
                transform_2d::<S, FilterPoints, K, POINTS>(&from, &to);
            }
        }
    }
}

/// Transforms filters turned by half a circle, with in and out channels exchanged: what the
/// gradient of the inputs is convolved with. The panels are those of sixteen channels of the
/// convolution's input.
pub struct TransformRotatedFilters<'a, 'to, const K: usize> {
    pub weight: &'a [f32],
    /// In and out channels of the gradient's convolution: the other way round.
    pub layout: FilterLayout,
    /// The squares of sixteen by sixteen channels.
    pub to: &'a mut FilterPart<'to>,
}

/// Sixteen by sixteen channels of a tap.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Square([f32; LANES * LANES]);

impl<const K: usize> Kernel for TransformRotatedFilters<'_, '_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        // As the weight names them: the panels' channels come in, the others go out.
        let (ins, outs) = (self.layout.out_channels, self.layout.in_channels);
        let blocks = outs.div_ceil(LANES);
        let mut taps = [[const { Square([0.0; LANES * LANES]) }; K]; K];
        for square in self.to.pieces() {
            let (panel, first) = (square / blocks, square % blocks * LANES);
            let channel = panel * LANES;
            let height = LANES.min(ins - channel);
            let width = LANES.min(outs - first);
            for (tap, to) in taps.as_flattened_mut().iter_mut().enumerate() {
                let from = &self.weight[(tap * ins + channel) * outs + first..];
                transpose::<S>(from, outs, [height, width], to);
            }
            for row in 0..width {
                let to = self.to.vectors(panel, first + row);
                let from = Rotated180 { taps: &taps, row };
                transform_2d::<S, FilterPoints, K, POINTS>(&from, &to);
            }
        }
    }
}

/// Copies a square of channels with rows and columns exchanged: `to[j * 16 + i]` is
/// `from[i * distance + j]`, zero beyond `height` rows and `width` columns.
#[inline(always)]
fn transpose<S: Simd>(from: &[f32], distance: usize, [height, width]: [usize; 2], to: &mut Square) {
    let mut rows = [S::splat(0.0); LANES];
    for (i, row) in rows.iter_mut().enumerate().take(height) {
        *row = S::load_slice(&from[i * distance..][..width], 0.0);
    }
    for (j, column) in S::transpose(rows).into_iter().enumerate() {
        column.store_slice(&mut to.0[j * LANES..][..LANES]);
    }
}

/// One row of the taps of a filter, turned by half a circle.
struct Rotated180<'a, const K: usize> {
    taps: &'a [[Square; K]; K],
    row: usize,
}

impl<S: Simd, const K: usize> Source<S, K> for Rotated180<'_, K> {
    #[inline(always)]
    fn get(&self, i: usize, j: usize) -> S {
        let tap = &self.taps[K - 1 - i][K - 1 - j];
        S::load_slice(&tap.0[self.row * LANES..][..LANES], 0.0)
    }
}

/// Filter gradients at the points, in memory: for each point a row for each in channel.
#[derive(Clone, Copy)]
pub struct GradientLayout {
    /// From one in channel to the next.
    pub row: usize,
    /// From one point to the next.
    pub distance: usize,
}

impl GradientLayout {
    /// Rows for blocks of sixteen in channels.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        let row = out_channels.next_multiple_of(LANES);
        Self { row, distance: pad_to_odd_lines(in_channels.next_multiple_of(LANES) * row) }
    }

    /// Values of all points.
    pub fn len(&self) -> usize {
        AREA * self.distance
    }

    /// For each point the rows of all in channels, cut into groups of blocks of sixteen out
    /// channels.
    pub fn rectangles<'a>(
        &self,
        sums: &'a mut [f32],
        groups: &[Range<usize>],
    ) -> Vec<MatrixMut<'a>> {
        let rows = self.distance / self.row * self.row;
        let points = sums.chunks_exact_mut(self.distance).take(AREA);
        let points = points.map(|point| MatrixMut::new(&mut point[..rows], self.row));
        let widths = groups.iter().map(|blocks| blocks.len() * LANES);
        points.flat_map(|point| point.cut_columns(widths.clone())).collect()
    }
}

/// Turns the gradients at the points of some in channels into those of the filters.
pub struct FinishGradients<'a, const K: usize> {
    pub from: &'a [f32],
    pub layout: GradientLayout,
    pub out_channels: usize,
    pub channels: Range<usize>,
    /// For each tap the out channels of these in channels.
    pub weight: MatrixMut<'a>,
}

impl<const K: usize> Kernel for FinishGradients<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let Self { from, layout, out_channels, .. } = self;
        for (i, channel) in self.channels.enumerate() {
            let mut taps =
                PixelsMut::<K>::of_rows(&mut self.weight, i * out_channels, out_channels);
            for column in (0..out_channels).step_by(LANES) {
                let at = channel * layout.row + column;
                let from = AtPoints::<false>::new(from, at, layout.distance);
                let to = taps.vectors(column..out_channels);
                transform_2d::<S, FilterGradientPoints, POINTS, K>(&from, &to);
            }
        }
    }
}
