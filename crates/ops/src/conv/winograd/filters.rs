//! Filters to points and back.

use std::ops::Range;

use super::points::{FilterGradientPoints, FilterPoints, POINTS};
use super::tiles::{AREA, Rotated180, pad_to_odd_lines, transpose};
use super::transform_2d::{Pixels, Strided, transform_2d};
use crate::DisjointSlice;
use crate::simd::{Kernel, LANES, Simd};

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

    /// All points of one in channel and a panel's out channels.
    #[inline(always)]
    fn points(&self, to: DisjointSlice, panel: usize, channel: usize) -> Strided {
        let at = panel * self.panel() + channel * LANES;
        let at = to.pointer(at..at + (AREA - 1) * self.distance + LANES);
        Strided { at, distance: self.distance }
    }
}

/// Transforms the filters of some in channels, `K` × `K` taps (height, width, in, out).
pub struct TransformFilters<'a, const K: usize> {
    pub weight: &'a [f32],
    pub layout: FilterLayout,
    pub channels: Range<usize>,
    pub to: DisjointSlice<'a>,
}

impl<const K: usize> Kernel for TransformFilters<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let FilterLayout { in_channels, out_channels, .. } = self.layout;
        assert_eq!(
            self.weight.len(),
            K * K * in_channels * out_channels,
            "the filters have the wrong size"
        );
        for channel in self.channels {
            let taps = self.weight.as_ptr().cast_mut();
            let pixels = tap_pointers::<K>(taps, [in_channels, out_channels], channel);
            for panel in 0..self.layout.panels() {
                let column = panel * LANES;
                let from = Pixels { at: &pixels, channel: column, width: out_channels - column };
                // SAFETY: each in channel belongs to one thread, and every tap has
                // `out_channels` values, only read here.
                unsafe {
                    let to = self.layout.points(self.to, panel, channel);
                    transform_2d::<S, FilterPoints, K, POINTS>(&from, &to);
                }
            }
        }
    }
}

/// The filters' taps of one in channel.
#[inline(always)]
fn tap_pointers<const K: usize>(
    weight: *mut f32,
    [inputs, outputs]: [usize; 2],
    channel: usize,
) -> [[*mut f32; K]; K] {
    let mut pointers = [[weight; K]; K];
    for (tap, pointer) in pointers.as_flattened_mut().iter_mut().enumerate() {
        *pointer = weight.wrapping_add((tap * inputs + channel) * outputs);
    }
    pointers
}

/// Transforms filters turned by half a circle, with in and out channels exchanged: what the
/// gradient of the inputs is convolved with. The panels are those of sixteen channels of the
/// convolution's input.
pub struct TransformRotatedFilters<'a, const K: usize> {
    pub weight: &'a [f32],
    /// In and out channels of the gradient's convolution: the other way round.
    pub layout: FilterLayout,
    /// Squares of sixteen by sixteen channels, the panels the outer index.
    pub squares: Range<usize>,
    pub to: DisjointSlice<'a>,
}

impl<const K: usize> TransformRotatedFilters<'_, K> {
    /// The squares of all channels.
    pub fn squares(layout: &FilterLayout) -> usize {
        layout.panels() * layout.in_channels.div_ceil(LANES)
    }
}

#[repr(align(64))]
#[derive(Clone, Copy)]
struct Square([f32; LANES * LANES]);

impl<const K: usize> Kernel for TransformRotatedFilters<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        // As the weight names them: the panels' channels come in, the others go out.
        let (ins, outs) = (self.layout.out_channels, self.layout.in_channels);
        assert_eq!(self.weight.len(), K * K * ins * outs, "the filters have the wrong size");
        let blocks = outs.div_ceil(LANES);
        let mut taps = [[const { Square([0.0; LANES * LANES]) }; K]; K];
        for square in self.squares {
            let (panel, first) = (square / blocks, square % blocks * LANES);
            let channel = panel * LANES;
            let height = LANES.min(ins - channel);
            let width = LANES.min(outs - first);
            for (tap, to) in taps.as_flattened_mut().iter_mut().enumerate() {
                // SAFETY: `height` rows and `width` columns from here on are inside.
                unsafe {
                    let from = self.weight.as_ptr().add((tap * ins + channel) * outs + first);
                    transpose::<S>(from, outs, [height, width], to.0.as_mut_ptr());
                }
            }
            for i in 0..width {
                // SAFETY: each square belongs to one thread; `taps` has `K` rows and columns
                // of sixteen vectors.
                unsafe {
                    let at = taps.as_ptr().cast::<f32>().add(i * LANES);
                    let from = Rotated180 { at, size: K, distance: LANES * LANES };
                    let to = self.layout.points(self.to, panel, first + i);
                    transform_2d::<S, FilterPoints, K, POINTS>(&from, &to);
                }
            }
        }
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
}

/// Turns the gradients at the points of some in channels into those of the filters.
pub struct FinishGradients<'a, const K: usize> {
    pub from: DisjointSlice<'a>,
    pub layout: GradientLayout,
    pub in_channels: usize,
    pub out_channels: usize,
    pub channels: Range<usize>,
    pub weight: DisjointSlice<'a>,
}

impl<const K: usize> Kernel for FinishGradients<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { layout, in_channels, out_channels, .. } = self;
        for channel in self.channels {
            let mut taps = [[std::ptr::null_mut(); K]; K];
            for (tap, to) in taps.as_flattened_mut().iter_mut().enumerate() {
                let at = (tap * in_channels + channel) * out_channels;
                *to = self.weight.pointer(at..at + out_channels);
            }
            for column in (0..out_channels).step_by(LANES) {
                let at = channel * layout.row + column;
                let to = Pixels { at: &taps, channel: column, width: out_channels - column };
                // SAFETY: each in channel belongs to one thread, every tap has `out_channels` values,
                // and every point has these columns of the row.
                unsafe {
                    let at = self.from.pointer(at..at + (AREA - 1) * layout.distance + LANES);
                    let from = Strided { at, distance: layout.distance };
                    transform_2d::<S, FilterGradientPoints, POINTS, K>(&from, &to);
                }
            }
        }
    }
}
