//! Matrices whose columns or tiles go to different threads.

use std::marker::PhantomData;
use std::ops::Range;

use super::Rows;
use crate::ops::matmul::Panels;

/// The columns of a matrix that is stored row by row, `columns` values each, in strips of `width`
/// columns; the last may be narrower.
///
/// # Panics
/// When the slice holds no whole number of rows.
pub fn columns_mut(matrix: &mut [f32], columns: usize, width: usize) -> ColumnsMut<'_> {
    ColumnsMut { matrix: MatrixMut::new(matrix, columns), width }
}

/// What [`columns_mut`] makes.
pub struct ColumnsMut<'a> {
    matrix: MatrixMut<'a>,
    width: usize,
}

// SAFETY: strips do not overlap.
unsafe impl<'a> Rows for ColumnsMut<'a> {
    type Block = MatrixMut<'a>;

    #[inline]
    unsafe fn block(&self, strips: Range<usize>) -> MatrixMut<'a> {
        let MatrixMut { rows, columns, .. } = self.matrix;
        let [start, end] = [strips.start, strips.end].map(|strip| columns.min(strip * self.width));
        // SAFETY: the caller's.
        unsafe { self.matrix.alias(0..rows, start..end) }
    }
}

/// The tiles of a matrix that is stored row by row, one row of tiles after another: `panels` of its
/// rows by `width` of its columns, the last tile of a row may be narrower.
///
/// # Panics
/// When the matrix has another number of rows than the panels.
pub(in crate::ops) fn tiles_mut(
    matrix: &mut [f32],
    columns: usize,
    panels: Panels,
    width: usize,
) -> TilesMut<'_> {
    let matrix = MatrixMut::new(matrix, columns);
    assert_eq!(matrix.rows, panels.rows, "the matrix has other rows");
    TilesMut { matrix, panels, width }
}

/// What [`tiles_mut`] makes.
pub struct TilesMut<'a> {
    matrix: MatrixMut<'a>,
    panels: Panels,
    width: usize,
}

// SAFETY: tiles do not overlap.
unsafe impl<'a> Rows for TilesMut<'a> {
    type Block = TileRun<'a>;

    #[inline]
    unsafe fn block(&self, tiles: Range<usize>) -> TileRun<'a> {
        let MatrixMut { rows, columns, .. } = self.matrix;
        let tiles_a_row = columns.div_ceil(self.width);
        assert!(tiles.end <= self.panels.count * tiles_a_row, "there are fewer tiles");
        // SAFETY: a run gives access to its own tiles alone.
        let matrix = unsafe { self.matrix.alias(0..rows, 0..columns) };
        TileRun { matrix, panels: self.panels, width: self.width, tiles_a_row, tiles }
    }
}

/// Tiles of a matrix that follow one another.
pub struct TileRun<'a> {
    /// All of it: other threads have the other tiles.
    matrix: MatrixMut<'a>,
    panels: Panels,
    width: usize,
    tiles_a_row: usize,
    tiles: Range<usize>,
}

impl TileRun<'_> {
    /// The rows of tiles that it has a part of.
    pub fn panels(&self) -> Range<usize> {
        self.tiles.start / self.tiles_a_row..self.tiles.end.div_ceil(self.tiles_a_row)
    }

    /// Its part of a row of tiles: which of them, and their values.
    pub fn part(&mut self, panel: usize) -> (Range<usize>, MatrixMut<'_>) {
        let first = panel * self.tiles_a_row;
        let edge = |tile: usize| tile.clamp(first, first + self.tiles_a_row) - first;
        let tiles = edge(self.tiles.start)..edge(self.tiles.end);
        let [start, end] =
            [tiles.start, tiles.end].map(|i| self.matrix.columns.min(i * self.width));
        (tiles, self.matrix.rectangle(self.panels.range(panel), start..end))
    }
}

/// Rows of a matrix in memory, or a rectangle cut out of one.
pub struct MatrixMut<'a> {
    data: *mut f32,
    rows: usize,
    columns: usize,
    /// From one row to the next.
    stride: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is the only access to its values, as a mutable slice is.
unsafe impl Send for MatrixMut<'_> {}
// SAFETY: a shared one tells its size alone.
unsafe impl Sync for MatrixMut<'_> {}

impl<'a> MatrixMut<'a> {
    /// A matrix of rows of `columns` values each.
    ///
    /// # Panics
    /// When the slice holds no whole number of rows.
    #[inline(always)]
    pub fn new(values: &'a mut [f32], columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        assert_eq!(values.len(), rows * columns, "the matrix has another size");
        Self { data: values.as_mut_ptr(), rows, columns, stride: columns, life: PhantomData }
    }

    /// Rows of `columns` values each, the first of one `stride` values after that of the last.
    ///
    /// # Panics
    /// When the slice is too short, or rows overlap.
    #[inline(always)]
    pub fn strided(values: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> Self {
        let end = rows.saturating_sub(1) * stride + columns;
        assert!(end <= values.len() && columns <= stride.max(1), "the matrix has another size");
        Self { data: values.as_mut_ptr(), rows, columns, stride, life: PhantomData }
    }

    /// Its rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Its columns.
    #[inline(always)]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Some columns of a row.
    ///
    /// # Panics
    /// When the matrix has no such row or columns.
    #[inline(always)]
    pub fn part(&mut self, row: usize, columns: Range<usize>) -> &mut [f32] {
        let part = self.rectangle(row..row + 1, columns);
        // SAFETY: the columns of a row stand together and are inside, and the matrix is borrowed.
        unsafe { std::slice::from_raw_parts_mut(part.data, part.columns) }
    }

    /// Some columns of some rows.
    ///
    /// # Panics
    /// When the matrix has no such rows or columns.
    #[inline(always)]
    pub fn rectangle(&mut self, rows: Range<usize>, columns: Range<usize>) -> MatrixMut<'_> {
        // SAFETY: the matrix stays borrowed as long as the result lives.
        unsafe { self.alias(rows, columns) }
    }

    /// The matrix cut into strips of so many columns, one after another.
    ///
    /// # Panics
    /// When there are fewer columns.
    pub fn cut_columns(self, widths: impl IntoIterator<Item = usize>) -> Vec<MatrixMut<'a>> {
        let mut start = 0;
        let strip = |width: usize| {
            let columns = start..start + width;
            start = columns.end;
            // SAFETY: strips do not overlap, and the matrix is used up.
            unsafe { self.alias(0..self.rows, columns) }
        };
        widths.into_iter().map(strip).collect()
    }

    /// Where the value at (`row`, `column`) is; valid for the rows and columns that there are.
    #[inline(always)]
    pub(in crate::ops) fn pointer(&mut self, row: usize, column: usize) -> *mut f32 {
        self.data.wrapping_add(row * self.stride + column)
    }

    /// # Safety
    /// While the result lives, it is the only access to its values.
    #[inline(always)]
    unsafe fn alias(&self, rows: Range<usize>, columns: Range<usize>) -> MatrixMut<'a> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows leave the matrix");
        assert!(columns.start <= columns.end && columns.end <= self.columns, "columns leave it");
        MatrixMut {
            data: self.data.wrapping_add(rows.start * self.stride + columns.start),
            rows: rows.len(),
            columns: columns.len(),
            ..*self
        }
    }
}
