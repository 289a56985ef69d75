//! The forward pass, a row of windows at a time.

use std::ops::Range;

use super::super::Shape;
use super::multiplier;
use crate::Isa;
use crate::relu::Rectifier;
use crate::simd::{Kernel, LANES, Simd};
use crate::window::Axis;

/// A row of windows of an image.
#[derive(Clone, Copy)]
pub struct Window {
    pub shape: Shape,
    pub image: usize,
    pub row: usize,
}

impl Window {
    /// The rows of the image that the windows cover, each with its row of the filters.
    #[inline(always)]
    pub fn rows(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        taps(self.shape.rows(), self.row)
    }

    /// Where a pixel of the image is.
    #[inline(always)]
    pub fn pixel(&self, y: usize, x: usize) -> usize {
        ((self.image * self.shape.height + y) * self.shape.width + x) * self.shape.in_channels
    }

    /// Where a tap of the filters is.
    #[inline(always)]
    pub fn tap(&self, y: usize, x: usize) -> usize {
        (y * self.shape.kernel[1] + x) * self.shape.out_channels
    }
}

/// The places of the input that a window covers, each with its tap.
#[inline(always)]
pub fn taps(axis: Axis, window: usize) -> impl Iterator<Item = (usize, usize)> {
    let before = axis.before();
    axis.inside(window).map(move |at| (at, at + before - window * axis.stride))
}

/// A row of outputs.
pub struct Row<'a> {
    pub window: Window,
    pub x: &'a [f32],
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    pub rectifier: Rectifier,
    pub y: &'a mut [f32],
}

impl Row<'_> {
    /// Computes the outputs.
    pub fn run(self, isa: Isa) {
        match multiplier(&self.window.shape) {
            1 => isa.run(OneFilter(self)),
            _ => isa.run(SeveralFilters(self)),
        }
    }
}

/// What all windows of a row have in common.
struct Lines {
    /// For each row of the filters that meets the image: where the row of the image begins, and where
    /// that of the filters.
    starts: Vec<[usize; 2]>,
    columns: Axis,
}

impl Lines {
    fn of(window: Window) -> Self {
        let start = |(y, ky)| [window.pixel(y, 0), window.tap(ky, 0)];
        Self { starts: window.rows().map(start).collect(), columns: window.shape.columns() }
    }

    /// The windows that are inside the image as a whole.
    fn whole(&self) -> Range<usize> {
        let columns = self.columns.output();
        let is_whole = |column: &usize| self.taps(*column).len() == self.columns.kernel;
        let first = (0..columns).find(is_whole).unwrap_or(columns);
        first..first + (first..columns).take_while(is_whole).count()
    }

    /// The columns of the filters that meet the image in a window.
    #[inline(always)]
    fn taps(&self, column: usize) -> Range<usize> {
        let inside = self.columns.inside(column);
        let first = inside.start + self.columns.before() - column * self.columns.stride;
        first..first + inside.len()
    }

    /// The column of the image that a tap of a window meets.
    #[inline(always)]
    fn column(&self, window: usize, tap: usize) -> usize {
        window * self.columns.stride + tap - self.columns.before()
    }
}

/// A row where every channel has one filter.
struct OneFilter<'a>(Row<'a>);

impl Kernel for OneFilter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(mut row) = self;
        let Shape { in_channels: channels, kernel, stride, .. } = row.window.shape;
        let lines = Lines::of(row.window);
        let full = channels - channels % LANES;
        let rest = match (kernel[1], stride[1]) {
            (3, 1) => row.of_three::<S, 1, 6, 4>(&lines),
            (3, 2) => row.of_three::<S, 2, 9, 5>(&lines),
            _ => 0,
        };
        for column in 0..lines.columns.output() {
            (rest..full).step_by(LANES).for_each(|c| row.sums::<S>(&lines, column, c, LANES));
            if full < channels {
                row.sums::<S>(&lines, column, full, channels - full);
            }
        }
    }
}

impl Row<'_> {
    /// All windows of three columns, for as many channels as it returns: with sizes that are known
    /// beforehand, pixels and sums stay in registers. `FOUR` and `TWO` are the numbers of pixels
    /// that four and two windows of a row cover.
    ///
    /// Neighbouring windows come before other channels: a column of one channel is a line of cache each,
    /// all of them in the same few places of it.
    #[inline(always)]
    fn of_three<S: Simd, const STRIDE: usize, const FOUR: usize, const TWO: usize>(
        &mut self,
        lines: &Lines,
    ) -> usize {
        let (columns, whole) = (lines.columns.output(), lines.whole());
        for column in (0..whole.start).chain(whole.end..columns) {
            let taps = lines.taps(column);
            match taps.len() {
                1 => self.windows::<S, 1, 1, 1, 1>(lines, column, taps.start),
                _ => self.windows::<S, 1, 1, 2, 2>(lines, column, taps.start),
            }
        }
        let mut column = whole.start;
        // Other levels lack the registers.
        while S::TILE[1] == 2 && column + 4 <= whole.end {
            self.windows::<S, 4, STRIDE, 3, FOUR>(lines, column, 0);
            column += 4;
        }
        while column + 2 <= whole.end {
            self.windows::<S, 2, STRIDE, 3, TWO>(lines, column, 0);
            column += 2;
        }
        if column < whole.end {
            self.windows::<S, 1, STRIDE, 3, 3>(lines, column, 0);
        }
        let channels = self.window.shape.in_channels;
        channels - channels % LANES
    }

    /// Whole vectors of the channels of `N` windows starting at `first`, whose `PIXELS` columns
    /// meet `TAPS` columns of the filters starting at `tap`.
    #[inline(always)]
    fn windows<
        S: Simd,
        const N: usize,
        const STRIDE: usize,
        const TAPS: usize,
        const PIXELS: usize,
    >(
        &mut self,
        lines: &Lines,
        first: usize,
        tap: usize,
    ) {
        let channels = self.window.shape.in_channels;
        let (at, tap) = (lines.column(first, tap) * channels, tap * channels);
        for channel in (0..channels - channels % LANES).step_by(LANES) {
            let [bias] = S::load_strided(self.bias, channel, 0);
            let mut sums = [bias; N];
            for &[line, filter] in &lines.starts {
                let pixels: [S; PIXELS] = S::load_strided(self.x, line + at + channel, channels);
                let weights: [S; TAPS] =
                    S::load_strided(self.weight, filter + tap + channel, channels);
                for (kx, weight) in weights.into_iter().enumerate() {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        *sum = pixels[i * STRIDE + kx].mul_add(weight, *sum);
                    }
                }
            }
            for (i, sum) in sums.into_iter().enumerate() {
                let to = &mut self.y[(first + i) * channels + channel..][..LANES];
                self.rectifier.of(sum).store_slice(to);
            }
        }
    }

    /// The sums of a window for `lanes` channels.
    #[inline(always)]
    fn sums<S: Simd>(&mut self, lines: &Lines, window: usize, channel: usize, lanes: usize) {
        let channels = self.window.shape.in_channels;
        let mut sum = S::load_slice(&self.bias[channel..][..lanes], 0.0);
        for &[line, filter] in &lines.starts {
            for tap in lines.taps(window) {
                let weight = &self.weight[filter + tap * channels + channel..][..lanes];
                let pixel =
                    &self.x[line + lines.column(window, tap) * channels + channel..][..lanes];
                let weight = S::load_slice(weight, 0.0);
                sum = S::load_slice(pixel, 0.0).mul_add(weight, sum);
            }
        }
        let to = &mut self.y[window * channels + channel..][..lanes];
        self.rectifier.of(sum).store_slice(to);
    }
}

/// A row where every channel has several filters.
struct SeveralFilters<'a>(Row<'a>);

impl Kernel for SeveralFilters<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Row { window, x, weight, bias, rectifier, y } = self.0;
        let (shape, multiplier) = (window.shape, multiplier(&window.shape));
        for (column, y) in y.chunks_exact_mut(shape.out_channels).enumerate() {
            y.copy_from_slice(bias);
            for (at_y, ky) in window.rows() {
                for (at_x, kx) in taps(shape.columns(), column) {
                    let weight = &weight[window.tap(ky, kx)..][..shape.out_channels];
                    let pixel = &x[window.pixel(at_y, at_x)..][..shape.in_channels];
                    let of_channel = y.chunks_mut(multiplier).zip(weight.chunks(multiplier));
                    for ((y, weight), &x) in of_channel.zip(pixel) {
                        y.iter_mut().zip(weight).for_each(|(y, w)| *y += w * x);
                    }
                }
            }
            for values in y.chunks_mut(LANES) {
                rectifier.of(S::load_slice(values, 0.0)).store_slice(values);
            }
        }
    }
}
