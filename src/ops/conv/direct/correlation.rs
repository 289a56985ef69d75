//! Correlation of images with packed filters: the forward pass, and each phase of the
//! gradient of the input.
//!
//! The windows of an output row are the rows of a product, the channels its columns. No
//! matrix of windows is ever written: a thread turns the rows of the image that it needs into
//! lines, and the tiles read the windows from there.

use std::ops::Range;

use super::super::Epilogue;
use super::kernel::{Tile, TileSize};
use super::planes::{Planes, RowToLines};
use crate::ops::cpu::with_thread_buffer;
use crate::ops::matmul::Panels;
use crate::ops::register_tile::{COLUMNS, Finish, Gathered, Offsets, Right};
use crate::ops::simd::{Kernel, Simd};
use crate::ops::{Cpu, Isa, MatrixMut, cut, rows_mut};

/// The values of the lines that a thread holds at a time: a share of the second-level cache.
const BLOCK_VALUES: usize = 96 * 1024;
/// The pieces of work for each thread, where there are rows enough.
const BLOCKS_A_THREAD: usize = 8;

/// Where the outputs lie in the images of the result.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Rows and columns of an image.
    pub size: [usize; 2],
    /// From one output to the next.
    pub step: [usize; 2],
    /// The first output, less than a step.
    pub first: [usize; 2],
}

/// `target[b, y, x, n] = Σ source[b, y·s − before + ky, x·s − before + kx, c] · filters`.
#[derive(Clone, Copy, Debug)]
pub struct Correlation {
    pub batch: usize,
    /// Rows of a source image; its columns are in `planes`.
    pub height: usize,
    pub planes: Planes,
    /// Rows of a window, from one window to the next, and of padding before the first.
    pub kernel: usize,
    pub stride: usize,
    pub before: isize,
    /// Rows of windows.
    pub windows: usize,
    /// Channels of the result.
    pub channels: usize,
    pub target: Target,
}

impl Correlation {
    /// Terms of a sum.
    pub fn depth(&self) -> usize {
        self.kernel * self.planes.kernel * self.planes.channels
    }

    fn panels(&self) -> usize {
        self.channels.div_ceil(COLUMNS)
    }

    /// The order of the depth: row of the filter, channel, column of the filter.
    fn offsets(&self) -> Offsets {
        let (planes, row) = (self.planes, self.planes.row_values());
        let in_row = move |c| (0..planes.kernel).map(move |kx| planes.offset(kx, c));
        let rows = (0..self.kernel).map(|ky| ky * row);
        rows.flat_map(|y| (0..planes.channels).flat_map(in_row).map(move |at| y + at)).collect()
    }

    /// Writes the outputs. `pack` writes one panel of the filters (depth, 16).
    pub fn run(
        &self,
        cpu: &Cpu,
        source: &[f32],
        pack: impl Fn(usize, &mut [f32]) + Sync,
        epilogue: Epilogue,
        target: &mut [f32],
    ) {
        let (panels, panel_values) = (self.panels(), self.depth() * COLUMNS);
        let operations =
            2 * self.batch * self.windows * self.planes.windows * panels * panel_values;
        let (offsets, blocks) = (self.offsets(), RowBlocks::new(self, cpu.threads()));
        let items = self.batch * blocks.count;
        let lengths = (0..items).map(|i| self.target_rows(blocks, i % blocks.count).len());
        let row_values = self.target.size[1] * self.channels;
        let mut parts = cut(target, lengths.map(|rows| rows * row_values));
        cpu.with_buffer(panels * panel_values, |packed| {
            let rows = rows_mut(packed, panel_values);
            cpu.for_shares(operations, panels, rows, |_, share, to| {
                for (panel, to) in share.zip(to.chunks_exact_mut(panel_values.max(1))) {
                    pack(panel, to);
                }
            });
            cpu.for_chunks(operations, items, 1, rows_mut(&mut parts, 1), |items, parts| {
                for (i, target) in items.zip(parts) {
                    let (image, rows) = (i / blocks.count, blocks.range(i % blocks.count));
                    let first_row = self.target_rows(blocks, i % blocks.count).start;
                    let (of, offsets, right) = (self, &offsets, &*packed);
                    let block = Block { of, image, rows, first_row, offsets, right, epilogue };
                    block.run(cpu.isa(), source, target);
                }
            });
        });
    }

    /// The rows of a target image from the first output of a block to that of the next.
    fn target_rows(&self, blocks: RowBlocks, block: usize) -> Range<usize> {
        let (windows, step) = (blocks.range(block), self.target.step[0]);
        let is_last = block + 1 == blocks.count;
        windows.start * step..if is_last { self.target.size[0] } else { windows.end * step }
    }
}

/// The rows of windows of an image, in blocks.
#[derive(Clone, Copy)]
struct RowBlocks {
    rows: usize,
    count: usize,
}

impl RowBlocks {
    fn new(of: &Correlation, threads: usize) -> Self {
        let fit = BLOCK_VALUES / of.planes.row_values().max(1);
        // Of the first window all rows are read, of each other one a stride.
        let rows_a_block =
            (fit.saturating_sub(of.kernel) / of.stride + 1).clamp(1, of.windows.max(1));
        let wanted = (BLOCKS_A_THREAD * threads).div_ceil(of.batch.max(1));
        let count = of.windows.div_ceil(rows_a_block).max(wanted.min(of.windows / 2)).max(1);
        Self { rows: of.windows, count }
    }

    fn range(&self, block: usize) -> Range<usize> {
        self.rows * block / self.count..self.rows * (block + 1) / self.count
    }
}

/// Some rows of windows of one image.
struct Block<'a> {
    of: &'a Correlation,
    image: usize,
    rows: Range<usize>,
    /// The row of the target image that the block's part of it begins with.
    first_row: usize,
    offsets: &'a Offsets,
    right: &'a [f32],
    epilogue: Epilogue<'a>,
}

impl Block<'_> {
    fn run(&self, isa: Isa, source: &[f32], target: &mut [f32]) {
        let (of, row_values) = (self.of, self.of.planes.row_values());
        let rows = self.rows.len().saturating_sub(1) * of.stride + of.kernel;
        with_thread_buffer(rows * row_values, |lines| {
            isa.run(ImageToLines { block: self, source, to: &mut *lines });
            isa.run(BlockTiles { block: self, lines, size: TileSize::of(isa), target });
        });
    }
}

/// The rows of the image that a block reads, as lines.
struct ImageToLines<'a> {
    block: &'a Block<'a>,
    source: &'a [f32],
    to: &'a mut [f32],
}

impl Kernel for ImageToLines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let of = self.block.of;
        let row_values = of.planes.width * of.planes.channels;
        let image = self.block.image * of.height * row_values;
        let first = (self.block.rows.start * of.stride) as isize - of.before;
        for (i, to) in self.to.chunks_exact_mut(of.planes.row_values().max(1)).enumerate() {
            match usize::try_from(first + i as isize) {
                Ok(y) if y < of.height => {
                    let row = &self.source[image + y * row_values..][..row_values];
                    RowToLines { planes: of.planes, row, to }.run::<S>();
                }
                _ => to.fill(0.0),
            }
        }
    }
}

/// All tiles of a block.
struct BlockTiles<'a> {
    block: &'a Block<'a>,
    lines: &'a [f32],
    size: TileSize,
    /// The block's part of the target image.
    target: &'a mut [f32],
}

impl Kernel for BlockTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Block { of, rows, first_row, epilogue, right, .. } = self.block;
        let (panel_values, row_values) = (of.depth() * COLUMNS, of.planes.row_values());
        let ([y_step, x_step], [first_y, first_x]) = (of.target.step, of.target.first);
        let tiles = Panels::new(of.planes.windows, self.size.rows);
        for column in (0..of.channels).step_by(self.size.panels * COLUMNS) {
            let columns = (self.size.panels * COLUMNS).min(of.channels - column);
            for (i, y) in rows.clone().enumerate() {
                let row = (first_y + y * y_step - first_row) * of.target.size[1];
                for x in (0..tiles.count).map(|i| tiles.range(i)) {
                    let at = (row + first_x + x.start * x_step) * of.channels + column;
                    let (result, stride) = (&mut self.target[at..], x_step * of.channels);
                    let left = self.lines.get(i * of.stride * row_values + x.start..);
                    let values = &right[column / COLUMNS * panel_values..];
                    let tile = Tile {
                        left: Gathered {
                            values: left.unwrap_or_default(),
                            offsets: self.block.offsets,
                        },
                        depth: of.depth(),
                        right: Right { values, step: COLUMNS, panel: panel_values },
                        bias: epilogue.bias.map(|bias| &bias[column..]),
                        finish: Finish { add: false, relu: epilogue.relu },
                        result: MatrixMut::strided(result, x.len(), columns, stride),
                    };
                    tile.run::<S>();
                }
            }
        }
    }
}
