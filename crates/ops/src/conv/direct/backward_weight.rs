//! The gradient of the filters: windowsᵀ · dy, summed over all pixels of all images.
//!
//! For one row of a filter the values that a window meets are contiguous in the padded image,
//! so they are the rows of a tile, the out channels its columns, and the pixels its depth:
//! both sides are read in place. The batch is split into pieces that depend on nothing but
//! the shape. Each piece has a sum of its own, and these are added in their order.

use std::ops::Range;

use super::super::Shape;
use super::kernel::{COLUMNS, Offsets, Tile, TileSize};
use crate::cpu::{Queue, with_thread_buffer};
use crate::matmul::{Matrix, PackColumns, Panels};
use crate::relu::Rectifier;
use crate::simd::{Kernel, LANES, Simd};
use crate::{Cpu, DisjointSlice, rows_mut};

/// The most pieces of a batch.
const MAX_PIECES: usize = 8;
/// The values that the sums of all pieces but the first hold at most.
const WORKSPACE_VALUES: usize = 2 << 20;
/// The pieces of work for each thread.
const SLICES_A_THREAD: usize = 4;
/// The values of padded images that a thread holds at a time.
const BLOCK_VALUES: usize = 256 * 1024;
/// The pixels that are summed before the sum is added to that of the pixels before.
const BLOCK_PIXELS: usize = 1024;
/// Pixels with at most this many channels are read in place: their vectors are close together.
const NEAR_CHANNELS: usize = 64;
/// Values that are added at a time over all pieces.
const SUM_VALUES: usize = 4096;

/// `dweight = ∂(Σ dy · y) / ∂weight`, from `x` (batch, height, width, in channels) and `dy`
/// (batch, rows, columns, out channels).
///
/// # Panics
/// When a size does not fit the shape.
pub fn backward_weight(cpu: &Cpu, shape: Shape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    assert_eq!(x.len(), shape.inputs(), "the input has the wrong size");
    assert_eq!(dy.len(), shape.outputs(), "the output's gradient has the wrong size");
    assert_eq!(dweight.len(), shape.weights(), "the filters' gradient has the wrong size");
    if dy.is_empty() || dweight.is_empty() {
        dweight.fill(0.0);
        return;
    }
    let values = dweight.len();
    let pieces = shape.batch.min(WORKSPACE_VALUES / values + 1).min(MAX_PIECES);
    let split = Split::new(shape, TileSize::of(cpu.isa()), pieces, cpu.threads());
    let (offsets, queue) =
        (split.offsets(), Queue::of_shares(pieces * split.slices, cpu.threads()));
    cpu.with_buffer((pieces - 1) * values, |rest| {
        let (first, others) = (DisjointSlice::new(&mut *dweight), DisjointSlice::new(rest));
        cpu.parallel(shape.operations(), |worker| {
            while let Some(i) = queue.next(worker) {
                let (piece, slice) = (i / split.slices, i % split.slices);
                // The first piece's sum needs no place of its own.
                let (result, at) =
                    if piece == 0 { (first, 0) } else { (others, (piece - 1) * values) };
                let sum = Sum { split: &split, offsets: &offsets, x, dy, result, at };
                sum.run(cpu, split.piece(piece), split.tiles(slice));
            }
        });
        let rest = &rest[..(pieces - 1) * values];
        cpu.for_rows(values, SUM_VALUES, rows_mut(dweight, 1), |range, sums| {
            cpu.isa().run(AddPieces { values, first: range.start, rest, sums });
        });
    });
}

/// How the sum is cut: batch, filters, and pixels.
struct Split {
    shape: Shape,
    panels: usize,
    /// The values of one filter row that meet a window, as tiles.
    filter_row: Panels,
    pieces: usize,
    slices: usize,
    /// Images of a block, and rows of windows of each.
    images: usize,
    rows: usize,
}

impl Split {
    fn new(shape: Shape, size: TileSize, pieces: usize, threads: usize) -> Self {
        let filter_row = Panels::new(shape.kernel[1] * shape.in_channels, size.rows);
        let tiles = shape.kernel[0] * filter_row.count;
        let slices = (SLICES_A_THREAD * threads).div_ceil(pieces).min(tiles);
        let (axis, columns) = (shape.rows(), shape.columns().output());
        let fit = (BLOCK_VALUES / padded_row(shape)).saturating_sub(axis.kernel) / axis.stride + 1;
        let rows = fit.min(BLOCK_PIXELS / columns).clamp(1, axis.output());
        let rows = axis.output().div_ceil(axis.output().div_ceil(rows));
        let mut split =
            Self { shape, panels: size.panels, filter_row, pieces, slices, images: 1, rows };
        if rows == axis.output() {
            let fit = BLOCK_VALUES / split.image_values();
            split.images = fit.min(BLOCK_PIXELS / (rows * columns)).max(1);
        }
        split
    }

    fn piece(&self, piece: usize) -> Range<usize> {
        self.shape.batch * piece / self.pieces..self.shape.batch * (piece + 1) / self.pieces
    }

    fn tiles(&self, slice: usize) -> Range<usize> {
        let tiles = self.shape.kernel[0] * self.filter_row.count;
        tiles * slice / self.slices..tiles * (slice + 1) / self.slices
    }

    /// Where the windows of a block begin in its padded images.
    fn offsets(&self) -> Offsets {
        let (row, image) = (padded_row(self.shape), self.image_values());
        let (columns, channels) = (self.shape.columns().output(), self.shape.in_channels);
        let [y_step, x_step] = self.shape.stride;
        (0..self.images * self.rows * columns)
            .map(|i| (i / (self.rows * columns), i / columns % self.rows, i % columns))
            .map(|(b, y, x)| b * image + y * y_step * row + x * x_step * channels)
            .collect()
    }

    /// Rows of padded pixels under some rows of windows.
    fn padded_rows(&self, rows: usize) -> usize {
        (rows - 1) * self.shape.stride[0] + self.shape.kernel[0]
    }

    /// Values of a padded image of a block.
    fn image_values(&self) -> usize {
        self.padded_rows(self.rows) * padded_row(self.shape)
    }

    /// Pixels of a block, at most.
    fn pixels(&self) -> usize {
        self.images * self.rows * self.shape.columns().output()
    }
}

/// Values of a padded row: all that windows cover.
fn padded_row(shape: Shape) -> usize {
    let columns = (shape.columns().output() - 1) * shape.stride[1] + shape.kernel[1];
    columns * shape.in_channels
}

/// The sum of one piece.
#[derive(Clone, Copy)]
struct Sum<'a> {
    split: &'a Split,
    offsets: &'a Offsets,
    x: &'a [f32],
    dy: &'a [f32],
    result: DisjointSlice<'a>,
    /// Where the sum begins in the result.
    at: usize,
}

impl Sum<'_> {
    /// Sums some images for some tiles.
    fn run(self, cpu: &Cpu, images: Range<usize>, tiles: Range<usize>) {
        let (split, rows) = (self.split, self.split.shape.rows().output());
        let left_values = split.images * split.image_values();
        let outs = split.shape.out_channels.next_multiple_of(COLUMNS);
        with_thread_buffer(left_values + split.pixels() * outs, |buffer| {
            let (left, packed) = buffer.split_at_mut(left_values);
            for image in images.clone().step_by(split.images) {
                for y in (0..rows).step_by(split.rows) {
                    let block = Block {
                        sum: self,
                        images: image..images.end.min(image + split.images),
                        rows: y..rows.min(y + split.rows),
                    };
                    block.pad(left);
                    let right = block.right(cpu, packed);
                    let add = image > images.start || y > 0;
                    let tiles = tiles.clone();
                    cpu.isa().run(BlockTiles { block: &block, left, right, tiles, add });
                }
            }
        });
    }
}

/// Some rows of windows of an image, or all of several images.
struct Block<'a> {
    sum: Sum<'a>,
    images: Range<usize>,
    rows: Range<usize>,
}

impl Block<'_> {
    fn pixels(&self) -> usize {
        self.images.len() * self.rows.len() * self.sum.split.shape.columns().output()
    }

    /// Copies the rows of the images under the block, with zeros around them.
    fn pad(&self, to: &mut [f32]) {
        let split = self.sum.split;
        let shape = split.shape;
        let (rows, columns, row) = (shape.rows(), shape.columns(), shape.width * shape.in_channels);
        let before = columns.before() * shape.in_channels;
        let inside = row.min(padded_row(shape) - before);
        for (image, to) in self.images.clone().zip(to.chunks_exact_mut(split.image_values())) {
            let lines = to.chunks_exact_mut(padded_row(shape));
            for (i, to) in lines.take(split.padded_rows(self.rows.len())).enumerate() {
                let y = (self.rows.start * rows.stride + i).wrapping_sub(rows.before());
                if y >= shape.height {
                    to.fill(0.0);
                    continue;
                }
                let from = &self.sum.x[(image * shape.height + y) * row..][..inside];
                to[..before].fill(0.0);
                to[before..before + inside].copy_from_slice(from);
                to[before + inside..].fill(0.0);
            }
        }
    }

    /// The gradient of the block's outputs, in place or packed in panels of columns.
    fn right<'b>(&'b self, cpu: &Cpu, packed: &'b mut [f32]) -> Right<'b> {
        let (shape, pixels) = (self.sum.split.shape, self.pixels());
        let outs = shape.out_channels;
        let first = (self.images.start * shape.rows().output() + self.rows.start)
            * shape.columns().output();
        let dy = &self.sum.dy[first * outs..][..pixels * outs];
        if outs <= NEAR_CHANNELS && outs.is_multiple_of(COLUMNS) {
            return Right { values: dy, step: outs, panel_step: COLUMNS };
        }
        let (from, to) = (Matrix::new(dy, pixels, outs), &mut *packed);
        cpu.isa().run(PackColumns { from, depth: 0..pixels, columns: 0..outs, to, sums: None });
        Right { values: packed, step: COLUMNS, panel_step: pixels * COLUMNS }
    }
}

/// The right side of a block's tiles.
struct Right<'a> {
    values: &'a [f32],
    /// From one pixel to the next.
    step: usize,
    /// From one panel of columns to the next.
    panel_step: usize,
}

/// Some tiles of a block.
struct BlockTiles<'a> {
    block: &'a Block<'a>,
    left: &'a [f32],
    right: Right<'a>,
    tiles: Range<usize>,
    add: bool,
}

impl Kernel for BlockTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Sum { split, offsets, result, at, .. } = self.block.sum;
        let (filter_row, outs) = (split.filter_row, split.shape.out_channels);
        let (pixels, padded_row) = (self.block.pixels(), padded_row(split.shape));
        for (ky, i) in self.tiles.map(|t| (t / filter_row.count, t % filter_row.count)) {
            let rows = filter_row.range(i);
            for column in (0..outs).step_by(split.panels * COLUMNS) {
                let tile = Tile {
                    left: &self.left[ky * padded_row + rows.start..],
                    offsets,
                    depth: pixels,
                    right: &self.right.values[column / COLUMNS * self.right.panel_step..],
                    right_step: self.right.step,
                    panel_step: self.right.panel_step,
                    bias: None,
                    add: self.add,
                    rectifier: Rectifier::None,
                    result,
                    at: at + (ky * filter_row.rows + rows.start) * outs + column,
                    row_step: outs,
                    width: (split.panels * COLUMNS).min(outs - column),
                };
                tile.run::<S>(rows.len());
            }
        }
    }
}

/// Adds the sums of the other pieces to some of the first, in their order.
struct AddPieces<'a> {
    /// Values of a piece.
    values: usize,
    /// Which of them are first.
    first: usize,
    rest: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for AddPieces<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for piece in self.rest.chunks_exact(self.values) {
            let from = &piece[self.first..self.first + self.sums.len()];
            for (sum, from) in self.sums.chunks_mut(LANES).zip(from.chunks(LANES)) {
                S::load_slice(sum, 0.0).add(S::load_slice(from, 0.0)).store_slice(sum);
            }
        }
    }
}
