//! Sixteen lanes in two AVX2 registers.

use std::arch::x86_64::*;

use super::{FOURTH_ROOT_BITS, Kernel, LANES, Simd};

/// Two `ymm` registers, the lower eight lanes first.
#[derive(Clone, Copy, Debug)]
struct Avx2([__m256; 2]);

/// Whether this machine has all that the level uses.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// The intrinsic would ask for reading only, unless the whole build were for CPUs with PREFETCHW.
/// CPUs before Broadwell take it for no operation.
#[inline(always)]
pub(super) fn prefetch_to_write(at: *mut f32) {
    // SAFETY: a prefetch touches nothing that the program can see, wherever `at` is.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags));
    }
}

#[target_feature(enable = "avx2,fma")]
fn compiled<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// The same, never part of its caller.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn called<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// Runs `kernel` compiled for AVX2.
///
/// # Panics
/// When this machine lacks AVX2 or FMA.
#[inline]
pub fn run<K: Kernel>(kernel: K) -> K::Output {
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

/// Writes the first `len` lanes, fewer than eight, in fours, twos and ones: masked stores are slow
/// on some CPUs.
///
/// # Safety
/// `to` must be valid for writing `len` values.
#[inline(always)]
unsafe fn store_part(values: __m256, mut to: *mut f32, len: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut rest = _mm256_castps256_ps128(values);
        if len & 4 != 0 {
            _mm_storeu_ps(to, rest);
            (rest, to) = (_mm256_extractf128_ps::<1>(values), to.add(4));
        }
        if len & 2 != 0 {
            _mm_store_sd(to.cast(), _mm_castps_pd(rest));
            (rest, to) = (_mm_movehl_ps(rest, rest), to.add(2));
        }
        if len & 1 != 0 {
            _mm_store_ss(to, rest);
        }
    }
}

// SAFETY of every block below: values of this type are only made inside `run`, which has
// checked the features; the pointers of `load` and `store` are the caller's to answer for.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx2 {
    const TILE: [usize; 2] = [6, 1];

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
    unsafe fn load_first(from: *const f32, len: usize, rest: f32) -> Self {
        unsafe {
            if len >= LANES {
                return Self::load(from);
            }
            // A masked load touches none of the other lanes.
            let [low, high] = first(len);
            let first = _mm256_maskload_ps(from, low);
            let second = _mm256_maskload_ps(from.wrapping_add(LANES / 2), high);
            if rest == 0.0 {
                return Self([first, second]);
            }
            let rest = _mm256_set1_ps(rest);
            Self([
                _mm256_blendv_ps(rest, first, _mm256_castsi256_ps(low)),
                _mm256_blendv_ps(rest, second, _mm256_castsi256_ps(high)),
            ])
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        let [low, high] = self.0;
        unsafe {
            if len >= LANES {
                self.store(to);
            } else if len >= LANES / 2 {
                _mm256_storeu_ps(to, low);
                store_part(high, to.add(LANES / 2), len - LANES / 2);
            } else {
                store_part(low, to, len);
            }
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
    fn times_power_of_two(self, power: Self) -> Self {
        self.zip(power, |a, power| unsafe {
            let power = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(power));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), power))
        })
    }

    // Halves are added first; then each round adds neighbours of two vectors at once.
    #[inline(always)]
    fn sums(vectors: [Self; LANES]) -> Self {
        unsafe {
            let mut v = [_mm256_setzero_ps(); LANES];
            for i in 0..LANES {
                v[i] = _mm256_add_ps(vectors[i].0[0], vectors[i].0[1]);
            }
            for i in 0..8 {
                v[i] = _mm256_hadd_ps(v[2 * i], v[2 * i + 1]);
            }
            for i in 0..4 {
                v[i] = _mm256_hadd_ps(v[2 * i], v[2 * i + 1]);
            }
            let mut result = [v[0]; 2];
            for i in 0..2 {
                let (a, b) = (v[2 * i], v[2 * i + 1]);
                let low = _mm256_permute2f128_ps::<0x20>(a, b);
                result[i] = _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a, b));
            }
            Self(result)
        }
    }

    #[inline(always)]
    fn call<K: Kernel>(kernel: K) -> K::Output {
        unsafe { called(kernel) }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn prefetch_to_write(at: *mut f32) {
        prefetch_to_write(at);
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

    #[inline(always)]
    fn select_above(self, limit: Self, yes: Self, no: Self) -> Self {
        let half = |i: usize| unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0[i], limit.0[i]);
            let nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0[i], self.0[i]);
            _mm256_blendv_ps(no.0[i], yes.0[i], _mm256_or_ps(above, nan))
        };
        Self([half(0), half(1)])
    }

    #[inline(always)]
    fn inverse_fourth_root_estimate(self) -> Self {
        self.each(|a| unsafe {
            let quarter = _mm256_srli_epi32::<2>(_mm256_castps_si256(a));
            let bits = _mm256_set1_epi32(FOURTH_ROOT_BITS.cast_signed());
            _mm256_castsi256_ps(_mm256_sub_epi32(bits, quarter))
        })
    }

    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        let mantissa = |a| unsafe {
            let digits = _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x007F_FFFF)));
            _mm256_or_ps(digits, _mm256_set1_ps(1.0))
        };
        let exponent = |a| unsafe {
            let biased = _mm256_srli_epi32::<23>(_mm256_castps_si256(a));
            _mm256_cvtepi32_ps(_mm256_sub_epi32(biased, _mm256_set1_epi32(127)))
        };
        (self.each(mantissa), self.each(exponent))
    }

    #[inline(always)]
    fn to_bytes(self) -> [u8; LANES] {
        unsafe {
            let (a, b) = (_mm256_cvtps_epi32(self.0[0]), _mm256_cvtps_epi32(self.0[1]));
            // Packing goes by halves of registers, whose middle quarters then change places.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(a, b));
            let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            let mut bytes = [0; LANES];
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm_packus_epi16(low, high));
            bytes
        }
    }

    #[inline(always)]
    fn keep_where(self, bytes: [u8; LANES], byte: u8) -> Self {
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            let equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
            let low = _mm256_castsi256_ps(_mm256_cvtepi8_epi32(equal));
            let high = _mm256_castsi256_ps(_mm256_cvtepi8_epi32(_mm_srli_si128::<8>(equal)));
            Self([_mm256_and_ps(self.0[0], low), _mm256_and_ps(self.0[1], high)])
        }
    }
}

/// The masks of the first `n` lanes, of which there are fewer than sixteen.
#[inline(always)]
fn first(n: usize) -> [__m256i; 2] {
    const BITS: [i32; 2 * LANES] = {
        let mut bits = [0; 2 * LANES];
        let mut i = 0;
        while i < LANES {
            bits[i] = -1;
            i += 1;
        }
        bits
    };
    let from = BITS[LANES - n..][..LANES].as_ptr();
    // SAFETY: sixteen values start at `from`; the features are there, as for the type above.
    unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(LANES / 2).cast())] }
}
