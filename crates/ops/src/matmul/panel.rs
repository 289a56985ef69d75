//! A few rows of the left side, as the inner loops walk through them.

use super::kernel::MAX_ROWS;

/// The values of a row panel, one column after another. Whoever reads at an address has to know that the
/// panel has the row and that its columns are not at an end.
pub trait Panel: Copy {
    /// Where the value of row `i` lies.
    fn at(self, i: usize) -> *const f32;

    /// The next column.
    fn next<const ROWS: usize>(self) -> Self;
}

/// The values of a column stand together.
#[derive(Clone, Copy)]
pub struct Packed(*const f32);

impl Packed {
    pub fn new(values: &[f32]) -> Self {
        Self(values.as_ptr())
    }
}

impl Panel for Packed {
    #[inline(always)]
    fn at(self, i: usize) -> *const f32 {
        self.0.wrapping_add(i)
    }

    #[inline(always)]
    fn next<const ROWS: usize>(self) -> Self {
        Self(self.0.wrapping_add(ROWS))
    }
}

/// The values of a row stand together.
#[derive(Clone, Copy)]
pub struct InPlace {
    /// Where the rows begin: known beforehand, they cost the loop no sums.
    rows: [*const f32; MAX_ROWS],
    column: usize,
}

impl InPlace {
    /// Rows from `first` on, `stride` values apart.
    pub fn new(first: *const f32, stride: usize) -> Self {
        Self { rows: std::array::from_fn(|i| first.wrapping_add(i * stride)), column: 0 }
    }
}

impl Panel for InPlace {
    #[inline(always)]
    fn at(self, i: usize) -> *const f32 {
        self.rows[i].wrapping_add(self.column)
    }

    #[inline(always)]
    fn next<const ROWS: usize>(self) -> Self {
        Self { column: self.column + 1, ..self }
    }
}
