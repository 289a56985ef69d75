//! Sixteen lanes in plain Rust, for every machine.

use super::{LANES, Simd};

/// Sixteen lanes as an array, which the compiler maps to whatever the target has.
#[derive(Clone, Copy, Debug)]
pub struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (a, b) in lanes.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        Self(lanes)
    }
}

impl Simd for Portable {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller answers for sixteen readable values.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller answers for sixteen writable values.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    // A fused multiply-add without the instruction is a slow library call.
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        self.mul(factor).add(term)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    // Adding and taking away 1.5 × 2²³ leaves a whole number, ties to even.
    #[inline(always)]
    fn round(self) -> Self {
        const SHIFT: f32 = 12_582_912.0;
        Self(self.0.map(|a| (a + SHIFT) - SHIFT))
    }

    #[inline(always)]
    fn exp2_of_whole(self) -> Self {
        Self(self.0.map(|a| f32::from_bits(((a as i32 + 127) << 23) as u32)))
    }

    #[inline(always)]
    fn select_abs_below(self, limit: f32, yes: Self, no: Self) -> Self {
        let mut lanes = no.0;
        for ((lane, a), y) in lanes.iter_mut().zip(self.0).zip(yes.0) {
            if a.abs() < limit {
                *lane = y;
            }
        }
        Self(lanes)
    }
}
