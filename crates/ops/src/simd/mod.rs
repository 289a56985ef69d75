//! Sixteen `f32` lanes at every instruction level, and the functions built on them.
//!
//! An operator's inner loop is a [`Kernel`]: generic code over [`Simd`], which
//! [`super::Isa::run`] compiles once for each level and chooses at run time.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
mod math;
mod portable;
#[cfg(test)]
mod tests;

pub use math::{exp, inverse_fourth_root, logistic, power, sigmoid, tanh};
pub use portable::Portable;

/// The bits of the estimate of an inverse fourth root are this less a quarter of the number's:
/// the error of 1 - s y⁴ is the same to both sides.
const FOURTH_ROOT_BITS: u32 = 0x4F58_1800;

/// The lanes of a vector, at every level.
pub const LANES: usize = 16;

/// The same address, of which the compiler does not know where it comes from.
#[inline(always)]
#[allow(
    clippy::pointers_in_nomem_asm_block,
    reason = "the assembly does not read through the pointer"
)]
pub fn opaque(at: *const f32) -> *const f32 {
    let mut at = at;
    // SAFETY: the assembly has no instruction and only names the register.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) at, options(pure, nomem, nostack, preserves_flags));
    }
    at
}

/// Code that is compiled for each instruction level.
pub trait Kernel {
    /// What the code returns.
    type Output;

    /// The code. Implementations are `#[inline(always)]`, so that they take over the
    /// instruction set of the caller.
    fn run<S: Simd>(self) -> Self::Output;
}

/// A vector of [`LANES`] `f32` values.
///
/// # Safety
/// `load`, `store` and what is built on them are the only unsafe functions: the pointer must be
/// valid for the values. The vector instructions themselves are safe because the types that
/// implement them are private to their modules: code meets one only as the `S` of
/// [`Kernel::run`], which [`super::Isa::run`] calls after it has checked the level.
pub trait Simd: Copy {
    /// The rows and vectors of the largest tile of a convolution that the registers hold
    /// beside a vector of each column and one value. With 32 registers two vectors a row
    /// halve the loads of the left side.
    const TILE: [usize; 2];

    /// Every lane the same.
    fn splat(value: f32) -> Self;
    /// Reads sixteen values, of any alignment.
    ///
    /// # Safety
    /// `from` must be valid for reading sixteen values.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes sixteen values, of any alignment.
    ///
    /// # Safety
    /// `to` must be valid for writing sixteen values.
    unsafe fn store(self, to: *mut f32);
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self - other`
    fn sub(self, other: Self) -> Self;
    /// `self * other`
    fn mul(self, other: Self) -> Self;
    /// `self / other`
    fn div(self, other: Self) -> Self;
    /// `self * factor + term`, with one rounding where the level has a fused instruction.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The larger of each pair of lanes; `other` where `self` is NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller of each pair of lanes; `other` where `self` is NaN.
    fn min(self, other: Self) -> Self;
    /// The nearest whole number, ties to even.
    fn round(self) -> Self;
    /// `self · 2^power`, of a whole number `power`, where both `self` and the result are normal: `power`
    /// is added to the exponent. NaN stays NaN where `power` is NaN too.
    fn times_power_of_two(self, power: Self) -> Self;
    /// `yes` where `|self| < limit`, else `no`.
    fn select_abs_below(self, limit: f32, yes: Self, no: Self) -> Self;
    /// `yes` where `self > limit` or `self` is NaN, else `no`.
    fn select_above(self, limit: Self, yes: Self, no: Self) -> Self;
    /// 1 / ⁴√self to within 3.4 %, for positive normal numbers: a quarter of the bits, taken
    /// from a constant.
    fn inverse_fourth_root_estimate(self) -> Self;
    /// Mantissas of 1 ≤ m < 2 and whole exponents of positive normal numbers m · 2ᵉ.
    fn split_exponent(self) -> (Self, Self);
    /// Whole numbers from 0 to 255 as bytes.
    fn to_bytes(self) -> [u8; LANES];
    /// `self` where the lane's byte is `byte`, else zero.
    fn keep_where(self, bytes: [u8; LANES], byte: u8) -> Self;

    /// Runs `kernel` as a function of its own at this level: large code that is wanted in several
    /// places, or for several sizes, stays out of its callers.
    fn call<K: Kernel>(kernel: K) -> K::Output;

    /// Asks for the cache line at `at`, which may be anywhere. Nothing where the level has no such
    /// instruction.
    #[inline(always)]
    fn prefetch(_at: *const f32) {}

    /// The same for a cache line that will be written: no other core keeps a copy of it.
    #[inline(always)]
    fn prefetch_to_write(_at: *mut f32) {}

    /// Rows become columns: lane `j` of vector `i` goes to lane `i` of vector `j`.
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut columns = [[0.0; LANES]; LANES];
        for (i, row) in rows.into_iter().enumerate() {
            for (column, value) in columns.iter_mut().zip(row.to_array()) {
                column[i] = value;
            }
        }
        let mut result = rows;
        for (to, column) in result.iter_mut().zip(columns) {
            *to = Self::from_array(column);
        }
        result
    }

    /// The lanes as an array.
    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: the array holds sixteen values.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }

    /// A vector of the lanes of an array.
    #[inline(always)]
    fn from_array(lanes: [f32; LANES]) -> Self {
        // SAFETY: the array holds sixteen values.
        unsafe { Self::load(lanes.as_ptr()) }
    }

    /// The first `len` values at `from`, at most sixteen; missing lanes are `rest`. No reference to
    /// them is made, so that other threads may write them meanwhile.
    ///
    /// # Safety
    /// `from` must be valid for reading `len` values.
    #[inline(always)]
    unsafe fn load_first(from: *const f32, len: usize, rest: f32) -> Self {
        if len >= LANES {
            // SAFETY: the caller's.
            return unsafe { Self::load(from) };
        }
        let mut lanes = [rest; LANES];
        // SAFETY: the caller's; there are more lanes.
        unsafe { std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), len) };
        Self::from_array(lanes)
    }

    /// Writes the first `len` lanes, at most sixteen, in the manner of [`Simd::load_first`].
    ///
    /// # Safety
    /// `to` must be valid for writing `len` values.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        if len >= LANES {
            // SAFETY: the caller's.
            return unsafe { self.store(to) };
        }
        let lanes = self.to_array();
        // SAFETY: the caller's; there are more lanes.
        unsafe { std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, len) };
    }

    /// The first values of `from`, at most sixteen; missing lanes are `rest`.
    #[inline(always)]
    fn load_slice(from: &[f32], rest: f32) -> Self {
        // SAFETY: the slice holds so many values.
        unsafe { Self::load_first(from.as_ptr(), from.len(), rest) }
    }

    /// `N` vectors, the first at `at` and each other `stride` values behind the one before.
    ///
    /// # Panics
    /// When one of them is not inside `from`.
    #[inline(always)]
    fn load_strided<const N: usize>(from: &[f32], at: usize, stride: usize) -> [Self; N] {
        let last = stride.checked_mul(N - 1).and_then(|all| all.checked_add(at));
        let end = last.and_then(|last| last.checked_add(LANES));
        assert!(end.is_some_and(|end| end <= from.len()), "the vectors extend past the end");
        let mut vectors = [Self::splat(0.0); N];
        for (i, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: the last is inside, and the others before it.
            *vector = unsafe { Self::load(from.as_ptr().add(at + i * stride)) };
        }
        vectors
    }

    /// Writes the first lanes to `to`, at most sixteen.
    #[inline(always)]
    fn store_slice(self, to: &mut [f32]) {
        // SAFETY: the slice holds so many values.
        unsafe { self.store_first(to.as_mut_ptr(), to.len()) };
    }

    /// Writes the lanes, whole numbers from 0 to 255, to the bytes `to`, at most sixteen.
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8]) {
        let bytes = self.to_bytes();
        match to.first_chunk_mut() {
            Some(whole) => *whole = bytes,
            None => to.copy_from_slice(&bytes[..to.len()]),
        }
    }

    /// The sum of the lanes, added in one fixed order at every level.
    #[inline(always)]
    fn sum(self) -> f32 {
        fold(self.to_array(), |a, b| a + b)
    }

    /// The sums of the lanes of sixteen vectors: lane `i` is that of vector `i`. Every level has
    /// its own order of adding.
    #[inline(always)]
    fn sums(vectors: [Self; LANES]) -> Self {
        let mut sums = [0.0; LANES];
        for (sum, vector) in sums.iter_mut().zip(vectors) {
            *sum = vector.sum();
        }
        Self::from_array(sums)
    }

    /// The largest lane.
    #[inline(always)]
    fn max_lane(self) -> f32 {
        fold(self.to_array(), f32::max)
    }
}

/// The first bytes of `from`, at most sixteen; missing ones are zero.
#[inline(always)]
pub fn load_bytes(from: &[u8]) -> [u8; LANES] {
    match from.first_chunk() {
        Some(whole) => *whole,
        None => {
            let mut bytes = [0; LANES];
            bytes[..from.len()].copy_from_slice(from);
            bytes
        }
    }
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}
