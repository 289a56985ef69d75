//! Winograd's convolution along one axis, for filters of one row or one column: F(2, 7) takes
//! four multiplications an output where the direct sum takes seven.
//!
//! The points are those of the square tiles. A tile is eight pixels of a line, and over all channels
//! and all tiles of some lines there is one matrix product for each point, on one thread: transform,
//! eight products, transform back.
//!
//! **Error.** Measured as that of the square tiles, with 192 channels: 2.3e-6 with 7 taps, 2.6e-6
//! with 5 and 4.2e-6 with 3. The tiles of an image do not depend on the batch, and neither do its
//! bits.

use std::ops::Range;
use std::sync::Arc;

use super::points::{FilterPoints, InputPoints, OutputPoints, POINTS, Transform};
use super::tile;
use super::tiles::{Epilogue, pad_to_odd_lines};
use crate::conv::Shape;
use crate::disjoint::{Sequences, columns_mut};
use crate::matmul::{Matrix, PackedMatrix, Right, matmul_alone};
use crate::simd::{Kernel, LANES, Simd};
use crate::{Cpu, rows_mut, window};

/// The values at the points, of inputs and of products, that a thread has at a time: they stay in
/// the second-level cache.
const BLOCK_VALUES: usize = 256 * 1024;
/// In channels of a filter that a thread transforms at a time.
const CHANNELS_AT_A_TIME: usize = 8;
/// What the transform of sixteen channels of a tile costs, in multiply-adds of a vector.
const DATA_COST: usize = 60;
/// The same for the transform back.
const OUTPUT_COST: usize = 40;
/// Reading the filters costs as much as their products with this many tiles.
const FILTER_COST: usize = 4;

/// Whether this algorithm can do the convolution: one row or one column of 3, 5 or 7 taps, stride
/// 1, and at least one input, filter and output.
pub fn supports(shape: &Shape) -> bool {
    let size = matches!(shape.kernel, [1, 3 | 5 | 7] | [3 | 5 | 7, 1]) && shape.stride == [1, 1];
    size && shape.inputs() > 0 && shape.outputs() > 0
}

/// Whether it is likely to be faster than the direct sums, for a shape that it [`supports`].
pub fn is_profitable(shape: &Shape) -> bool {
    let lines = Lines::new(shape);
    let [ins, outs] = [shape.in_channels, shape.out_channels].map(|c| c.div_ceil(LANES));
    let products = POINTS * shape.in_channels * outs;
    let winograd = lines.count * lines.tiles * (products + DATA_COST * ins + OUTPUT_COST * outs)
        + FILTER_COST * products;
    let direct = lines.count * lines.axis.output() * lines.axis.kernel * shape.in_channels * outs;
    // Demand a 20 % margin: the cost model is no better than that.
    5 * winograd < 4 * direct
}

/// The filters at the points: for each a matrix (in channels, out channels).
///
/// # Panics
/// When the shape does not [fit](supports), or `weight` has another size.
pub fn transformed(cpu: &Cpu, shape: &Shape, weight: &[f32]) -> Vec<Right<'static>> {
    assert!(supports(shape), "filters must be a line of 3, 5 or 7 with stride 1: {shape:?}");
    assert_eq!(weight.len(), shape.weights(), "the filters have the wrong size");
    let (ins, outs) = (shape.in_channels, shape.out_channels);
    let mut points = [(); POINTS].map(|()| vec![0.0; ins * outs]);
    let rows = points.each_mut().map(|point| rows_mut(point, outs));
    cpu.for_rows(ins, CHANNELS_AT_A_TIME, rows, |channels, points| {
        let (taps, isa) = (weight.chunks_exact(ins * outs), cpu.isa());
        let taps = taps.map(|tap| &tap[channels.start * outs..channels.end * outs]);
        match shape.kernel[0] * shape.kernel[1] {
            3 => isa.run(FiltersToPoints::<3> { taps: array(taps), points, outs }),
            5 => isa.run(FiltersToPoints::<5> { taps: array(taps), points, outs }),
            _ => isa.run(FiltersToPoints::<7> { taps: array(taps), points, outs }),
        }
    });
    let pack = |point: Vec<f32>| {
        let mut packed = PackedMatrix::default();
        packed.pack(cpu, Matrix::new(&point, ins, outs));
        Right::Packed(Arc::new(packed))
    };
    points.into_iter().map(pack).collect()
}

fn array<T: Copy, const N: usize>(items: impl Iterator<Item = T>) -> [T; N] {
    let items: Vec<T> = items.collect();
    std::array::from_fn(|i| items[i])
}

/// Filters of some in channels to the points.
struct FiltersToPoints<'a, const K: usize> {
    /// (in, out) for each tap.
    taps: [&'a [f32]; K],
    /// (in, out) for each point.
    points: [&'a mut [f32]; POINTS],
    outs: usize,
}

impl<const K: usize> Kernel for FiltersToPoints<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for row in (0..self.taps[0].len()).step_by(self.outs) {
            for at in (row..row + self.outs).step_by(LANES) {
                let end = (at + LANES).min(row + self.outs);
                let taps = self.taps.map(|tap| S::load_slice(&tap[at..end], 0.0));
                for (point, values) in self.points.iter_mut().zip(FilterPoints::apply(taps)) {
                    values.store_slice(&mut point[at..end]);
                }
            }
        }
    }
}

/// `y = x ∗ filters + bias`, followed by the activation, as [`super::forward`] with filters that
/// are [`transformed`].
///
/// # Panics
/// When the shape does not [fit](supports), or a slice has another size.
pub fn forward(
    cpu: &Cpu,
    shape: &Shape,
    x: &[f32],
    filters: &[Right],
    finish: Epilogue,
    y: &mut [f32],
) {
    assert!(supports(shape), "filters must be a line of 3, 5 or 7 with stride 1: {shape:?}");
    assert_eq!(x.len(), shape.inputs(), "the input has the wrong size");
    assert_eq!(y.len(), shape.outputs(), "the output has the wrong size");
    assert_eq!(filters.len(), POINTS, "a matrix for each point");
    let convolution = Convolution {
        lines: Lines::new(shape),
        channels: [shape.in_channels, shape.out_channels],
        finish,
    };
    match convolution.lines.axis.kernel {
        3 => convolution.run::<{ tile(3) }>(cpu, x, filters, y),
        5 => convolution.run::<{ tile(5) }>(cpu, x, filters, y),
        _ => convolution.run::<{ tile(7) }>(cpu, x, filters, y),
    }
}

/// The rows of a batch of images, or the columns.
#[derive(Clone, Copy)]
struct Lines {
    /// Along a line.
    axis: window::Axis,
    count: usize,
    /// Lines side by side: the columns of an image, or one row.
    beside: usize,
    /// Tiles of a line.
    tiles: usize,
}

impl Lines {
    fn new(shape: &Shape) -> Self {
        let (axis, count, beside) = match shape.kernel {
            [1, _] => (shape.columns(), shape.batch * shape.height, 1),
            _ => (shape.rows(), shape.batch * shape.width, shape.width),
        };
        Self { axis, count, beside, tiles: axis.output().div_ceil(tile(axis.kernel)) }
    }

    /// The eight input pixels of a tile of `M` outputs, where they are in the images.
    fn pixels<const M: usize>(&self, line: usize, tile: usize) -> [Option<usize>; POINTS] {
        let first = (line / self.beside * self.axis.input, tile * M);
        std::array::from_fn(|i| {
            let position = (first.1 + i).checked_sub(self.axis.before())?;
            let inside = position < self.axis.input;
            inside.then(|| (first.0 + position) * self.beside + line % self.beside)
        })
    }
}

struct Convolution<'a> {
    lines: Lines,
    /// In, out.
    channels: [usize; 2],
    finish: Epilogue<'a>,
}

impl Convolution<'_> {
    fn run<const M: usize>(&self, cpu: &Cpu, x: &[f32], filters: &[Right], y: &mut [f32]) {
        let (all, [ins, outs]) = (self.lines, self.channels);
        let zeros = vec![0.0; ins];
        let values = all.count * all.tiles * POINTS * (ins + outs);
        let blocks = cpu.threads() * values.div_ceil(BLOCK_VALUES * cpu.threads());
        let y = columns_mut(y, [all.axis.output(), all.beside], outs);
        cpu.for_rows(all.count, all.count.div_ceil(blocks), y, |lines, images| {
            let tiles = lines.len() * all.tiles;
            // The points of a tile must not share one set of the cache.
            let [from, to] = [ins, outs].map(|channels| pad_to_odd_lines(tiles * channels));
            cpu.with_buffer(POINTS * (from + to), |buffer| {
                let (data, products) = buffer.split_at_mut(POINTS * from);
                let (own, zeros) = (lines.clone(), &*zeros);
                cpu.isa().run(ToPoints::<M> {
                    of: self,
                    lines: own,
                    x,
                    zeros,
                    data,
                    distance: from,
                });
                for (point, filter) in filters.iter().enumerate() {
                    let left = Matrix::new(&data[point * from..][..tiles * ins], tiles, ins);
                    matmul_alone(cpu, left, filter, &mut products[point * to..][..tiles * outs]);
                }
                cpu.isa().run(FromPoints::<M> { of: self, lines, images, products, distance: to });
            });
        });
    }
}

/// Lines of pixels to the points of their tiles.
struct ToPoints<'a, const M: usize> {
    of: &'a Convolution<'a>,
    lines: Range<usize>,
    x: &'a [f32],
    /// A zero for each channel: what a pixel outside the images is.
    zeros: &'a [f32],
    /// (tile, channel) for each point.
    data: &'a mut [f32],
    /// From one point to the next.
    distance: usize,
}

impl<const M: usize> Kernel for ToPoints<'_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (all, ins) = (self.of.lines, self.of.channels[0]);
        let tiles = self.lines.flat_map(|line| (0..all.tiles).map(move |tile| (line, tile)));
        for (row, (line, tile)) in tiles.enumerate() {
            let pixel =
                |place: Option<usize>| place.map_or(self.zeros, |place| &self.x[place * ins..]);
            let pixels = all.pixels::<M>(line, tile).map(pixel);
            for channel in (0..ins).step_by(LANES) {
                let end = ins.min(channel + LANES);
                let values = pixels.map(|pixel| S::load_slice(&pixel[channel..end], 0.0));
                let values: [S; POINTS] = InputPoints::apply(values);
                for (point, values) in values.into_iter().enumerate() {
                    let at = point * self.distance + row * ins;
                    values.store_slice(&mut self.data[at + channel..at + end]);
                }
            }
        }
    }
}

/// The products at the points to lines of outputs.
struct FromPoints<'a, const M: usize> {
    of: &'a Convolution<'a>,
    lines: Range<usize>,
    images: Sequences<'a>,
    /// (tile, channel) for each point.
    products: &'a [f32],
    /// From one point to the next.
    distance: usize,
}

impl<const M: usize> Kernel for FromPoints<'_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (all, outs) = (self.of.lines, self.of.channels[1]);
        let Epilogue { bias, rectifier } = self.of.finish;
        let tiles = self.lines.flat_map(|line| (0..all.tiles).map(move |tile| (line, tile)));
        for (row, (line, tile)) in tiles.enumerate() {
            for channel in (0..outs).step_by(LANES) {
                let end = outs.min(channel + LANES);
                let values: [S; POINTS] = std::array::from_fn(|point| {
                    let at = point * self.distance + row * outs;
                    S::load_slice(&self.products[at + channel..at + end], 0.0)
                });
                let bias =
                    bias.map_or(S::splat(0.0), |bias| S::load_slice(&bias[channel..end], 0.0));
                let values: [S; M] = OutputPoints::apply(values);
                for (position, value) in (tile * M..all.axis.output()).zip(values) {
                    let pixel = self.images.row(position, line);
                    rectifier.of(value.add(bias)).store_slice(&mut pixel[channel..end]);
                }
            }
        }
    }
}
