//! The two ways of sharing a product among threads.

use std::ops::Range;

use super::super::cpu::with_thread_buffer;
use super::super::disjoint::tiles_mut;
use super::super::register_tile::COLUMNS;
use super::super::{Cpu, MatrixMut, chunks_mut, columns_mut, cut, rows_mut};
use super::Accumulate;
use super::kernel::BlockProduct;
use super::pack::{Matrix, PackColumns, PackRows, Panels};

/// The depth of a block: a panel of 24 rows by this depth fits the first-level cache.
pub const DEPTH: usize = 256;
/// The values of the result that a block holds: a share of the second-level cache.
const BLOCK_VALUES: usize = 80 * 1024;

/// A product with all of the left side packed at once.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    pub cpu: &'a Cpu,
    pub left: Matrix<'a>,
    pub right: Matrix<'a>,
    pub start: Accumulate<'a>,
    /// The rows of the left side and of the result.
    pub panels: Panels,
}

impl Product<'_> {
    /// Each thread takes blocks of columns, which it packs for itself. `sums` grow by those of the
    /// right side's columns.
    pub fn by_columns(self, result: &mut [f32], sums: Option<&mut [f32]>) {
        let Self { cpu, left, right, .. } = self;
        let panels_a_block = (BLOCK_VALUES / (left.rows * COLUMNS)).clamp(2, 16);
        let (operations, columns) =
            (self.operations(), columns_mut(result, right.columns, COLUMNS));
        let parts = (columns, sums.map(|sums| chunks_mut(sums, COLUMNS)));
        cpu.with_buffer(left.rows * left.columns, |packed| {
            pack_panels(cpu, operations, left, self.panels, &depths(left.columns), packed);
            let panels = right.columns.div_ceil(COLUMNS);
            cpu.for_chunks(operations, panels, panels_a_block, parts, |block, (result, sums)| {
                self.column_block(packed, block, result, sums);
            });
        });
    }

    /// All rows of a block of column panels, depth by depth, so that the block stays in the
    /// cache.
    fn column_block(
        self,
        packed_left: &[f32],
        block: Range<usize>,
        mut result: MatrixMut,
        mut sums: Option<&mut [f32]>,
    ) {
        let (isa, columns) = (self.cpu.isa(), self.columns(&block));
        with_thread_buffer(block.len() * COLUMNS * DEPTH, |to| {
            for depth in depths(self.right.rows) {
                let (from, columns) = (self.right, columns.clone());
                let (sums, pack) = (sums.as_deref_mut(), depth.clone());
                isa.run(PackColumns { from, depth: pack, columns, to: &mut *to, sums });
                let whole = result.rectangle(0..self.panels.rows, 0..result.columns());
                let right_panel = COLUMNS * depth.len();
                let product = self.block(packed_left, &block, depth, whole);
                isa.run(BlockProduct { right: to, right_panel, ..product });
            }
        });
    }

    /// Both sides are packed for all threads, which then take tiles: of few columns, no
    /// thread could take many for itself.
    pub fn by_tiles(self, result: &mut [f32], sums: Option<&mut [f32]>) {
        let Self { cpu, left, right, panels, .. } = self;
        let (operations, column_panels) = (self.operations(), right.columns.div_ceil(COLUMNS));
        let right_panel = right.rows * COLUMNS;
        cpu.with_buffer(left.rows * left.columns, |packed_left| {
            pack_panels(cpu, operations, left, panels, &depths(left.columns), packed_left);
            cpu.with_buffer(right_panel * column_panels, |packed_right| {
                let sums = sums.map(|sums| chunks_mut(sums, COLUMNS));
                let parts = (rows_mut(packed_right, right_panel), sums);
                cpu.for_shares(operations, column_panels, parts, |_, share, (to, sums)| {
                    let (depth, columns) = (0..right.rows, self.columns(&share));
                    cpu.isa().run(PackColumns { from: right, depth, columns, to, sums });
                });
                let (tiles, all) = (panels.count * column_panels, usize::MAX);
                let result = tiles_mut(result, right.columns, panels, COLUMNS);
                cpu.for_chunks(operations, tiles, all, result, |_, mut run| {
                    for depth in depths(right.rows) {
                        for panel in run.panels() {
                            let (block, result) = run.part(panel);
                            let at = block.start * right_panel + depth.start * COLUMNS;
                            let product = self.block(packed_left, &block, depth.clone(), result);
                            let (rows, right) = (panel..panel + 1, &packed_right[at..]);
                            cpu.isa().run(BlockProduct { rows, right, right_panel, ..product });
                        }
                    }
                });
            });
        });
    }

    /// All row panels with a block of column panels, at one depth; the right side is not there yet.
    fn block<'a>(
        &'a self,
        packed_left: &'a [f32],
        block: &Range<usize>,
        depth: Range<usize>,
        result: MatrixMut<'a>,
    ) -> BlockProduct<'a> {
        let start = match depth.start {
            0 => self.start.of_columns(self.columns(block)),
            _ => Accumulate::Add,
        };
        let (panels, rows, depth_len) = (self.panels, 0..self.panels.count, depth.len());
        let left = &packed_left[depth.start * panels.rows..];
        let (right, right_panel) = (&[][..], 0);
        BlockProduct { panels, rows, left, right, right_panel, depth: depth_len, start, result }
    }

    /// The columns of some column panels.
    fn columns(&self, panels: &Range<usize>) -> Range<usize> {
        panels.start * COLUMNS..(panels.end * COLUMNS).min(self.right.columns)
    }

    /// Multiplications and additions.
    fn operations(&self) -> usize {
        2 * self.left.rows * self.left.columns * self.right.columns
    }
}

/// Packs the row panels of a left side for all threads, at one of `depths` after the other.
///
/// # Panics
/// When `to` has too little room.
pub fn pack_panels(
    cpu: &Cpu,
    operations: usize,
    from: Matrix,
    panels: Panels,
    depths: &[Range<usize>],
    to: &mut [f32],
) {
    let item = |i: usize| (panels.range(i % panels.count), depths[i / panels.count].clone());
    let items = depths.len() * panels.count;
    let mut parts = cut(to, (0..items).map(item).map(|(rows, depth)| rows.len() * depth.len()));
    cpu.for_shares(operations, items, rows_mut(&mut parts, 1), |_, share, parts| {
        for (i, to) in share.zip(parts) {
            let (rows, depth) = item(i);
            cpu.isa().run(PackRows { from, rows, depth, to });
        }
    });
}

/// The blocks of the inner size: even, and no deeper than [`DEPTH`].
fn depths(k: usize) -> Vec<Range<usize>> {
    let count = k.div_ceil(DEPTH).max(1);
    (0..count).map(|i| k * i / count..k * (i + 1) / count).collect()
}
