//! Sixteen lanes in one AVX-512 register.

use std::arch::x86_64::*;

use super::{FOURTH_ROOT_BITS, Kernel, LANES, Simd};

/// One `zmm` register.
#[derive(Clone, Copy, Debug)]
struct Avx512(__m512);

/// Whether this machine has all that the level uses.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && super::avx2::is_supported()
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")]
fn compiled<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// The same, never part of its caller.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")]
fn called<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// Runs `kernel` compiled for AVX-512.
///
/// # Panics
/// When this machine lacks AVX-512.
#[inline]
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    assert!(is_supported(), "this machine lacks AVX-512");
    // SAFETY: the features were just checked.
    unsafe { compiled(kernel) }
}

// SAFETY of every block below: values of this type are only made inside `run`, which has
// checked the features; the pointers of `load` and `store` are the caller's to answer for.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx512 {
    const TILE: [usize; 2] = [14, 2];

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, len: usize, rest: f32) -> Self {
        unsafe {
            if len >= LANES {
                return Self::load(from);
            }
            Self(_mm512_mask_loadu_ps(_mm512_set1_ps(rest), first(len), from))
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        // What a masked store has written waits longer to be read.
        unsafe {
            if len >= LANES {
                return self.store(to);
            }
            _mm512_mask_storeu_ps(to, first(len), self.0);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Self(unsafe { _mm512_roundscale_ps::<NEAREST>(self.0) })
    }

    #[inline(always)]
    fn times_power_of_two(self, power: Self) -> Self {
        unsafe {
            let power = _mm512_slli_epi32::<23>(_mm512_cvtps_epi32(power.0));
            Self(_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self.0), power)))
        }
    }

    // Whole vectors go without a mask: what a masked store has written cannot be read back
    // before it is in the cache.
    // Pairs of rows, then pairs of pairs, then quarters of vectors change places. Plain loops:
    // a closure given to `map` would be compiled without the vector instructions.
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        unsafe {
            let (mut r, mut s) = (rows, rows);
            for i in (0..LANES).step_by(2) {
                s[i].0 = _mm512_unpacklo_ps(r[i].0, r[i + 1].0);
                s[i + 1].0 = _mm512_unpackhi_ps(r[i].0, r[i + 1].0);
            }
            for i in (0..LANES).step_by(4) {
                for half in [0, 1] {
                    let a = _mm512_castps_pd(s[i + half].0);
                    let b = _mm512_castps_pd(s[i + half + 2].0);
                    r[i + 2 * half].0 = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                    r[i + 2 * half + 1].0 = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                }
            }
            for i in [0, 1, 2, 3, 8, 9, 10, 11] {
                s[i].0 = _mm512_shuffle_f32x4::<0x88>(r[i].0, r[i + 4].0);
                s[i + 4].0 = _mm512_shuffle_f32x4::<0xdd>(r[i].0, r[i + 4].0);
            }
            for i in 0..8 {
                r[i].0 = _mm512_shuffle_f32x4::<0x88>(s[i].0, s[i + 8].0);
                r[i + 8].0 = _mm512_shuffle_f32x4::<0xdd>(s[i].0, s[i + 8].0);
            }
            r
        }
    }

    // Half of the vectors vanish in each of four rounds, the last two by quarters of vectors.
    #[inline(always)]
    fn sums(vectors: [Self; LANES]) -> Self {
        unsafe {
            let mut v = vectors;
            for i in 0..8 {
                let (a, b) = (v[2 * i].0, v[2 * i + 1].0);
                v[i].0 = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            }
            for i in 0..4 {
                let (a, b) = (_mm512_castps_pd(v[2 * i].0), _mm512_castps_pd(v[2 * i + 1].0));
                let low = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                let high = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                v[i].0 = _mm512_add_ps(low, high);
            }
            for i in 0..2 {
                let (a, b) = (v[2 * i].0, v[2 * i + 1].0);
                let even = _mm512_shuffle_f32x4::<0x88>(a, b);
                v[i].0 = _mm512_add_ps(even, _mm512_shuffle_f32x4::<0xdd>(a, b));
            }
            let even = _mm512_shuffle_f32x4::<0x88>(v[0].0, v[1].0);
            Self(_mm512_add_ps(even, _mm512_shuffle_f32x4::<0xdd>(v[0].0, v[1].0)))
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
        super::avx2::prefetch_to_write(at);
    }

    #[inline(always)]
    fn select_abs_below(self, limit: f32, yes: Self, no: Self) -> Self {
        unsafe {
            let below =
                _mm512_cmp_ps_mask::<_CMP_LT_OQ>(_mm512_abs_ps(self.0), _mm512_set1_ps(limit));
            Self(_mm512_mask_blend_ps(below, no.0, yes.0))
        }
    }

    #[inline(always)]
    fn select_above(self, limit: Self, yes: Self, no: Self) -> Self {
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, limit.0);
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
            Self(_mm512_mask_blend_ps(above | nan, no.0, yes.0))
        }
    }

    #[inline(always)]
    fn inverse_fourth_root_estimate(self) -> Self {
        unsafe {
            let quarter = _mm512_srli_epi32::<2>(_mm512_castps_si512(self.0));
            let bits = _mm512_set1_epi32(FOURTH_ROOT_BITS.cast_signed());
            Self(_mm512_castsi512_ps(_mm512_sub_epi32(bits, quarter)))
        }
    }

    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        unsafe {
            let mantissa = _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(self.0);
            (Self(mantissa), Self(_mm512_getexp_ps(self.0)))
        }
    }

    #[inline(always)]
    fn to_bytes(self) -> [u8; LANES] {
        unsafe {
            let narrow = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0));
            let mut bytes = [0; LANES];
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), narrow);
            bytes
        }
    }

    #[inline(always)]
    fn keep_where(self, bytes: [u8; LANES], byte: u8) -> Self {
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            let equal = _mm_cmpeq_epi8_mask(bytes, _mm_set1_epi8(byte.cast_signed()));
            Self(_mm512_maskz_mov_ps(equal, self.0))
        }
    }
}

/// The mask of the first `n` lanes, of which there are fewer than sixteen.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    (1 << n) - 1
}
