//! The two walks over an image that all poolings share: over the windows, and back.

use std::ops::Range;

use super::super::simd::{Kernel, LANES, Simd};
use super::shape::{Shape, Windows};

/// Vectors of channels that are pooled together: their sums stay in registers, and a window's
/// bounds are found once for all of them. What is left over goes by two, and then one.
const VECTORS: usize = 4;

/// How the values of a window become one.
pub(super) trait Pooling {
    /// What a window begins with.
    fn start<S: Simd>(&self) -> (S, S);
    /// Takes in one value, which is at `place` of the window, row by row.
    fn take<S: Simd>(&self, state: (S, S), value: S, place: S) -> (S, S);
    /// Writes the outputs `at` of a window that has `count` values inside the image.
    fn finish<S: Simd>(&mut self, state: (S, S), count: usize, at: Range<usize>);
}

/// Rows of outputs, counted through all images.
pub(super) struct Forward<'a, P> {
    pub(super) shape: Shape,
    pub(super) rows: Range<usize>,
    pub(super) x: &'a [f32],
    pub(super) pooling: P,
}

impl<P: Pooling> Kernel for Forward<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let rows = Windows::new(self.shape.rows());
        let columns = Windows::new(self.shape.columns());
        let channels = self.shape.channels;
        let mut to = 0;
        for row in self.rows.clone() {
            let (image, row) = (row / rows.output, row % rows.output);
            let inside_rows = rows.inside(row);
            for column in 0..columns.output {
                let window = Window {
                    rows: inside_rows.clone(),
                    columns: columns.inside(column),
                    first: [
                        rows.place(inside_rows.start, row),
                        columns.place(columns.inside(column).start, column),
                    ],
                    kernel_width: columns.kernel,
                    image: image * rows.input,
                    width: columns.input,
                    channels,
                };
                window.pool::<S, P>(self.x, to, &mut self.pooling);
                to += channels;
            }
        }
    }
}

/// One window inside an image.
struct Window {
    rows: Range<usize>,
    columns: Range<usize>,
    /// The place of the first value in the window, which may begin before the image.
    first: [usize; 2],
    kernel_width: usize,
    /// The first row of the image among the rows of all.
    image: usize,
    width: usize,
    channels: usize,
}

impl Window {
    #[inline(always)]
    fn pool<S: Simd, P: Pooling>(&self, x: &[f32], to: usize, pooling: &mut P) {
        let mut channel = 0;
        while channel + VECTORS * LANES <= self.channels {
            self.pool_vectors::<S, P, VECTORS>(x, channel, LANES, to, pooling);
            channel += VECTORS * LANES;
        }
        while channel + 2 * LANES <= self.channels {
            self.pool_vectors::<S, P, 2>(x, channel, LANES, to, pooling);
            channel += 2 * LANES;
        }
        if channel + LANES <= self.channels {
            self.pool_vectors::<S, P, 1>(x, channel, LANES, to, pooling);
            channel += LANES;
        }
        if channel < self.channels {
            self.pool_vectors::<S, P, 1>(x, channel, self.channels - channel, to, pooling);
        }
    }

    /// Pools `N` vectors of channels, of which each has `lanes` values.
    #[inline(always)]
    fn pool_vectors<S: Simd, P: Pooling, const N: usize>(
        &self,
        x: &[f32],
        channel: usize,
        lanes: usize,
        to: usize,
        pooling: &mut P,
    ) {
        let mut states = [pooling.start::<S>(); N];
        for (down, row) in self.rows.clone().enumerate() {
            let place = (self.first[0] + down) * self.kernel_width + self.first[1];
            let mut place = S::splat(place as f32);
            let pixel = ((self.image + row) * self.width + self.columns.start) * self.channels;
            let len = self.columns.len() * self.channels;
            for pixel in x[pixel..pixel + len].chunks_exact(self.channels) {
                let values = &pixel[channel..channel + (N - 1) * LANES + lanes];
                for (i, state) in states.iter_mut().enumerate() {
                    let value = S::load_slice(&values[i * LANES..i * LANES + lanes], 0.0);
                    *state = pooling.take(*state, value, place);
                }
                place = place.add(S::splat(1.0));
            }
        }
        let count = self.rows.len() * self.columns.len();
        for (i, state) in states.into_iter().enumerate() {
            let at = to + channel + i * LANES;
            pooling.finish(state, count, at..at + lanes);
        }
    }
}

/// What a window gives back to one of its values.
pub(super) trait PoolBackward {
    /// The gradient from the outputs `at` for the value at `place` of a window that has
    /// `count` values inside the image.
    fn gradient<S: Simd>(&self, at: Range<usize>, place: usize, count: usize) -> S;
}

/// Rows of inputs, counted through all images.
pub(super) struct Backward<'a, U> {
    pub(super) shape: Shape,
    pub(super) rows: Range<usize>,
    pub(super) dx: &'a mut [f32],
    pub(super) unpooling: U,
}

impl<U: PoolBackward> Kernel for Backward<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let rows = Windows::new(self.shape.rows());
        let columns = Windows::new(self.shape.columns());
        let channels = self.shape.channels;
        let mut pixels = self.dx.chunks_exact_mut(channels);
        for row in self.rows {
            let (image, row) = (row / rows.input, row % rows.input);
            let covering_rows = rows.covering(row);
            for column in 0..columns.input {
                let Some(dx) = pixels.next() else { return };
                let pixel = Pixel {
                    at: [row, column],
                    windows: [covering_rows.clone(), columns.covering(column)],
                    axes: [&rows, &columns],
                    image,
                };
                pixel.unpool::<S, U>(&self.unpooling, dx);
            }
        }
    }
}

/// One pixel of an input, with the windows that cover it.
struct Pixel<'a> {
    at: [usize; 2],
    windows: [Range<usize>; 2],
    axes: [&'a Windows; 2],
    image: usize,
}

impl Pixel<'_> {
    #[inline(always)]
    fn unpool<S: Simd, U: PoolBackward>(&self, unpooling: &U, dx: &mut [f32]) {
        let channels = dx.len();
        let mut channel = 0;
        while channel + VECTORS * LANES <= channels {
            self.unpool_vectors::<S, U, VECTORS>(unpooling, channel, LANES, dx);
            channel += VECTORS * LANES;
        }
        while channel + 2 * LANES <= channels {
            self.unpool_vectors::<S, U, 2>(unpooling, channel, LANES, dx);
            channel += 2 * LANES;
        }
        if channel + LANES <= channels {
            self.unpool_vectors::<S, U, 1>(unpooling, channel, LANES, dx);
            channel += LANES;
        }
        if channel < channels {
            self.unpool_vectors::<S, U, 1>(unpooling, channel, channels - channel, dx);
        }
    }

    /// The gradient of `N` vectors of channels, of which each has `lanes` values.
    #[inline(always)]
    fn unpool_vectors<S: Simd, U: PoolBackward, const N: usize>(
        &self,
        unpooling: &U,
        channel: usize,
        lanes: usize,
        dx: &mut [f32],
    ) {
        let [rows, columns] = self.axes;
        let mut sums = [S::splat(0.0); N];
        for row in self.windows[0].clone() {
            let place = rows.place(self.at[0], row) * columns.kernel;
            let line = (self.image * rows.output + row) * columns.output;
            for column in self.windows[1].clone() {
                let at = (line + column) * dx.len() + channel;
                let place = place + columns.place(self.at[1], column);
                let count = rows.inside(row).len() * columns.inside(column).len();
                for (i, sum) in sums.iter_mut().enumerate() {
                    let at = at + i * LANES;
                    *sum = sum.add(unpooling.gradient(at..at + lanes, place, count));
                }
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            let at = channel + i * LANES;
            sum.store_slice(&mut dx[at..at + lanes]);
        }
    }
}
