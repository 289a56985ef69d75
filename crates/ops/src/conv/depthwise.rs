//! The depthwise convolution (Howard et al., "MobileNets", arXiv 1704.04861): every channel of an
//! image has filters of its own, as TensorFlow's `depthwise_conv2d_native` has them.

use std::ops::Range;

use super::super::relu::Rectifier;
use super::super::simd::{Kernel, LANES, Simd};
use super::super::{Cpu, rows_mut};
use super::Shape;

/// Neighbouring windows that are computed at once, so that a weight is read once for all.
const COLUMNS: usize = 4;

/// The filters of each channel: the `out_channels` of a shape are a multiple of its `in_channels`,
/// and output c · multiplier + m is the m-th filter of channel c.
fn multiplier(shape: &Shape) -> usize {
    assert!(
        shape.in_channels > 0 && shape.out_channels.is_multiple_of(shape.in_channels),
        "every channel has as many filters"
    );
    shape.out_channels / shape.in_channels
}

/// Values of the filters (kernel height, kernel width, in channels, multiplier).
pub fn weights(shape: &Shape) -> usize {
    shape.kernel[0] * shape.kernel[1] * shape.out_channels
}

/// Multiplications and additions of a forward pass.
pub fn operations(shape: &Shape) -> usize {
    2 * shape.outputs() * shape.kernel[0] * shape.kernel[1]
}

/// `y = x ∗ weight + bias`, cut off by `rectifier`. `x` (batch, height, width, channels), `weight`
/// (kernel height, kernel width, channels, multiplier), `bias` (channels · multiplier), `y` (batch,
/// rows, columns, channels · multiplier).
///
/// # Panics
/// When the sizes do not fit each other.
pub fn forward(
    cpu: &Cpu,
    shape: Shape,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    rectifier: Rectifier,
    y: &mut [f32],
) {
    assert_eq!(x.len(), shape.inputs(), "the input has another size");
    assert_eq!(weight.len(), weights(&shape), "the filters have another size");
    assert_eq!(bias.len(), shape.out_channels, "the bias has another size");
    assert_eq!(y.len(), shape.outputs(), "the output has another size");
    let (rows, width) = (shape.rows().output(), shape.columns().output() * shape.out_channels);
    cpu.for_rows(shape.batch * rows, 1, rows_mut(y, width), |row, y| {
        let window = Window { shape, image: row.start / rows, row: row.start % rows };
        let row = Row { window, x, weight, bias, rectifier, y };
        match multiplier(&shape) {
            1 => cpu.isa().run(OneFilter(row)),
            _ => cpu.isa().run(SeveralFilters(row)),
        }
    });
}

/// A row of windows of an image.
#[derive(Clone, Copy)]
struct Window {
    shape: Shape,
    image: usize,
    row: usize,
}

impl Window {
    /// The rows of the image that the windows cover, each with its row of the filters.
    #[inline(always)]
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        taps(self.shape.rows(), self.row)
    }

    /// Where a pixel of the image stands.
    #[inline(always)]
    fn pixel(&self, y: usize, x: usize) -> usize {
        ((self.image * self.shape.height + y) * self.shape.width + x) * self.shape.in_channels
    }

    /// Where a tap of the filters stands.
    #[inline(always)]
    fn tap(&self, y: usize, x: usize) -> usize {
        (y * self.shape.kernel[1] + x) * self.shape.out_channels
    }
}

/// The places of the input that a window covers, each with its tap.
#[inline(always)]
fn taps(axis: crate::window::Axis, window: usize) -> impl Iterator<Item = (usize, usize)> {
    let before = axis.before();
    axis.inside(window).map(move |at| (at, at + before - window * axis.stride))
}

/// A row of outputs.
struct Row<'a> {
    window: Window,
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    rectifier: Rectifier,
    y: &'a mut [f32],
}

/// What all windows of a row have in common.
struct Lines {
    /// For each row of the filters that meets the image: where the row of the image begins, and where
    /// that of the filters.
    starts: Vec<[usize; 2]>,
    /// Columns of padding before the first.
    before: usize,
    /// The windows that lie inside the image as a whole.
    whole: Range<usize>,
}

/// A row where every channel has one filter.
struct OneFilter<'a>(Row<'a>);

impl Kernel for OneFilter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(mut row) = self;
        let kernel = row.window.shape.kernel;
        let axis = row.window.shape.columns();
        let is_whole = |column: &usize| axis.inside(*column).len() == kernel[1];
        let columns = axis.output();
        let first = (0..columns).find(is_whole).unwrap_or(columns);
        let last = first + (first..columns).take_while(is_whole).count();
        let window = row.window;
        let start = |(y, ky)| [window.pixel(y, 0), window.tap(ky, 0)];
        let lines = Lines {
            starts: window.rows().map(start).collect(),
            before: axis.before(),
            whole: first..last,
        };
        // Neighbouring windows before other channels: a column of one channel is a line of cache each,
        // all of them in the same few places of it.
        let Range { start, end } = lines.whole;
        (0..start).for_each(|column| row.windows::<S, 1>(&lines, column));
        let mut column = start;
        while column + COLUMNS <= end {
            row.windows::<S, COLUMNS>(&lines, column);
            column += COLUMNS;
        }
        (column..columns).for_each(|column| row.windows::<S, 1>(&lines, column));
    }
}

impl Row<'_> {
    /// All channels of `N` windows from `first` on, all of which are whole where there are several.
    #[inline(always)]
    fn windows<S: Simd, const N: usize>(&mut self, lines: &Lines, first: usize) {
        let Shape { in_channels: channels, kernel, stride, .. } = self.window.shape;
        let full = channels - channels % LANES;
        let is_whole = lines.whole.contains(&first);
        for channel in (0..full).step_by(LANES) {
            match (is_whole, kernel[1], stride[1]) {
                (true, 3, 1) => self.of_three::<S, N, 1>(lines, first, channel),
                (true, 3, 2) => self.of_three::<S, N, 2>(lines, first, channel),
                _ => self.sums::<S, N>(lines, first, channel, LANES),
            }
        }
        if full < channels {
            self.sums::<S, N>(lines, first, full, channels - full);
        }
    }

    /// The sums of `N` whole windows of three columns from `first` on for [`LANES`] channels: with sizes
    /// that are known beforehand they stay in registers.
    #[inline(always)]
    fn of_three<S: Simd, const N: usize, const STRIDE: usize>(
        &mut self,
        lines: &Lines,
        first: usize,
        channel: usize,
    ) {
        let channels = self.window.shape.in_channels;
        let mut sums = [vector::<S>(self.bias, channel); N];
        for &[line, tap] in &lines.starts {
            let weights = [
                vector::<S>(self.weight, tap + channel),
                vector::<S>(self.weight, tap + channels + channel),
                vector::<S>(self.weight, tap + 2 * channels + channel),
            ];
            let at = line + (first * STRIDE - lines.before) * channels + channel;
            for (kx, weight) in weights.into_iter().enumerate() {
                for (i, sum) in sums.iter_mut().enumerate() {
                    let pixel = vector::<S>(self.x, at + (i * STRIDE + kx) * channels);
                    *sum = pixel.mul_add(weight, *sum);
                }
            }
        }
        self.store(first, channel, sums);
    }

    /// Writes the sums of a vector of channels of some windows.
    #[inline(always)]
    fn store<S: Simd, const N: usize>(&mut self, first: usize, channel: usize, sums: [S; N]) {
        let channels = self.window.shape.in_channels;
        let lanes = LANES.min(channels - channel);
        for (i, sum) in sums.into_iter().enumerate() {
            let to = &mut self.y[(first + i) * channels + channel..][..lanes];
            self.rectifier.of(sum).store_slice(to);
        }
    }

    /// The sums of `N` windows from `first` on for `lanes` channels.
    #[inline(always)]
    fn sums<S: Simd, const N: usize>(
        &mut self,
        lines: &Lines,
        first: usize,
        channel: usize,
        lanes: usize,
    ) {
        let Shape {
            stride: [_, stride], kernel: [_, kernel], width, in_channels: channels, ..
        } = self.window.shape;
        let start = (first * stride) as isize - lines.before as isize;
        let from = (-start).max(0);
        let taps = from..(width as isize - start).min(kernel as isize).max(from);
        let mut sums = [S::load_slice(&self.bias[channel..][..lanes], 0.0); N];
        for &[line, tap] in &lines.starts {
            for kx in taps.clone() {
                let weight = &self.weight[tap + kx as usize * channels + channel..][..lanes];
                let weight = S::load_slice(weight, 0.0);
                let at = line + (start + kx) as usize * channels + channel;
                for (i, sum) in sums.iter_mut().enumerate() {
                    let pixel = &self.x[at + i * stride * channels..][..lanes];
                    *sum = S::load_slice(pixel, 0.0).mul_add(weight, *sum);
                }
            }
        }
        self.store(first, channel, sums);
    }
}

/// A whole vector, by no closure, which could be compiled apart, without the level's instructions.
#[inline(always)]
fn vector<S: Simd>(values: &[f32], at: usize) -> S {
    S::load_slice(&values[at..][..LANES], 0.0)
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

/// The gradient of the input, `dx` (as `x`), from that of the output, `dy` (as `y`).
///
/// # Panics
/// When the sizes do not fit each other.
pub fn backward_input(cpu: &Cpu, shape: Shape, weight: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!(weight.len(), weights(&shape), "the filters have another size");
    assert_eq!((dy.len(), dx.len()), (shape.outputs(), shape.inputs()), "other sizes");
    let (multiplier, image_len) = (multiplier(&shape), dx.len() / shape.batch.max(1));
    cpu.for_rows(shape.batch, 1, rows_mut(dx, image_len), |images, dx| {
        dx.fill(0.0);
        each_tap(&shape, images.start, |y, x, tap| {
            let dx = &mut dx[x % image_len.max(1)..][..shape.in_channels];
            let dy = dy[y..].chunks(multiplier).zip(weight[tap..].chunks(multiplier));
            for (dx, (dy, weight)) in dx.iter_mut().zip(dy) {
                *dx += dy.iter().zip(weight).map(|(dy, w)| dy * w).sum::<f32>();
            }
        });
    });
}

/// The gradient of the filters, `d_weight` (as `weight`), from that of the output.
///
/// # Panics
/// When the sizes do not fit each other.
pub fn backward_weight(shape: Shape, x: &[f32], dy: &[f32], d_weight: &mut [f32]) {
    assert_eq!(d_weight.len(), weights(&shape), "the filters have another size");
    assert_eq!((dy.len(), x.len()), (shape.outputs(), shape.inputs()), "other sizes");
    let multiplier = multiplier(&shape);
    d_weight.fill(0.0);
    for image in 0..shape.batch {
        each_tap(&shape, image, |at_y, at_x, tap| {
            let to = d_weight[tap..][..shape.out_channels].chunks_mut(multiplier);
            let from = dy[at_y..].chunks(multiplier).zip(&x[at_x..]);
            for (d_weight, (dy, x)) in to.zip(from) {
                d_weight.iter_mut().zip(dy).for_each(|(d, dy)| *d += dy * x);
            }
        });
    }
}

/// Calls `work` for every tap of every window of an image, with the places of the output's, the
/// input's and the tap's first channel.
fn each_tap(shape: &Shape, image: usize, mut work: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (shape.rows(), shape.columns());
    for row in 0..rows.output() {
        let window = Window { shape: *shape, image, row };
        for column in 0..columns.output() {
            let pixel = (image * rows.output() + row) * columns.output() + column;
            for (y, ky) in window.rows() {
                for (x, kx) in taps(columns, column) {
                    work(pixel * shape.out_channels, window.pixel(y, x), window.tap(ky, kx));
                }
            }
        }
    }
}

/// The forward pass in plain `f64`, without rectifier.
pub fn depthwise_reference(shape: Shape, x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let multiplier = multiplier(&shape);
    let mut y: Vec<f64> = bias.iter().copied().cycle().take(shape.outputs()).collect();
    for image in 0..shape.batch {
        each_tap(&shape, image, |at_y, at_x, tap| {
            for (o, y) in y[at_y..][..shape.out_channels].iter_mut().enumerate() {
                *y += x[at_x + o / multiplier] * weight[tap + o];
            }
        });
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::window::Padding;

    /// Numbers of an independent engine:
    /// ```python
    /// import numpy as np, tensorflow as tf
    /// x = np.arange(2 * 5 * 4 * 3, dtype="f").reshape(2, 5, 4, 3) % 11 - 5
    /// for m, s, p in [(1, 1, "SAME"), (2, 2, "SAME"), (1, 2, "VALID")]:
    ///     w = np.arange(3 * 3 * 3 * m, dtype="f").reshape(3, 3, 3, m) % 7 - 3
    ///     y = tf.nn.depthwise_conv2d(x, w, [1, s, s, 1], p).numpy().ravel()
    ///     print(len(y), y[:6].tolist(), float(np.dot(y, np.arange(len(y)) % 5)))
    /// ```
    #[test]
    fn equals_tensorflow() {
        for (multiplier, stride, padding, len, first, checksum) in TENSORFLOW {
            let shape = Shape {
                batch: 2,
                height: 5,
                width: 4,
                in_channels: 3,
                out_channels: 3 * multiplier,
                kernel: [3; 2],
                stride: [stride; 2],
                padding,
            };
            let numbers = |len: usize, modulo: usize, less: f32| -> Vec<f32> {
                (0..len).map(|i| (i % modulo) as f32 - less).collect()
            };
            let (x, weight) = (numbers(120, 11, 5.0), numbers(weights(&shape), 7, 3.0));
            for isa in Isa::available() {
                let mut y = vec![f32::NAN; shape.outputs()];
                let bias = vec![0.0; shape.out_channels];
                let cpu = Cpu::new(isa, 2).unwrap();
                forward(&cpu, shape, &x, &weight, &bias, Rectifier::None, &mut y);
                assert_eq!((y.len(), &y[..6]), (len, &first[..]), "{isa:?}");
                let sum: f32 = y.iter().enumerate().map(|(i, y)| y * (i % 5) as f32).sum();
                assert_eq!(sum, checksum, "{isa:?}");
            }
        }
    }

    type Expected = (usize, usize, Padding, usize, [f32; 6], f32);
    const TENSORFLOW: [Expected; 3] = [
        (1, 1, Padding::Same, 120, [6.0, -5.0, 13.0, -2.0, -8.0, -2.0], 106.0),
        (2, 2, Padding::Same, 72, [11.0, -12.0, -18.0, 7.0, 12.0, -6.0], 153.0),
        (1, 2, Padding::Valid, 12, [13.0, -4.0, -3.0, 7.0, -17.0, -23.0], 121.0),
    ];
}
