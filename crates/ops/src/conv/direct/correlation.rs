//! Correlation of images with packed filters: the forward pass, and each phase of the
//! gradient of the input.
//!
//! The windows of an output row are the rows of a product, the channels its columns. No
//! matrix of windows is ever written: a thread turns the rows of the image that it needs into
//! lines, and the tiles read the windows from there.

use std::ops::Range;

use super::kernel::{COLUMNS, Offsets, Tile, TileSize};
use super::planes::{Planes, RowToLines};
use crate::cpu::{Queue, with_thread_buffer};
use crate::matmul::Panels;
use crate::relu::Rectifier;
use crate::simd::{Kernel, Simd};
use crate::{Buffer, Cpu, DisjointSlice, Isa, Worker, rows_mut};

/// The values of the lines that a thread holds at a time: a share of the second-level cache.
const BLOCK_VALUES: usize = 96 * 1024;
/// Values of filters that fit the second-level cache beside the lines.
const MIN_FILTERS: usize = 128 * 1024;
/// The values of the lines that a thread holds where filters are larger: they come from memory once
/// for each block.
const LARGE_BLOCK_VALUES: usize = 192 * 1024;
/// The pieces of work for each thread, where there are rows enough.
const BLOCKS_A_THREAD: usize = 8;

/// Where the outputs are in the images of the result.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Rows and columns of an image.
    pub size: [usize; 2],
    /// From one output to the next.
    pub step: [usize; 2],
    /// The first output.
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

/// What happens to the sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// A value for each channel of the result.
    pub bias: Option<&'a [f32]>,
    pub rectifier: Rectifier,
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

    /// Values of the packed filters.
    fn packed_len(&self) -> usize {
        self.panels() * self.depth() * COLUMNS
    }

    /// Packs the filters. `pack` writes one panel (depth, 16).
    fn pack(&self, cpu: &Cpu, pack: impl Fn(usize, &mut [f32]) + Sync, packed: &mut [f32]) {
        let panels = rows_mut(packed, self.depth() * COLUMNS);
        cpu.for_rows(self.panels(), 1, panels, |panel, to| pack(panel.start, to));
    }

    /// The packed filters of many runs.
    pub fn packed(&self, cpu: &Cpu, pack: impl Fn(usize, &mut [f32]) + Sync) -> Buffer {
        let mut buffer = Buffer::zeros(self.packed_len());
        self.pack(cpu, pack, &mut buffer);
        buffer
    }

    /// Writes the outputs. `pack` writes one panel of the filters.
    pub fn run(
        &self,
        cpu: &Cpu,
        source: &[f32],
        pack: impl Fn(usize, &mut [f32]) + Sync,
        epilogue: Epilogue,
        target: &mut [f32],
    ) {
        cpu.with_buffer(self.packed_len(), |packed| {
            self.pack(cpu, pack, packed);
            self.run_blocks(
                cpu,
                source,
                packed,
                Blocks::of_rows(self, cpu.threads()),
                epilogue,
                target,
            );
        });
    }

    /// Writes the outputs from filters that are packed.
    pub fn run_packed(
        &self,
        cpu: &Cpu,
        source: &[f32],
        right: &[f32],
        epilogue: Epilogue,
        target: &mut [f32],
    ) {
        assert_eq!(right.len(), self.packed_len(), "the filters have the wrong size");
        let blocks = Blocks::of_rows_and_columns(self, cpu);
        self.run_blocks(cpu, source, right, blocks, epilogue, target);
    }

    fn run_blocks(
        &self,
        cpu: &Cpu,
        source: &[f32],
        right: &[f32],
        blocks: Blocks,
        epilogue: Epilogue,
        target: &mut [f32],
    ) {
        let (queue, offsets) = (blocks.queue(cpu), self.offsets());
        let target = DisjointSlice::new(target);
        cpu.parallel(self.operations(), |worker| {
            let to = Work { of: self, source, offsets: &offsets, right, epilogue, target };
            to.run(cpu.isa(), blocks, &queue, worker);
        });
    }

    fn operations(&self) -> usize {
        2 * self.batch * self.windows * self.planes.windows * self.packed_len()
    }
}

/// What all blocks of a run have in common.
#[derive(Clone, Copy)]
struct Work<'a> {
    of: &'a Correlation,
    source: &'a [f32],
    offsets: &'a Offsets,
    right: &'a [f32],
    epilogue: Epilogue<'a>,
    target: DisjointSlice<'a>,
}

impl Work<'_> {
    /// Takes blocks from the queue until there are no more.
    fn run(self, isa: Isa, blocks: Blocks, queue: &Queue, worker: &Worker) {
        while let Some(i) = queue.next(worker) {
            let (image, i) = (i / blocks.count(), i % blocks.count());
            // All rows of some channels first: a thread's share then has filters of its own.
            let rows = blocks.rows(i % blocks.rows);
            let panels = blocks.panels(i / blocks.rows);
            Block { work: self, image, rows, panels }.run(isa);
        }
    }
}

/// The rows of windows of an image in blocks, and the channels of the result in as many parts as
/// are computed apart.
#[derive(Clone, Copy)]
struct Blocks {
    images: usize,
    windows: usize,
    rows: usize,
    /// Panels of all channels, and of a register tile.
    panels: [usize; 2],
    columns: usize,
}

impl Blocks {
    /// Blocks of rows, several for each thread.
    fn of_rows(of: &Correlation, threads: usize) -> Self {
        let wanted = (BLOCKS_A_THREAD * threads).div_ceil(of.batch.max(1));
        let rows = Self::fewest(of, BLOCK_VALUES).max(wanted.min(of.windows / 2)).max(1);
        Self { images: of.batch, windows: of.windows, rows, panels: [of.panels(), 1], columns: 1 }
    }

    /// As few blocks of rows as fit where the filters are large, so that these are read seldom; each
    /// thread then has some of the channels.
    fn of_rows_and_columns(of: &Correlation, cpu: &Cpu) -> Self {
        let blocks = Self::of_rows(of, cpu.threads());
        if of.packed_len() < MIN_FILTERS {
            return blocks;
        }
        let (rows, panels) = (Self::fewest(of, LARGE_BLOCK_VALUES), TileSize::of(cpu.isa()).panels);
        let columns = match of.batch * rows {
            few if few < BLOCKS_A_THREAD * cpu.threads() => cpu.threads(),
            _ => 1,
        };
        let panels = [of.panels(), panels];
        Self { rows, panels, columns: columns.min(of.panels().div_ceil(panels[1])), ..blocks }
    }

    /// The fewest blocks of rows whose lines have at most this many values.
    fn fewest(of: &Correlation, values: usize) -> usize {
        let fit = values / of.planes.row_values().max(1);
        // Of the first window all rows are read, of each other one a stride.
        let rows_a_block =
            (fit.saturating_sub(of.kernel) / of.stride + 1).clamp(1, of.windows.max(1));
        of.windows.div_ceil(rows_a_block).max(1)
    }

    /// Blocks of an image.
    fn count(&self) -> usize {
        self.rows * self.columns
    }

    fn queue(&self, cpu: &Cpu) -> Queue {
        Queue::of_shares(self.images * self.count(), cpu.threads())
    }

    fn rows(&self, block: usize) -> Range<usize> {
        self.windows * block / self.rows..self.windows * (block + 1) / self.rows
    }

    /// Whole register tiles of panels.
    fn panels(&self, part: usize) -> Range<usize> {
        let [all, tile] = self.panels;
        let edge = |part: usize| (all.div_ceil(tile) * part / self.columns * tile).min(all);
        edge(part)..edge(part + 1)
    }
}

/// Some rows of windows of one image, and some panels of channels.
struct Block<'a> {
    work: Work<'a>,
    image: usize,
    rows: Range<usize>,
    panels: Range<usize>,
}

impl Block<'_> {
    fn run(&self, isa: Isa) {
        let (of, row_values) = (self.work.of, self.work.of.planes.row_values());
        let rows = self.rows.len().saturating_sub(1) * of.stride + of.kernel;
        with_thread_buffer(rows * row_values, |lines| {
            isa.run(ImageToLines { block: self, to: &mut *lines });
            isa.run(BlockTiles { block: self, lines, size: TileSize::of(isa) });
        });
    }
}

/// The rows of the image that a block reads, as lines.
struct ImageToLines<'a> {
    block: &'a Block<'a>,
    to: &'a mut [f32],
}

impl Kernel for ImageToLines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Work { of, source, .. } = self.block.work;
        let row_values = of.planes.width * of.planes.channels;
        let image = self.block.image * of.height * row_values;
        let first = (self.block.rows.start * of.stride) as isize - of.before;
        for (i, to) in self.to.chunks_exact_mut(of.planes.row_values().max(1)).enumerate() {
            match usize::try_from(first + i as isize) {
                Ok(y) if y < of.height => {
                    let row = &source[image + y * row_values..][..row_values];
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
}

impl Kernel for BlockTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Block { work, rows, panels, .. } = self.block;
        let Work { of, epilogue, right, .. } = *work;
        let (panel_values, row_values) = (of.depth() * COLUMNS, of.planes.row_values());
        let [height, width] = of.target.size;
        let [y_step, x_step] = of.target.step;
        let tiles = Panels::new(of.planes.windows, self.size.rows);
        let channels = panels.start * COLUMNS..of.channels.min(panels.end * COLUMNS);
        for column in channels.clone().step_by(self.size.panels * COLUMNS) {
            for (i, y) in rows.clone().enumerate() {
                let y = (self.block.image * height + of.target.first[0] + y * y_step) * width;
                for x in (0..tiles.count).map(|i| tiles.range(i)) {
                    let pixel = y + of.target.first[1] + x.start * x_step;
                    let tile = Tile {
                        left: self
                            .lines
                            .get(i * of.stride * row_values + x.start..)
                            .unwrap_or_default(),
                        offsets: work.offsets,
                        depth: of.depth(),
                        right: &right[column / COLUMNS * panel_values..],
                        right_step: COLUMNS,
                        panel_step: panel_values,
                        bias: epilogue.bias.map(|bias| &bias[column..]),
                        add: false,
                        rectifier: epilogue.rectifier,
                        result: work.target,
                        at: pixel * of.channels + column,
                        row_step: x_step * of.channels,
                        width: (self.size.panels * COLUMNS).min(channels.end - column),
                    };
                    tile.run::<S>(x.len());
                }
            }
        }
    }
}
