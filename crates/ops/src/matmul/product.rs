//! The two ways of sharing a product among threads.

use std::ops::Range;

use super::super::cpu::{Chunks, Queue, with_thread_buffer};
use super::super::relu::Rectifier;
use super::super::{Cpu, DisjointSlice, Isa};
use super::Accumulate;
use super::kernel::{BlockProduct, COLUMNS};
use super::pack::{Matrix, PackColumns, PackRows, Panels};
use super::panel::Left;
use super::right::Right;

/// The most that a block is deep: a panel of rows by this depth fits the first-level cache. Machines
/// with AVX-512 have larger ones.
pub const fn max_depth(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 512,
        Isa::Avx2 | Isa::Portable => 256,
    }
}

/// Column panels whose packed values at one depth fit the second-level cache beside others.
const PANELS: usize = 16;
/// The values of the result that a block holds: a share of the second-level cache.
const BLOCK_VALUES: usize = 80 * 1024;

/// Rows of the left side that fit the second-level cache at any depth of a block.
const FEW_ROWS: usize = 256;

/// A product with all of the left side packed at once.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    pub cpu: &'a Cpu,
    /// The rows of the left side and of the result.
    pub panels: Panels,
    /// The columns of the right side and of the result, in panels of sixteen.
    pub column_panels: usize,
    pub result: DisjointSlice<'a>,
    pub result_columns: usize,
    /// The sums of the right side's columns.
    pub sums: Option<DisjointSlice<'a>>,
    /// The activation that follows the result.
    pub rectifier: Rectifier,
}

impl<'a> Product<'a> {
    /// That of a left side with a right side of `columns`.
    pub fn new(
        cpu: &'a Cpu,
        left: Matrix,
        columns: usize,
        rectifier: Rectifier,
        result: &'a mut [f32],
    ) -> Self {
        Self {
            cpu,
            panels: Panels::new(left.rows, cpu.isa().max_rows()),
            column_panels: columns.div_ceil(COLUMNS),
            result: DisjointSlice::new(result),
            result_columns: columns,
            sums: None,
            rectifier,
        }
    }

    /// Each thread takes blocks of columns and packs them if they are not packed. With a packed
    /// right side a thread gets the same columns every time, so their panels stay in its cache. If
    /// there are only a few rows that cannot be read in place, each thread packs its own left side
    /// instead of waiting, and then helps the threads that are late.
    pub fn by_columns(self, left: Matrix, right: &Right, start: Accumulate) {
        let (cpu, in_place) = (self.cpu, left.has_rows_to_read_in_place());
        let packed_len = if in_place { 0 } else { left.rows * left.columns };
        let is_packed = matches!(right, Right::Packed(_));
        if is_packed && left.rows <= FEW_ROWS {
            let most = self.panels_a_block(left.rows, right);
            let queue = Queue::of_shares(self.column_panels.div_ceil(most), cpu.threads());
            cpu.parallel(self.operations(left), |worker| {
                self.with_left(left, |left| {
                    while let Some(i) = queue.next(worker) {
                        let block = i * most..self.column_panels.min((i + 1) * most);
                        self.column_block(left, right, start, block);
                    }
                });
            });
            return;
        }
        let queue = Chunks::new(self.column_panels);
        cpu.with_buffer(packed_len, |packed| {
            let packed = DisjointSlice::new(packed);
            cpu.parallel(self.operations(left), |worker| {
                let left_side = if in_place {
                    Left::InPlace(left, 0)
                } else {
                    self.pack_left(left, worker.chunk(self.panels.count), packed);
                    worker.wait();
                    // SAFETY: nobody writes the packed side after the barrier.
                    Left::Packed(unsafe { packed.range(0..packed_len) })
                };
                if is_packed {
                    let own = worker.chunk(self.column_panels);
                    return self.column_blocks(left_side, left.rows, right, start, own);
                }
                let most = self.panels_a_block(left.rows, right);
                while let Some(block) = queue.next_chunk(most, cpu.threads()) {
                    self.column_block(left_side, right, start, block);
                }
            });
        });
    }

    /// Some of the column panels on this thread.
    pub fn columns_alone(
        self,
        left: Matrix,
        right: &Right,
        start: Accumulate,
        panels: Range<usize>,
    ) {
        let rows = left.rows;
        self.with_left(left, |left| self.column_blocks(left, rows, right, start, panels));
    }

    /// Lends the left side to this thread, which packs rows that it cannot read as they are.
    fn with_left(self, left: Matrix, work: impl FnOnce(Left)) {
        if left.has_rows_to_read_in_place() {
            return work(Left::InPlace(left, 0));
        }
        with_thread_buffer(left.rows * left.columns, |packed| {
            self.pack_left(left, 0..self.panels.count, DisjointSlice::new(packed));
            work(Left::Packed(packed));
        });
    }

    /// All rows of some column panels.
    fn column_blocks(
        self,
        left: Left,
        rows: usize,
        right: &Right,
        start: Accumulate,
        panels: Range<usize>,
    ) {
        let most = self.panels_a_block(rows, right);
        for first in panels.clone().step_by(most) {
            self.column_block(left, right, start, first..panels.end.min(first + most));
        }
    }

    /// Column panels that stay in the cache while all rows go by; few where the rows stay there.
    fn panels_a_block(&self, rows: usize, right: &Right) -> usize {
        match right {
            Right::Packed(_) if rows <= FEW_ROWS => 2,
            _ if self.cpu.isa() == Isa::Avx512 => PANELS,
            _ => (BLOCK_VALUES / (rows * COLUMNS)).clamp(2, PANELS),
        }
    }

    /// All rows of a block of column panels, depth by depth, so that the block stays in the
    /// cache.
    fn column_block(self, left: Left, right: &Right, start: Accumulate, block: Range<usize>) {
        let tiles = 0..self.panels.count * block.len();
        match right {
            Right::Plain(right) => {
                let most = max_depth(self.cpu.isa());
                with_thread_buffer(block.len() * COLUMNS * most, |packed_right| {
                    for depth in depths(self.cpu.isa(), right.rows) {
                        self.pack_columns(*right, depth.clone(), &block, packed_right);
                        let (block, tiles) = (block.clone(), tiles.clone());
                        let is_last = depth.end == right.rows;
                        self.tiles((depth, is_last), start, block, left, packed_right, tiles);
                    }
                });
            }
            Right::Packed(right) => {
                for depth in depths(self.cpu.isa(), right.rows()) {
                    let packed_right = right.panels(depth.clone(), block.clone());
                    let (block, tiles) = (block.clone(), tiles.clone());
                    let is_last = depth.end == right.rows();
                    self.tiles((depth, is_last), start, block, left, packed_right, tiles);
                }
            }
        }
    }

    /// The right side is packed for all threads, and the left one where it cannot be read as it is;
    /// they then take tiles: of few columns, no thread could take many for itself.
    pub fn by_tiles(self, left: Matrix, right: Matrix, start: Accumulate) {
        let (cpu, in_place) = (self.cpu, left.has_rows_to_read_in_place());
        let left_len = if in_place { 0 } else { left.rows * left.columns };
        let right_len = right.rows * self.column_panels * COLUMNS;
        let queue = Chunks::new(self.panels.count * self.column_panels);
        cpu.with_buffer(left_len, |packed_left| {
            cpu.with_buffer(right_len, |packed_right| {
                let (packed_left, packed_right) =
                    (DisjointSlice::new(packed_left), DisjointSlice::new(packed_right));
                cpu.parallel(self.operations(left), |worker| {
                    if !in_place {
                        self.pack_left(left, worker.chunk(self.panels.count), packed_left);
                    }
                    let share = worker.chunk(self.column_panels);
                    pack_right(cpu, right, share, packed_right, self.sums);
                    worker.wait();
                    // SAFETY: nobody writes the packed sides after the barrier.
                    let (packed_left, packed_right) = unsafe {
                        (packed_left.range(0..left_len), packed_right.range(0..right_len))
                    };
                    let side = match in_place {
                        true => Left::InPlace(left, 0),
                        false => Left::Packed(packed_left),
                    };
                    while let Some(tiles) = queue.next_chunk(usize::MAX, cpu.threads()) {
                        for depth in depths(self.cpu.isa(), right.rows) {
                            let block = 0..self.column_panels;
                            let packed = &packed_right[depth.start * block.len() * COLUMNS..];
                            let is_last = depth.end == right.rows;
                            self.tiles((depth, is_last), start, block, side, packed, tiles.clone());
                        }
                    }
                });
            });
        });
    }

    /// Some of the tiles of a block of column panels, at one depth, which may be the last.
    fn tiles(
        self,
        (depth, is_last): (Range<usize>, bool),
        start: Accumulate,
        block: Range<usize>,
        left: Left,
        packed_right: &[f32],
        tiles: Range<usize>,
    ) {
        let left = match left {
            Left::Packed(packed) => Left::Packed(&packed[depth.start * self.panels.rows..]),
            Left::InPlace(left, _) => Left::InPlace(left, depth.start),
        };
        self.cpu.isa().run(BlockProduct {
            panels: self.panels,
            left,
            right: packed_right,
            depth: depth.len(),
            start: if depth.start == 0 { start } else { Accumulate::Add },
            rectifier: if is_last { self.rectifier } else { Rectifier::None },
            columns: self.columns(&block),
            tiles,
            result: self.result,
            result_columns: self.result_columns,
        });
    }

    /// Packs some row panels, at each depth.
    fn pack_left(self, left: Matrix, share: Range<usize>, packed: DisjointSlice) {
        for depth in depths(self.cpu.isa(), left.columns) {
            let rows = self.panels.start(share.start)..self.panels.start(share.end);
            let at = depth.start * left.rows + rows.start * depth.len();
            // SAFETY: each panel at each depth has its own part.
            let to = unsafe { packed.range_mut(at..at + rows.len() * depth.len()) };
            let (panels, share) = (self.panels, share.clone());
            self.cpu.isa().run(PackRows { from: left, panels, share, depth, to });
        }
    }

    /// Packs the columns of some panels at one depth, and adds to their sums.
    fn pack_columns(
        self,
        right: Matrix,
        depth: Range<usize>,
        panels: &Range<usize>,
        to: &mut [f32],
    ) {
        pack_columns(self.cpu, right, depth, panels, to, self.sums);
    }

    /// The columns of some column panels.
    fn columns(&self, panels: &Range<usize>) -> Range<usize> {
        columns(panels, self.result_columns)
    }

    /// FLOPs (a multiply-add counts as two).
    fn operations(&self, left: Matrix) -> usize {
        2 * left.rows * left.columns * self.result_columns
    }
}

/// Packs some column panels of the right side, at each depth, and adds to their sums.
pub fn pack_right(
    cpu: &Cpu,
    right: Matrix,
    share: Range<usize>,
    packed: DisjointSlice,
    sums: Option<DisjointSlice>,
) {
    for depth in depths(cpu.isa(), right.rows) {
        let at = place_of_panel(right.columns, &depth, share.start);
        // SAFETY: each panel at each depth has its own part.
        let to = unsafe { packed.range_mut(at..at + share.len() * depth.len() * COLUMNS) };
        pack_columns(cpu, right, depth, &share, to, sums);
    }
}

/// Packs the columns of some panels at one depth, and adds to their sums.
fn pack_columns(
    cpu: &Cpu,
    right: Matrix,
    depth: Range<usize>,
    panels: &Range<usize>,
    to: &mut [f32],
    sums: Option<DisjointSlice>,
) {
    let columns = columns(panels, right.columns);
    // SAFETY: only the thread that packs a column, one depth after another, has its sum.
    let sums = sums.map(|sums| unsafe { sums.range_mut(columns.clone()) });
    cpu.isa().run(PackColumns { from: right, depth, columns, to, sums });
}

/// Where a column panel at one depth begins in a right side of this many columns that is packed
/// whole.
pub fn place_of_panel(columns: usize, depth: &Range<usize>, panel: usize) -> usize {
    (depth.start * columns.div_ceil(COLUMNS) + panel * depth.len()) * COLUMNS
}

/// The columns of some column panels, of so many in all.
fn columns(panels: &Range<usize>, all: usize) -> Range<usize> {
    panels.start * COLUMNS..(panels.end * COLUMNS).min(all)
}

/// The blocks of the inner size: even, and no deeper than [`max_depth`].
fn depths(isa: Isa, k: usize) -> impl Iterator<Item = Range<usize>> {
    let count = k.div_ceil(max_depth(isa)).max(1);
    (0..count).map(move |i| k * i / count..k * (i + 1) / count)
}
