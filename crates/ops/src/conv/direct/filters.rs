//! Filters in panels of sixteen columns, in the order in which a correlation reads them:
//! row of the filter, channel, column of the filter, so that a line of the image serves all
//! columns while it is near.

use super::super::Shape;
use super::kernel::COLUMNS;
use crate::simd::{Kernel, LANES, Simd};

/// How many rows ahead of the copy the cache is filled.
const ROWS_AHEAD: usize = 8;

/// One panel of the filters for the output: columns are out channels.
pub struct ForwardPanel<'a> {
    pub shape: Shape,
    pub weight: &'a [f32],
    pub panel: usize,
    pub to: &'a mut [f32],
}

impl Kernel for ForwardPanel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let ([height, width], columns) = (self.shape.kernel, self.shape.out_channels);
        let channels = self.shape.in_channels;
        let first = self.panel * COLUMNS;
        let count = COLUMNS.min(columns - first);
        for tap in 0..height * width {
            let (ky, kx) = (tap / width, tap % width);
            for channel in 0..channels {
                let from = &self.weight[(tap * channels + channel) * columns + first..][..count];
                S::prefetch(from.as_ptr().wrapping_add(ROWS_AHEAD * columns));
                let at = ((ky * channels + channel) * width + kx) * COLUMNS;
                S::load_slice(from, 0.0).store_slice(&mut self.to[at..at + COLUMNS]);
            }
        }
    }
}

/// The taps of a filter along one axis that meet the input pixels of one phase: `first`,
/// `first + stride`, …, the last one first.
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    pub first: usize,
    pub stride: usize,
    pub count: usize,
}

impl Taps {
    #[inline(always)]
    fn at(&self, index: usize) -> usize {
        self.first + (self.count - 1 - index) * self.stride
    }
}

/// One panel of the filters for the gradient of the input: columns are in channels, and the
/// depth goes over the taps of a phase and the out channels.
pub struct BackwardPanel<'a> {
    pub shape: Shape,
    pub weight: &'a [f32],
    pub taps: [Taps; 2],
    pub panel: usize,
    pub to: &'a mut [f32],
}

impl Kernel for BackwardPanel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [rows, columns] = self.taps;
        let (channels, outs) = (self.shape.in_channels, self.shape.out_channels);
        let first = self.panel * COLUMNS;
        let count = COLUMNS.min(channels - first);
        for (y, x) in (0..rows.count).flat_map(|y| (0..columns.count).map(move |x| (y, x))) {
            let tap = rows.at(y) * self.shape.kernel[1] + columns.at(x);
            let from = &self.weight[(tap * channels + first) * outs..][..count * outs];
            for out in (0..outs).step_by(LANES) {
                let width = LANES.min(outs - out);
                let mut block = [S::splat(0.0); LANES];
                for (block, from) in block.iter_mut().zip(from.chunks_exact(outs)) {
                    *block = S::load_slice(&from[out..out + width], 0.0);
                }
                let block = S::transpose(block);
                for (i, values) in block[..width].iter().enumerate() {
                    let at = ((y * outs + out + i) * columns.count + x) * COLUMNS;
                    values.store_slice(&mut self.to[at..at + COLUMNS]);
                }
            }
        }
    }
}
