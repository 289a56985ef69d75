//! Views of matrices, and their copies in the order in which a product reads them.

use std::ops::Range;

use super::super::simd::{Kernel, LANES, Simd};
use super::kernel::{COLUMNS, MAX_ROWS};

/// How many rows ahead of the copy the cache is filled.
const ROWS_AHEAD: usize = 8;
/// The same, in values, where it goes along sixteen rows at once.
const VALUES_AHEAD: usize = 4 * LANES;

/// Values that are so far apart share one set of a first-level cache, which has fewer ways than a tile
/// has rows; at half the distance they share two.
const SET_STRIDE: usize = 1024;

/// A matrix in memory, by rows or by columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix (`rows`, `columns`) stored row by row.
    ///
    /// # Panics
    /// When `data` has another size.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        let len = rows.checked_mul(columns);
        assert_eq!(Some(data.len()), len, "the matrix has the wrong size");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose, without a copy.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some of the rows, without a copy.
    pub fn row_range(self, rows: Range<usize>) -> Self {
        let data = &self.data[rows.start * self.row_stride..];
        Self { data, rows: rows.len(), ..self }
    }

    /// Some of the columns, without a copy.
    pub fn column_range(self, columns: Range<usize>) -> Self {
        self.transposed().row_range(columns).transposed()
    }

    /// The value at (`row`, `column`).
    #[inline(always)]
    pub fn at(&self, row: usize, column: usize) -> f32 {
        self.data[row * self.row_stride + column * self.column_stride]
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A row of a matrix that is stored row by row.
    ///
    /// # Panics
    /// When its rows are not contiguous.
    pub fn contiguous_row(&self, row: usize) -> &'a [f32] {
        assert!(self.has_contiguous_rows(), "the matrix is not stored in row-major order");
        self.row(row, 0..self.columns)
    }

    /// What tells it from other matrices in memory: where its values begin, whether they are stored
    /// row by row, and its sizes.
    pub fn place(&self) -> (usize, bool, [usize; 2]) {
        (self.data.as_ptr().addr(), self.has_contiguous_rows(), [self.rows, self.columns])
    }

    /// Whether the values of a row are adjacent.
    pub(super) fn has_contiguous_rows(&self) -> bool {
        self.column_stride == 1
    }

    /// Whether a few rows can be read side by side as they are: contiguous ones that do not all
    /// begin in the same set of the first-level cache.
    pub(super) fn has_rows_to_read_in_place(&self) -> bool {
        self.has_contiguous_rows() && !self.row_stride.is_multiple_of(SET_STRIDE)
    }

    /// How far apart the rows are.
    pub(super) fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// The values of a row between two columns, where rows are contiguous.
    #[inline(always)]
    pub(super) fn row(&self, row: usize, columns: Range<usize>) -> &'a [f32] {
        debug_assert_eq!(self.column_stride, 1);
        let start = row * self.row_stride;
        &self.data[start + columns.start..start + columns.end]
    }
}

/// The rows of a matrix in panels whose sizes differ by one at most.
#[derive(Clone, Copy, Debug)]
pub struct Panels {
    pub rows: usize,
    pub count: usize,
}

impl Panels {
    pub fn new(rows: usize, max_rows: usize) -> Self {
        Self { rows, count: rows.div_ceil(max_rows).max(1) }
    }

    /// The first row of a panel.
    #[inline(always)]
    pub fn start(&self, panel: usize) -> usize {
        self.rows * panel / self.count
    }

    #[inline(always)]
    pub fn range(&self, panel: usize) -> Range<usize> {
        self.start(panel)..self.start(panel + 1)
    }
}

/// A tile of the result on its own, row by row.
#[repr(align(64))]
pub struct Tile(pub(super) [f32; MAX_ROWS * COLUMNS]);

impl Tile {
    pub const fn zeros() -> Self {
        Self([0.0; MAX_ROWS * COLUMNS])
    }

    #[inline(always)]
    pub fn row<S: Simd>(&self, row: usize) -> S {
        S::load_slice(&self.0[row * COLUMNS..][..COLUMNS], 0.0)
    }

    #[inline(always)]
    pub fn set_row<S: Simd>(&mut self, row: usize, values: S) {
        values.store_slice(&mut self.0[row * COLUMNS..][..COLUMNS]);
    }
}

/// Copies some panels of rows so that the values of one column are adjacent: in each panel `to[p *
/// rows + i]`, the panels one after another.
pub struct PackRows<'a> {
    pub from: Matrix<'a>,
    pub panels: Panels,
    pub share: Range<usize>,
    pub depth: Range<usize>,
    pub to: &'a mut [f32],
}

impl Kernel for PackRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { from, panels, share, depth, to } = self;
        let (first, last) = (panels.start(share.start), panels.start(share.end));
        if from.column_stride == 1 {
            for panel in share {
                let rows = panels.range(panel);
                let to = &mut to[(rows.start - first) * depth.len()..];
                for start in (0..rows.len()).step_by(LANES) {
                    let part = rows.start + start..rows.end.min(rows.start + start + LANES);
                    transpose_rows::<S>(from, part, depth.clone(), &mut to[start..], rows.len());
                }
            }
            return;
        }
        // Along a column, as along the rows in the packing of columns.
        let columns = from.transposed();
        for (line, p) in depth.clone().enumerate() {
            let column = columns.row(p, first..last);
            for rows in share.clone().map(|panel| panels.range(panel)) {
                let from = &column[rows.start - first..];
                S::prefetch(from.as_ptr().wrapping_add(ROWS_AHEAD * columns.row_stride));
                let place = (rows.start - first) * depth.len();
                let to = &mut to[place + line * rows.len()..place + depth.len() * rows.len()];
                // A whole vector where what it writes too much is of lines that are written next.
                let is_whole = from.len().min(to.len()) >= LANES;
                let len = if is_whole { LANES } else { rows.len() };
                copy::<S>(&from[..len], &mut to[..len]);
            }
        }
    }
}

/// Copies a block of columns in panels of sixteen: `to[panel][p * 16 + j]`, the last
/// panel filled up with zeros.
pub struct PackColumns<'a> {
    pub from: Matrix<'a>,
    pub depth: Range<usize>,
    pub columns: Range<usize>,
    pub to: &'a mut [f32],
    /// The sums of these columns so far, to which the copied values are added. Only for a
    /// matrix whose rows are contiguous.
    pub sums: Option<&'a mut [f32]>,
}

impl Kernel for PackColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { from, depth, columns, to, mut sums } = self;
        let panel_len = COLUMNS * depth.len();
        let panels = columns.len().div_ceil(COLUMNS);
        let panel = |i: usize| {
            let start = columns.start + i * COLUMNS;
            start..columns.end.min(start + COLUMNS)
        };
        if from.column_stride == 1 {
            // Along a row, for rows may be far apart; for the same reason the rows to come are
            // asked for.
            for (line, p) in depth.enumerate() {
                for i in 0..panels {
                    let at = i * panel_len + line * COLUMNS;
                    let row = from.row(p, panel(i));
                    S::prefetch(row.as_ptr().wrapping_add(ROWS_AHEAD * from.row_stride));
                    let values = S::load_slice(row, 0.0);
                    values.store_slice(&mut to[at..at + COLUMNS]);
                    if let Some(sums) = sums.as_deref_mut() {
                        let sum = &mut sums[i * COLUMNS..][..row.len()];
                        S::load_slice(sum, 0.0).add(values).store_slice(sum);
                    }
                }
            }
        } else {
            for i in 0..panels {
                let to = &mut to[i * panel_len..(i + 1) * panel_len];
                transpose_rows::<S>(from.transposed(), panel(i), depth.clone(), to, COLUMNS);
            }
        }
    }
}

/// The first `width` columns of a tile, each as the values of its `rows` rows:
/// `to[j * rows + i]`.
#[inline(always)]
pub fn pack_tile<S: Simd>(tile: &Tile, rows: usize, to: &mut [f32]) {
    let width = to.len() / rows;
    for first in (0..rows).step_by(LANES) {
        let last = rows.min(first + LANES);
        let mut lines = [S::splat(0.0); LANES];
        for (line, row) in lines.iter_mut().zip(first..last) {
            *line = tile.row(row);
        }
        for (j, column) in S::transpose(lines)[..width].iter().enumerate() {
            column.store_slice(&mut to[j * rows + first..j * rows + last]);
        }
    }
}

/// Up to sixteen contiguous rows become columns: `to[p * stride + i]`. Where `stride` is
/// sixteen, lanes without a row are filled with zeros.
#[inline(always)]
fn transpose_rows<S: Simd>(
    from: Matrix,
    rows: Range<usize>,
    depth: Range<usize>,
    to: &mut [f32],
    stride: usize,
) {
    let width = if stride == COLUMNS { COLUMNS } else { rows.len() };
    for start in depth.clone().step_by(LANES) {
        let block = start..depth.end.min(start + LANES);
        let mut lines = [S::splat(0.0); LANES];
        for (line, row) in lines.iter_mut().zip(rows.clone()) {
            let row = from.row(row, block.clone());
            S::prefetch(row.as_ptr().wrapping_add(VALUES_AHEAD));
            *line = S::load_slice(row, 0.0);
        }
        let columns = S::transpose(lines);
        let first = (start - depth.start) * stride;
        for (p, column) in columns[..block.len()].iter().enumerate() {
            let at = first + p * stride;
            column.store_slice(&mut to[at..at + width]);
        }
    }
}

#[inline(always)]
fn copy<S: Simd>(from: &[f32], to: &mut [f32]) {
    for (from, to) in from.chunks(LANES).zip(to.chunks_mut(LANES)) {
        S::load_slice(from, 0.0).store_slice(to);
    }
}
