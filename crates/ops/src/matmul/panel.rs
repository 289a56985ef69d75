//! A few rows of the left side, as the inner loops walk through them.

use super::kernel::MAX_ROWS;
use super::pack::Matrix;

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

/// The left side of some products at one depth.
#[derive(Clone, Copy)]
pub enum Left<'a> {
    /// Its row panels, packed.
    Packed(&'a [f32]),
    /// A matrix that is stored row by row, from a column on.
    InPlace(Matrix<'a>, usize),
}

/// What a product asks the cache for beside its own panels: at every step of its depth what stands
/// `step` values further. Right sides often come from far, and if each product asked for its own alone,
/// all of the first rows would wait, and the others for nothing.
#[derive(Clone, Copy)]
pub struct Ahead {
    pub at: *const f32,
    pub step: usize,
}

impl Ahead {
    /// Nothing that is not there.
    #[inline(always)]
    pub fn nothing(right: &[f32]) -> Self {
        Self { at: right.as_ptr(), step: 0 }
    }

    /// One of so many equal shares of the `len` values from `next` on, which come after these panels.
    #[inline(always)]
    pub fn share(next: *const f32, len: usize, [share, of]: [usize; 2], depth: usize) -> Self {
        let at = next.wrapping_add(len * share / of);
        Self { at, step: len.div_ceil(of * depth.max(1)) }
    }
}
