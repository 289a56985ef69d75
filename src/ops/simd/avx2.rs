//! Sixteen lanes in two AVX2 registers.

use std::arch::x86_64::*;

use super::{Kernel, LANES, Simd};

/// Two `ymm` registers, the lower eight lanes first.
#[derive(Clone, Copy, Debug)]
pub struct Avx2([__m256; 2]);

/// Whether this machine has all that the level uses.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Runs `kernel` compiled for AVX2.
///
/// # Panics
/// When this machine lacks AVX2 or FMA.
#[inline]
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    #[target_feature(enable = "avx2,fma")]
    fn compiled<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Avx2>()
    }
    assert!(is_supported(), "this machine lacks AVX2 or FMA");
    // SAFETY: the features were just checked.
    unsafe { compiled(kernel) }
}

impl Avx2 {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(__m256, __m256) -> __m256) -> Self {
        Self([f(self.0[0], other.0[0]), f(self.0[1], other.0[1])])
    }

    #[inline(always)]
    fn each(self, f: impl Fn(__m256) -> __m256) -> Self {
        Self([f(self.0[0]), f(self.0[1])])
    }
}

// SAFETY of every block below: values of this type are only made inside `run`, which has
// checked the features; the pointers of `load` and `store` are the caller's to answer for.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx2 {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([unsafe { _mm256_set1_ps(value) }; 2])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self([_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(LANES / 2))]) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0[0]);
            _mm256_storeu_ps(to.add(LANES / 2), self.0[1]);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { _mm256_add_ps(a, b) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { _mm256_sub_ps(a, b) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { _mm256_mul_ps(a, b) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { _mm256_div_ps(a, b) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let fused = |i: usize| unsafe { _mm256_fmadd_ps(self.0[i], factor.0[i], term.0[i]) };
        Self([fused(0), fused(1)])
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { _mm256_max_ps(a, b) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { _mm256_min_ps(a, b) })
    }

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        self.each(|a| unsafe { _mm256_round_ps::<NEAREST>(a) })
    }

    #[inline(always)]
    fn exp2_of_whole(self) -> Self {
        self.each(|a| unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        })
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn select_abs_below(self, limit: f32, yes: Self, no: Self) -> Self {
        let half = |i: usize| unsafe {
            let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0[i]);
            let below = _mm256_cmp_ps::<_CMP_LT_OQ>(magnitude, _mm256_set1_ps(limit));
            _mm256_blendv_ps(no.0[i], yes.0[i], below)
        };
        Self([half(0), half(1)])
    }
}
