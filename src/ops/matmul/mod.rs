//! Matrix products from packed panels (Goto and van de Geijn, "Anatomy of High-Performance
//! Matrix Multiplication", 2008).
//!
//! The left side is packed in panels of a few rows, the right side in panels of sixteen
//! columns. A register tile holds one panel's rows by sixteen columns. Every element of
//! the result is one chain of multiply-adds in the order of `k`, so it has the same bits
//! however the work is split.

mod kernel;
mod pack;

use std::ops::Range;

use kernel::{BlockProduct, COLUMNS};
pub(super) use kernel::{Tile, tile_product};
pub use pack::Matrix;
pub(super) use pack::{PackColumns, PackRows, Panels, pack_tile};

use super::cpu::{Queue, with_thread_buffer};
use super::{Cpu, Shared};

/// The depth of a block: a panel of 24 rows by this depth fits the first-level cache.
const DEPTH: usize = 256;
/// The values of the result that a block holds: a share of the second-level cache.
const BLOCK_VALUES: usize = 80 * 1024;

/// The values of the left side that are packed at a time: a share of the last-level cache.
const SLICE_VALUES: usize = 512 * 1024;

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Nothing: the result is overwritten.
    Zero,
    /// What the result holds.
    Result,
    /// A row vector, added to every row.
    Bias(&'a [f32]),
}

/// `result (m, n) = start + left (m, k) · right (k, n)`, the result stored row by row.
///
/// # Panics
/// When the sizes do not fit each other.
pub fn matmul(cpu: &Cpu, left: Matrix, right: Matrix, start: Start, result: &mut [f32]) {
    let (m, k, n) = (left.rows, left.columns, right.columns);
    assert_eq!(right.rows, k, "inner sizes differ");
    assert_eq!(result.len(), m * n, "the result has another size");
    if let Start::Bias(bias) = start {
        assert_eq!(bias.len(), n, "the bias has another size");
    }
    if m == 0 || n == 0 {
        return;
    }
    // A deep product goes in slices whose packed left side stays in the cache. The chains of
    // multiply-adds are the same.
    let slice = (SLICE_VALUES / m).next_multiple_of(DEPTH);
    let mut start = start;
    for depth in (0..k.max(1)).step_by(slice) {
        let depth = depth..k.min(depth + slice);
        let (left, right) = (left.column_range(depth.clone()), right.row_range(depth));
        slice_product(cpu, left, right, start, result);
        start = Start::Result;
    }
}

/// A product with all of the left side packed at once.
fn slice_product(cpu: &Cpu, left: Matrix, right: Matrix, start: Start, result: &mut [f32]) {
    let (m, k, n) = (left.rows, left.columns, right.columns);
    let panels = Panels::new(m, cpu.isa().max_rows());
    let columns = ColumnBlocks::new(m, n, cpu.threads());
    let queue = Queue::new(columns.count);
    let result = Shared::new(result);
    cpu.with_buffer(m * k, |packed| {
        let packed = Shared::new(packed);
        cpu.team(2 * m * k * n, |member| {
            pack_left(cpu, left, panels, member.share(panels.count), packed);
            member.wait();
            // SAFETY: nobody writes the packed side after the barrier.
            let packed = unsafe { &*packed.range(0..m * k) };
            while let Some(block) = queue.next() {
                let block = columns.range(block);
                column_block(cpu, panels, packed, right, start, block, result);
            }
        });
    });
}

/// The blocks of the inner size: even, and no deeper than [`DEPTH`].
fn depths(k: usize) -> impl Iterator<Item = Range<usize>> {
    let count = k.div_ceil(DEPTH).max(1);
    (0..count).map(move |i| k * i / count..k * (i + 1) / count)
}

/// Packs this member's row panels, at each depth.
fn pack_left(cpu: &Cpu, left: Matrix, panels: Panels, share: Range<usize>, packed: Shared) {
    let m = left.rows;
    for depth in depths(left.columns) {
        for panel in share.clone() {
            let rows = panels.range(panel);
            let at = depth.start * m + rows.start * depth.len();
            // SAFETY: each panel at each depth has its own part.
            let to = unsafe { packed.range(at..at + rows.len() * depth.len()) };
            cpu.isa().run(PackRows { from: left, rows, depth: depth.clone(), to });
        }
    }
}

/// All rows of a block of columns, depth by depth, so that the block stays in the cache.
fn column_block(
    cpu: &Cpu,
    panels: Panels,
    packed_left: &[f32],
    right: Matrix,
    start: Start,
    block: Range<usize>,
    result: Shared,
) {
    let m = panels.rows;
    let panel_count = block.len().div_ceil(COLUMNS);
    with_thread_buffer(panel_count * COLUMNS * DEPTH, |packed_right| {
        for depth in depths(right.rows) {
            let (depth_, columns, to) = (depth.clone(), block.clone(), &mut *packed_right);
            cpu.isa().run(PackColumns { from: right, depth: depth_, columns, to });
            let left_at = depth.start * m;
            cpu.isa().run(BlockProduct {
                panels,
                left: &packed_left[left_at..left_at + m * depth.len()],
                right: packed_right,
                depth: depth.len(),
                start: if depth.start == 0 { start } else { Start::Result },
                columns: block.clone(),
                result,
                result_columns: right.columns,
            });
        }
    });
}

/// The columns of the result, split in blocks of whole panels.
#[derive(Clone, Copy)]
struct ColumnBlocks {
    panels: usize,
    columns: usize,
    count: usize,
}

impl ColumnBlocks {
    fn new(m: usize, n: usize, threads: usize) -> Self {
        let panels = n.div_ceil(COLUMNS);
        let panels_a_block = (BLOCK_VALUES / (m * COLUMNS)).clamp(2, 16);
        // A whole number of rounds keeps every thread busy to the end.
        let count = panels.div_ceil(panels_a_block).next_multiple_of(threads).min(panels);
        Self { panels, columns: n, count }
    }

    fn range(&self, block: usize) -> Range<usize> {
        let edge = |i: usize| (self.panels * i / self.count * COLUMNS).min(self.columns);
        edge(block)..edge(block + 1)
    }
}

/// The plain triple loop in `f64`, against which the fast paths are held.
pub fn matmul_reference(left: Matrix, right: Matrix) -> Vec<f64> {
    let mut result = vec![0.0; left.rows * right.columns];
    for i in 0..left.rows {
        for p in 0..left.columns {
            let a = f64::from(left.at(i, p));
            for j in 0..right.columns {
                result[i * right.columns + j] += a * f64::from(right.at(p, j));
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Isa;
    use crate::rng::Stream;

    fn random(len: usize, name: &str) -> Vec<f32> {
        let mut numbers = Stream::new(1, name).at(0);
        (0..len).map(|_| numbers.uniform_between(-1.0, 1.0)).collect()
    }

    const SHAPES: [(usize, usize, usize); 8] = [
        (1, 1, 1),
        (1, 300, 17),
        (2, 3, 5),
        (20, 257, 64),
        (23, 5, 33),
        (25, 16, 16),
        (49, 600, 100),
        (130, 31, 47),
    ];

    #[test]
    fn every_level_and_layout_equals_the_reference() {
        for (m, k, n) in SHAPES {
            let (a, b) = (random(m * k, "a"), random(k * n, "b"));
            let lefts = [Matrix::new(&a, m, k), Matrix::new(&a, k, m).transposed()];
            let rights = [Matrix::new(&b, k, n), Matrix::new(&b, n, k).transposed()];
            for isa in Isa::available() {
                let cpu = Cpu::new(isa, 2).unwrap();
                for (left, right) in lefts.iter().zip(rights).chain(lefts.iter().rev().zip(rights))
                {
                    check(&cpu, *left, right);
                }
            }
        }
    }

    fn check(cpu: &Cpu, left: Matrix, right: Matrix) {
        let (m, n) = (left.rows, right.columns);
        let want = matmul_reference(left, right);
        let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        let bias = random(n, "bias");
        let old = random(m * n, "old");
        let starts = [Start::Zero, Start::Result, Start::Bias(&bias)];
        for start in starts {
            let mut result = old.clone();
            matmul(cpu, left, right, start, &mut result);
            for (i, (&got, want)) in result.iter().zip(&want).enumerate() {
                let from = match start {
                    Start::Zero => 0.0,
                    Start::Result => f64::from(old[i]),
                    Start::Bias(bias) => f64::from(bias[i % n]),
                };
                let error = (f64::from(got) - want - from).abs();
                assert!(error <= 2e-6 * (largest + 1.0), "{:?} {start:?} {i}: {error}", cpu.isa());
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_threads() {
        for isa in Isa::available() {
            for (m, k, n) in SHAPES {
                let (a, b) = (random(m * k, "a"), random(k * n, "b"));
                let product = |threads| {
                    let mut c = vec![0.0; m * n];
                    let cpu = Cpu::new(isa, threads).unwrap();
                    let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
                    matmul(&cpu, a, b, Start::Zero, &mut c);
                    c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                let one = product(1);
                assert!([2, 3, 4, 8].into_iter().all(|threads| product(threads) == one));
            }
        }
    }
}
