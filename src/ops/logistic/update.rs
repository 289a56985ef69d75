//! The two outer products that change the rows of inputs and targets.

use super::dot::{Rows, load};
use crate::ops::simd::{LANES, Simd};

/// The inputs whose vectors and sums stay in registers beside those of one target.
const fn group<S: Simd>() -> usize {
    match S::TILE[0] * S::TILE[1] {
        24.. => 10,
        6.. => 2,
        _ => 1,
    }
}

/// Row t of the targets grows by Σ_j g(t, j) · input j, and row j of `inputs` (the table's, of
/// which `rows` has copies) by Σ_t g(t, j) · target t as it was before. `old` has room for a
/// vector for each target.
///
/// # Safety
/// As for [`super::dot::dots`]; `gradient` must be valid for a value for each pair. No two
/// targets and no two inputs may be the same row.
#[inline(always)]
pub(super) unsafe fn update<S: Simd>(
    rows: Rows,
    inputs: &[*mut f32],
    gradient: *const f32,
    old: *mut f32,
) {
    let whole = rows.width / LANES * LANES;
    // SAFETY: as the caller vouches.
    unsafe {
        for at in (0..whole).step_by(LANES) {
            columns::<S>(rows, inputs, gradient, old, at, LANES);
        }
        if whole < rows.width {
            columns::<S>(rows, inputs, gradient, old, whole, rows.width - whole);
        }
    }
}

/// The `len` columns from `at` on.
#[inline(always)]
unsafe fn columns<S: Simd>(
    rows: Rows,
    inputs: &[*mut f32],
    gradient: *const f32,
    old: *mut f32,
    at: usize,
    len: usize,
) {
    let most = group::<S>();
    // SAFETY: as the caller vouches.
    unsafe {
        if rows.n <= most {
            return inputs_of::<S, false>(rows, inputs, 0, gradient, old, at, len);
        }
        for (t, &row) in rows.targets.iter().enumerate() {
            load::<S>(row.add(at), len).store(old.add(t * LANES));
        }
        let mut j = 0;
        while j < rows.n {
            let count = (rows.n - j).div_ceil((rows.n - j).div_ceil(most));
            inputs_of::<S, true>(rows, &inputs[j..j + count], j, gradient, old, at, len);
            j += count;
        }
    }
}

#[inline(always)]
unsafe fn inputs_of<S: Simd, const OLD: bool>(
    rows: Rows,
    inputs: &[*mut f32],
    j: usize,
    gradient: *const f32,
    old: *mut f32,
    at: usize,
    len: usize,
) {
    let most = group::<S>();
    macro_rules! group {
        ($n:literal) => {
            group_of::<S, $n, OLD>(rows, inputs, j, gradient, old, at, len)
        };
    }
    // SAFETY: as the caller vouches.
    unsafe {
        match inputs.len() {
            10 if most >= 10 => group!(10),
            9 if most >= 9 => group!(9),
            8 if most >= 8 => group!(8),
            7 if most >= 7 => group!(7),
            6 if most >= 6 => group!(6),
            5 if most >= 5 => group!(5),
            4 if most >= 4 => group!(4),
            3 if most >= 3 => group!(3),
            2 if most >= 2 => group!(2),
            _ => group!(1),
        }
    }
}

/// `N` inputs from `j` on with all targets. Where there is more than one group, the targets' old
/// values are in `old`.
#[inline(always)]
unsafe fn group_of<S: Simd, const N: usize, const OLD: bool>(
    rows: Rows,
    inputs: &[*mut f32],
    j: usize,
    gradient: *const f32,
    old: *const f32,
    at: usize,
    len: usize,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut x = [S::splat(0.0); N];
        for (k, x) in x.iter_mut().enumerate() {
            *x = S::load(rows.inputs.add((j + k) * rows.stride + at));
        }
        let mut sums = [S::splat(0.0); N];
        let mut gradient = gradient.add(j);
        for (t, &row) in rows.targets.iter().enumerate() {
            let mut new = load::<S>(row.add(at), len);
            let w = if OLD { S::load(old.add(t * LANES)) } else { new };
            for k in 0..N {
                let g = S::splat(*gradient.add(k));
                sums[k] = g.mul_add(w, sums[k]);
                new = g.mul_add(x[k], new);
            }
            store(new, row.add(at), len);
            gradient = gradient.add(rows.n);
        }
        for (&row, sum) in inputs.iter().zip(sums) {
            store(load::<S>(row.add(at), len).add(sum), row.add(at), len);
        }
    }
}

/// Writes the first `len` lanes.
///
/// # Safety
/// `to` must be valid for `len` values, at most [`LANES`].
#[inline(always)]
unsafe fn store<S: Simd>(vector: S, to: *mut f32, len: usize) {
    // SAFETY: as the caller vouches.
    unsafe {
        match len {
            LANES => vector.store(to),
            _ => vector.store_slice(std::slice::from_raw_parts_mut(to, len)),
        }
    }
}
