//! Dot products of every target's row with every input's.

use super::gradient::{Gradient, Ring};
use crate::ops::simd::{Kernel, LANES, Simd};

/// The most targets whose products are found together.
pub(super) const TARGETS: usize = 4;

/// Rows in memory that are multiplied with each other.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// Where the row of each target starts.
    pub targets: &'a [*mut f32],
    /// The rows of the inputs, `stride` apart, padded with zeros to whole vectors.
    pub inputs: *const f32,
    /// The number of inputs.
    pub n: usize,
    /// Whole vectors.
    pub stride: usize,
    /// The values of a row.
    pub width: usize,
}

/// The largest tile of targets and inputs whose sums stay in registers.
const fn tile<S: Simd>() -> [usize; 2] {
    match S::TILE[0] * S::TILE[1] {
        24.. => [TARGETS, 6],
        6.. => [2, 2],
        _ => [1, 2],
    }
}

/// Gives `gradient` a vector for each pair `t · n + j` of target t and input j, the sum of whose
/// lanes is the dot product. Meanwhile the rows `prefetch_rows` are asked for.
///
/// # Safety
/// The rows must be valid for their widths; others may write them meanwhile, as lock-free training
/// does.
#[inline(always)]
pub(super) unsafe fn dots<S: Simd>(
    rows: Rows,
    gradient: &mut Gradient<S>,
    prefetch_rows: &[*mut f32],
) {
    let [most_targets, most_inputs] = tile::<S>();
    let mut prefetch_rows = prefetch_rows.iter();
    let mut t = 0;
    while t < rows.targets.len() {
        let left = rows.targets.len() - t;
        let count = [4, 2, 1].into_iter().find(|&c| c <= most_targets && c <= left).unwrap_or(1);
        for &row in prefetch_rows.by_ref().take(count) {
            prefetch::<S>(row, rows.width);
        }
        let mut j = 0;
        while j < rows.n {
            let inputs = (rows.n - j).div_ceil((rows.n - j).div_ceil(most_inputs));
            match count {
                4 if most_targets >= 4 => targets::<S, 4>(rows, t, j, inputs, gradient.ring),
                2 if most_targets >= 2 => targets::<S, 2>(rows, t, j, inputs, gradient.ring),
                _ => targets::<S, 1>(rows, t, j, inputs, gradient.ring),
            }
            j += inputs;
        }
        t += count;
        gradient.advance(t * rows.n);
    }
    for &row in prefetch_rows {
        prefetch::<S>(row, rows.width);
    }
}

/// Asks for the cache lines of a row that will change.
#[inline(always)]
fn prefetch<S: Simd>(row: *mut f32, width: usize) {
    for at in (0..width).step_by(LANES) {
        S::prefetch_to_write(row.wrapping_add(at));
    }
    S::prefetch_to_write(row.wrapping_add(width - 1));
}

/// `T` targets from `t` on with `inputs` inputs from `j` on.
#[inline(always)]
fn targets<S: Simd, const T: usize>(rows: Rows, t: usize, j: usize, inputs: usize, ring: Ring) {
    let most = tile::<S>()[1];
    match inputs {
        6 if most >= 6 => S::call(Product::<T, 6> { rows, t, j, ring }),
        5 if most >= 5 => S::call(Product::<T, 5> { rows, t, j, ring }),
        4 if most >= 4 => S::call(Product::<T, 4> { rows, t, j, ring }),
        3 if most >= 3 => S::call(Product::<T, 3> { rows, t, j, ring }),
        2 => S::call(Product::<T, 2> { rows, t, j, ring }),
        _ => S::call(Product::<T, 1> { rows, t, j, ring }),
    }
}

/// The products of `T` targets with `N` inputs. It is made by [`dots`] alone, whose caller answers
/// for the pointers.
struct Product<'a, const T: usize, const N: usize> {
    rows: Rows<'a>,
    t: usize,
    j: usize,
    ring: Ring,
}

impl<const T: usize, const N: usize> Kernel for Product<'_, T, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { rows, t, j, ring } = self;
        let mut targets = [std::ptr::null_mut(); T];
        targets.copy_from_slice(&rows.targets[t..t + T]);
        let mut sums = [[S::splat(0.0); N]; T];
        let whole = rows.width / LANES * LANES;
        let inputs = rows.inputs.wrapping_add(j * rows.stride);
        // SAFETY: as the caller of `dots` vouches.
        unsafe {
            for at in (0..whole).step_by(LANES) {
                add::<S, T, N>(&mut sums, targets, inputs, rows.stride, at, LANES);
            }
            if whole < rows.width {
                add::<S, T, N>(&mut sums, targets, inputs, rows.stride, whole, rows.width - whole);
            }
            for (i, sums) in sums.iter().enumerate() {
                for (k, sum) in sums.iter().enumerate() {
                    sum.store(ring.vector((t + i) * rows.n + j + k));
                }
            }
        }
    }
}

/// Adds the products of the `len` values from `at` on.
#[inline(always)]
unsafe fn add<S: Simd, const T: usize, const N: usize>(
    sums: &mut [[S; N]; T],
    targets: [*mut f32; T],
    inputs: *const f32,
    stride: usize,
    at: usize,
    len: usize,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut w = [S::splat(0.0); T];
        for (w, row) in w.iter_mut().zip(targets) {
            *w = S::load_first(row.add(at), len, 0.0);
        }
        for k in 0..N {
            let x = S::load(inputs.add(k * stride + at));
            for (sums, w) in sums.iter_mut().zip(&w) {
                sums[k] = w.mul_add(x, sums[k]);
            }
        }
    }
}
