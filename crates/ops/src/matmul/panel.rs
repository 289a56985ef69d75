//! A few rows of the left side, as the inner loops walk through them.

use super::super::simd::opaque;
use super::kernel::MAX_ROWS;
use super::pack::Matrix;

/// The values of a row panel, one column after another. Whoever reads at an address has to know that the
/// panel has the row and that its columns are not at an end.
pub trait Panel: Copy {
    /// Where the values of a column are, of as many rows as a tile can have.
    fn column(self) -> [*const f32; MAX_ROWS];

    /// The next column.
    fn next<const ROWS: usize>(self) -> Self;
}

/// The values of a column are adjacent.
#[derive(Clone, Copy)]
pub struct Packed(*const f32);

impl Packed {
    pub fn new(values: &[f32]) -> Self {
        Self(values.as_ptr())
    }
}

impl Panel for Packed {
    #[inline(always)]
    fn column(self) -> [*const f32; MAX_ROWS] {
        std::array::from_fn(|i| self.0.wrapping_add(i))
    }

    #[inline(always)]
    fn next<const ROWS: usize>(self) -> Self {
        Self(self.0.wrapping_add(ROWS))
    }
}

/// The values of a row are adjacent.
#[derive(Clone, Copy)]
pub struct InPlace {
    /// Rows 0, 3, 5 and 10, from which all others are one, two, four or eight strides away: a
    /// distance that the CPU adds while it reads. The addresses of fourteen rows would not fit its
    /// registers, and to read them from memory costs the loop a tenth of its speed.
    bases: [*const f32; 4],
    stride: usize,
}

impl InPlace {
    /// Rows starting at `first`, `stride` values apart.
    pub fn new(first: *const f32, stride: usize) -> Self {
        Self { bases: [0, 3, 5, 10].map(|row| first.wrapping_add(row * stride)), stride }
    }
}

impl Panel for InPlace {
    #[inline(always)]
    fn column(self) -> [*const f32; MAX_ROWS] {
        let [of_0, of_3, of_5, of_10] = self.bases;
        let row = |base: *const f32, rows| base.wrapping_add(rows * self.stride);
        [
            row(of_0, 0),
            row(of_0, 1),
            row(of_0, 2),
            row(of_3, 0),
            row(of_0, 4),
            row(of_3, 2),
            row(of_5, 1),
            row(of_3, 4),
            row(of_0, 8),
            row(of_5, 4),
            row(of_10, 0),
            row(of_3, 8),
            row(of_10, 2),
            row(of_5, 8),
        ]
    }

    #[inline(always)]
    fn next<const ROWS: usize>(mut self) -> Self {
        // Without knowing that they belong together, the compiler does not make fourteen of them.
        for base in &mut self.bases {
            *base = opaque(base.wrapping_add(1));
        }
        self
    }
}

/// The left side of some products at one depth.
#[derive(Clone, Copy)]
pub enum Left<'a> {
    /// Its row panels, packed.
    Packed(&'a [f32]),
    /// A matrix in row-major order, and its first column.
    InPlace(Matrix<'a>, usize),
}

/// Prefetches the next right-hand panel, `step` values per depth step, to hide memory latency;
/// [`Ahead::nothing`] disables it. The products of all rows share the work, so that not only the
/// first rows wait for memory.
#[derive(Clone, Copy)]
pub struct Ahead {
    pub at: *const f32,
    pub step: usize,
}

impl Ahead {
    /// Prefetches nothing new: only the panel's own start.
    #[inline(always)]
    pub fn nothing(right: &[f32]) -> Self {
        Self { at: right.as_ptr(), step: 0 }
    }

    /// Share `share` of `of` equal shares of the `len` values starting at `next`, which come after
    /// these panels.
    #[inline(always)]
    pub fn share(next: *const f32, len: usize, [share, of]: [usize; 2], depth: usize) -> Self {
        Self { at: next, step: len.div_ceil(of * depth.max(1)) }.after(share * depth)
    }

    /// What is left after `steps` steps.
    #[inline(always)]
    pub fn after(self, steps: usize) -> Self {
        Self { at: self.at.wrapping_add(steps * self.step), ..self }
    }
}

/// Calls the loop for a number of rows, so that a tile never computes a row too many. Each is a function
/// of its own: among other code the compiler leaves sums in memory, where there are just registers enough.
macro_rules! for_rows {
    (@ $rows:expr, $product:ident, $level:ident, $fields:tt, $($n:literal)*) => {
        match $rows {
            $($n => $level::call($product::<_, $n> $fields),)*
            _ => unreachable!("a panel has at most {MAX_ROWS} rows"),
        }
    };
    ($rows:expr, $product:ident, $level:ident, $fields:tt) => {
        for_rows!(@ $rows, $product, $level, $fields, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
}
pub(super) use for_rows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_place_are_a_stride_apart() {
        let values = [0.0; 20];
        let mut panel = InPlace::new(values.as_ptr(), 100);
        for column in 0..3 {
            for (i, row) in panel.column().into_iter().enumerate() {
                assert_eq!(row, values.as_ptr().wrapping_add(i * 100 + column));
            }
            panel = panel.next::<MAX_ROWS>();
        }
    }
}
