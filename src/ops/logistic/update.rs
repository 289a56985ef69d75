//! The two outer products that change the rows of inputs and targets.

use super::copy;
use super::dot::Rows;
use crate::ops::simd::{Kernel, LANES, Simd};

/// The inputs whose vectors and sums stay in registers beside those of one target.
const fn group<S: Simd>() -> usize {
    match S::TILE[0] * S::TILE[1] {
        24.. => 10,
        6.. => 2,
        _ => 1,
    }
}

/// Row t of the targets grows by Σ_j g(t, j) · input j, and row j of `inputs` (the table's, of
/// which `rows` has copies) by Σ_t g(t, j) · target t as it was before. Where the inputs go in
/// several groups, the targets' old rows are kept in `old`.
///
/// # Safety
/// As for [`super::dot::dots`]; `gradient` must be valid for a value for each pair, and `old` for
/// a row of whole vectors for each target. No two targets and no two inputs may be the same row.
#[inline(always)]
pub(super) unsafe fn update<S: Simd>(
    rows: Rows,
    inputs: &[*mut f32],
    gradient: *const f32,
    old: *mut f32,
) {
    let most = group::<S>();
    if rows.n <= most {
        return change::<S, false>(rows, inputs, 0, gradient, old);
    }
    for (t, &row) in rows.targets.iter().enumerate() {
        // SAFETY: as the caller vouches.
        unsafe { copy::<S>(row, rows.width, old.add(t * rows.stride)) };
    }
    let mut j = 0;
    while j < rows.n {
        let count = (rows.n - j).div_ceil((rows.n - j).div_ceil(most));
        change::<S, true>(rows, &inputs[j..j + count], j, gradient, old);
        j += count;
    }
}

/// One group of inputs, which starts at `j`.
#[inline(always)]
fn change<S: Simd, const OLD: bool>(
    rows: Rows,
    inputs: &[*mut f32],
    j: usize,
    gradient: *const f32,
    old: *const f32,
) {
    // Of several groups none is smaller than half of the largest.
    let is_used = |n| n <= group::<S>() && (!OLD || 2 * n >= group::<S>());
    macro_rules! change {
        ($n:literal) => {
            S::call(Group::<$n, OLD> { rows, inputs, j, gradient, old })
        };
    }
    match inputs.len() {
        10 if is_used(10) => change!(10),
        9 if is_used(9) => change!(9),
        8 if is_used(8) => change!(8),
        7 if is_used(7) => change!(7),
        6 if is_used(6) => change!(6),
        5 if is_used(5) => change!(5),
        4 if is_used(4) => change!(4),
        3 if is_used(3) => change!(3),
        2 if is_used(2) => change!(2),
        _ => change!(1),
    }
}

/// `N` inputs from `j` on with all targets. It is made by [`update`] alone, whose caller answers
/// for the pointers.
struct Group<'a, const N: usize, const OLD: bool> {
    rows: Rows<'a>,
    inputs: &'a [*mut f32],
    j: usize,
    gradient: *const f32,
    old: *const f32,
}

impl<const N: usize, const OLD: bool> Kernel for Group<'_, N, OLD> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let whole = self.rows.width / LANES * LANES;
        // SAFETY: as the caller of `update` vouches.
        unsafe {
            for at in (0..whole).step_by(LANES) {
                self.columns::<S>(at, LANES);
            }
            if whole < self.rows.width {
                self.columns::<S>(whole, self.rows.width - whole);
            }
        }
    }
}

impl<const N: usize, const OLD: bool> Group<'_, N, OLD> {
    /// The `len` columns from `at` on.
    #[inline(always)]
    unsafe fn columns<S: Simd>(&self, at: usize, len: usize) {
        let rows = &self.rows;
        // SAFETY: as the caller vouches.
        unsafe {
            let mut x = [S::splat(0.0); N];
            for (k, x) in x.iter_mut().enumerate() {
                *x = S::load(rows.inputs.add((self.j + k) * rows.stride + at));
            }
            let mut sums = [S::splat(0.0); N];
            let mut gradient = self.gradient.add(self.j);
            for (t, &row) in rows.targets.iter().enumerate() {
                let mut new = S::load_first(row.add(at), len, 0.0);
                let w = if OLD { S::load(self.old.add(t * rows.stride + at)) } else { new };
                for k in 0..N {
                    let g = S::splat(*gradient.add(k));
                    sums[k] = g.mul_add(w, sums[k]);
                    new = g.mul_add(x[k], new);
                }
                new.store_first(row.add(at), len);
                gradient = gradient.wrapping_add(rows.n);
            }
            for (&row, sum) in self.inputs.iter().zip(sums) {
                S::load_first(row.add(at), len, 0.0).add(sum).store_first(row.add(at), len);
            }
        }
    }
}
