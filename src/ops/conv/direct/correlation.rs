//! Correlation of images with packed filters: the forward pass, and each phase of the
//! gradient of the input.
//!
//! The windows of an output row are the rows of a product, the channels its columns. No
//! matrix of windows is ever written: a thread turns the rows of the image that it needs into
//! lines, and the tiles read the windows from there.

use std::ops::Range;

use super::kernel::{COLUMNS, Offsets, Tile, TileSize};
use super::planes::{Planes, RowToLines};
use crate::ops::cpu::{Queue, with_thread_buffer};
use crate::ops::matmul::Panels;
use crate::ops::simd::{Kernel, Simd};
use crate::ops::{Cpu, DisjointSlice, Isa};

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
    pub relu: bool,
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
        let queue = Queue::new(self.batch * blocks.count);
        let target = DisjointSlice::new(target);
        cpu.with_buffer(panels * panel_values, |packed| {
            let packed = DisjointSlice::new(packed);
            cpu.parallel(operations, |worker| {
                for panel in worker.chunk(panels) {
                    let at = panel * panel_values;
                    // SAFETY: each panel has its own part.
                    pack(panel, unsafe { packed.range_mut(at..at + panel_values) });
                }
                worker.wait();
                // SAFETY: nobody writes the panels after the barrier.
                let right = unsafe { packed.range(0..panels * panel_values) };
                while let Some(i) = queue.next() {
                    let (image, rows) = (i / blocks.count, blocks.range(i % blocks.count));
                    let block =
                        Block { of: self, image, rows, offsets: &offsets, right, epilogue, target };
                    block.run(cpu.isa(), source);
                }
            });
        });
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
    offsets: &'a Offsets,
    right: &'a [f32],
    epilogue: Epilogue<'a>,
    target: DisjointSlice<'a>,
}

impl Block<'_> {
    fn run(&self, isa: Isa, source: &[f32]) {
        let (of, row_values) = (self.of, self.of.planes.row_values());
        let rows = self.rows.len().saturating_sub(1) * of.stride + of.kernel;
        with_thread_buffer(rows * row_values, |lines| {
            isa.run(ImageToLines { block: self, source, to: &mut *lines });
            isa.run(BlockTiles { block: self, lines, size: TileSize::of(isa) });
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
}

impl Kernel for BlockTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Block { of, rows, epilogue, right, .. } = self.block;
        let (panel_values, row_values) = (of.depth() * COLUMNS, of.planes.row_values());
        let [height, width] = of.target.size;
        let [y_step, x_step] = of.target.step;
        let tiles = Panels::new(of.planes.windows, self.size.rows);
        for column in (0..of.channels).step_by(self.size.panels * COLUMNS) {
            for (i, y) in rows.clone().enumerate() {
                let y = (self.block.image * height + of.target.first[0] + y * y_step) * width;
                for x in (0..tiles.count).map(|i| tiles.range(i)) {
                    let pixel = y + of.target.first[1] + x.start * x_step;
                    let tile = Tile {
                        left: self
                            .lines
                            .get(i * of.stride * row_values + x.start..)
                            .unwrap_or_default(),
                        offsets: self.block.offsets,
                        depth: of.depth(),
                        right: &right[column / COLUMNS * panel_values..],
                        right_step: COLUMNS,
                        panel_step: panel_values,
                        bias: epilogue.bias.map(|bias| &bias[column..]),
                        add: false,
                        relu: epilogue.relu,
                        result: self.block.target,
                        at: pixel * of.channels + column,
                        row_step: x_step * of.channels,
                        width: (self.size.panels * COLUMNS).min(of.channels - column),
                    };
                    tile.run::<S>(x.len());
                }
            }
        }
    }
}
