//! The products of every target's row with every input's: dot products, and the two outer products
//! that change the rows.

use super::gradient::Gradient;
use super::rows::RowList;
use crate::simd::{Kernel, LANES, Simd};

/// The most targets whose products are found together.
pub(super) const TARGETS: usize = 4;

/// Targets, and copies of the inputs that they are multiplied with.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    targets: RowList<'a>,
    /// The rows of the inputs, `stride` apart, padded with zeros to whole vectors.
    inputs: &'a [f32],
    /// The number of inputs.
    n: usize,
    /// Whole vectors.
    stride: usize,
}

impl<'a> Operands<'a> {
    /// Targets and `n` inputs.
    ///
    /// # Panics
    /// When the inputs are fewer.
    #[inline(always)]
    pub fn new(targets: RowList<'a>, inputs: &'a [f32], n: usize) -> Self {
        let stride = targets.width().next_multiple_of(LANES);
        assert!(n * stride <= inputs.len(), "there are fewer inputs");
        Self { targets, inputs, n, stride }
    }
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
#[inline(always)]
pub(super) fn dots<S: Simd>(
    operands: Operands,
    gradient: &mut Gradient<S>,
    prefetch_rows: &[*mut f32],
) {
    let [most_targets, most_inputs] = tile::<S>();
    let mut prefetch_rows = prefetch_rows.iter();
    let mut t = 0;
    let (targets, width, n) = (operands.targets.pointers(), operands.targets.width(), operands.n);
    while t < targets.len() {
        let left = targets.len() - t;
        let count = [4, 2, 1].into_iter().find(|&c| c <= most_targets && c <= left).unwrap_or(1);
        for &row in prefetch_rows.by_ref().take(count) {
            prefetch::<S>(row, width);
        }
        let mut j = 0;
        while j < n {
            let inputs = (n - j).div_ceil((n - j).div_ceil(most_inputs));
            let ring = &mut *gradient.ring;
            match count {
                4 if most_targets >= 4 => some_targets::<S, 4>(operands, t, j, inputs, ring),
                2 if most_targets >= 2 => some_targets::<S, 2>(operands, t, j, inputs, ring),
                _ => some_targets::<S, 1>(operands, t, j, inputs, ring),
            }
            j += inputs;
        }
        t += count;
        gradient.advance(t * n);
    }
    for &row in prefetch_rows {
        prefetch::<S>(row, width);
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

/// `T` targets starting at `t` with `inputs` inputs starting at `j`.
#[inline(always)]
fn some_targets<S: Simd, const T: usize>(
    operands: Operands,
    t: usize,
    j: usize,
    inputs: usize,
    ring: &mut [[f32; LANES]],
) {
    let most = tile::<S>()[1];
    match inputs {
        6 if most >= 6 => S::call(Product::<T, 6> { operands, t, j, ring }),
        5 if most >= 5 => S::call(Product::<T, 5> { operands, t, j, ring }),
        4 if most >= 4 => S::call(Product::<T, 4> { operands, t, j, ring }),
        3 if most >= 3 => S::call(Product::<T, 3> { operands, t, j, ring }),
        2 => S::call(Product::<T, 2> { operands, t, j, ring }),
        _ => S::call(Product::<T, 1> { operands, t, j, ring }),
    }
}

/// The products of `T` targets starting at `t` with `N` inputs starting at `j`.
struct Product<'a, const T: usize, const N: usize> {
    operands: Operands<'a>,
    t: usize,
    j: usize,
    /// As [`Gradient::ring`].
    ring: &'a mut [[f32; LANES]],
}

impl<const T: usize, const N: usize> Kernel for Product<'_, T, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { operands: Operands { targets, inputs, n, stride }, t, j, ring } = self;
        assert!(j + N <= n && !ring.is_empty(), "there are fewer inputs");
        let mut rows = [std::ptr::null_mut(); T];
        rows.copy_from_slice(&targets.pointers()[t..t + T]);
        let mut sums = [[S::splat(0.0); N]; T];
        let (width, whole) = (targets.width(), targets.width() / LANES * LANES);
        let inputs = inputs.as_ptr().wrapping_add(j * stride);
        // SAFETY: rows have so many values, and there are whole vectors of all inputs.
        unsafe {
            for at in (0..whole).step_by(LANES) {
                add::<S, T, N>(&mut sums, rows, inputs, stride, at, LANES);
            }
            if whole < width {
                add::<S, T, N>(&mut sums, rows, inputs, stride, whole, width - whole);
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (k, sum) in sums.iter().enumerate() {
                let place = ((t + i) * n + j + k) & (ring.len() - 1);
                sum.store_slice(&mut ring[place]);
            }
        }
    }
}

/// Adds the products of the `len` values starting at `at`.
///
/// # Safety
/// The targets have these values, the inputs a whole vector there.
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

/// The inputs whose vectors and sums stay in registers beside those of one target.
const fn group<S: Simd>() -> usize {
    match S::TILE[0] * S::TILE[1] {
        24.. => 10,
        6.. => 2,
        _ => 1,
    }
}

/// Row t of the targets grows by Σ_j g(t, j) · input j, and row j of `inputs` (the table's, of
/// which the operands have copies) by Σ_t g(t, j) · target t as it was before. Where the inputs go
/// in several groups, the targets' old rows are kept in `old`. No two targets and no two inputs
/// should be the same row: one of its changes would be lost.
///
/// # Panics
/// When the sizes do not fit each other; `old` takes a row of whole vectors for each target.
#[inline(always)]
pub(super) fn update<S: Simd>(
    operands: Operands,
    inputs: RowList,
    gradient: &[f32],
    old: &mut [f32],
) {
    let Operands { targets, n, stride, .. } = operands;
    let count = targets.pointers().len();
    assert!(
        inputs.pointers().len() == n && inputs.width() == targets.width(),
        "the inputs do not match"
    );
    assert!(count * n <= gradient.len() && count * stride <= old.len(), "the buffer is too small");
    let most = group::<S>();
    if n <= most {
        return change::<S, false>(operands, inputs, 0, n, gradient, old);
    }
    for (row, old) in targets.iter().zip(old.chunks_exact_mut(stride)) {
        row.copy::<S>(old);
    }
    let mut j = 0;
    while j < n {
        let count = (n - j).div_ceil((n - j).div_ceil(most));
        change::<S, true>(operands, inputs, j, count, gradient, old);
        j += count;
    }
}

/// One group of `count` inputs, which starts at `j`.
#[inline(always)]
fn change<S: Simd, const OLD: bool>(
    operands: Operands,
    inputs: RowList,
    j: usize,
    count: usize,
    gradient: &[f32],
    old: &[f32],
) {
    // Of several groups none is smaller than half of the largest.
    let is_used = |n| n <= group::<S>() && (!OLD || 2 * n >= group::<S>());
    macro_rules! change {
        ($n:literal) => {
            S::call(Group::<$n, OLD> { operands, inputs, j, gradient, old })
        };
    }
    match count {
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

/// `N` inputs starting at `j` with all targets. It is made by [`update`] alone, which has held the
/// sizes to each other.
struct Group<'a, const N: usize, const OLD: bool> {
    operands: Operands<'a>,
    inputs: RowList<'a>,
    j: usize,
    gradient: &'a [f32],
    old: &'a [f32],
}

impl<const N: usize, const OLD: bool> Kernel for Group<'_, N, OLD> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.inputs.width();
        let whole = width / LANES * LANES;
        let rows = &self.inputs.pointers()[self.j..self.j + N];
        // SAFETY: rows have so many values, and `update` has checked the rest.
        unsafe {
            for at in (0..whole).step_by(LANES) {
                self.columns::<S>(rows, at, LANES);
            }
            if whole < width {
                self.columns::<S>(rows, whole, width - whole);
            }
        }
    }
}

impl<const N: usize, const OLD: bool> Group<'_, N, OLD> {
    /// The `len` columns starting at `at`.
    ///
    /// # Safety
    /// Rows of inputs and targets have these values; copies, gradients and old rows are there.
    #[inline(always)]
    unsafe fn columns<S: Simd>(&self, inputs: &[*mut f32], at: usize, len: usize) {
        let Operands { targets, inputs: copies, n, stride } = self.operands;
        // SAFETY: the caller's.
        unsafe {
            let mut x = [S::splat(0.0); N];
            for (k, x) in x.iter_mut().enumerate() {
                *x = S::load(copies.as_ptr().add((self.j + k) * stride + at));
            }
            let mut sums = [S::splat(0.0); N];
            let mut gradient = self.gradient.as_ptr().add(self.j);
            for (t, &row) in targets.pointers().iter().enumerate() {
                let mut new = S::load_first(row.add(at), len, 0.0);
                let w = if OLD { S::load(self.old.as_ptr().add(t * stride + at)) } else { new };
                for k in 0..N {
                    let g = S::splat(*gradient.add(k));
                    sums[k] = g.mul_add(w, sums[k]);
                    new = g.mul_add(x[k], new);
                }
                new.store_first(row.add(at), len);
                gradient = gradient.wrapping_add(n);
            }
            for (&row, sum) in inputs.iter().zip(sums) {
                S::load_first(row.add(at), len, 0.0).add(sum).store_first(row.add(at), len);
            }
        }
    }
}
