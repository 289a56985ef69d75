//! Sixteen lanes in plain Rust, for every machine.

use super::{FOURTH_ROOT_BITS, Kernel, LANES, Simd};

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

    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        let mut lanes = self.0;
        for a in &mut lanes {
            *a = f(*a);
        }
        Self(lanes)
    }
}

impl Simd for Portable {
    const TILE: [usize; 2] = [2, 1];

    #[inline(never)]
    fn call<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Self>()
    }

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
    fn times_power_of_two(self, power: Self) -> Self {
        let bits = |i: usize| self.0[i].to_bits().wrapping_add((power.0[i] as i32 as u32) << 23);
        Self(std::array::from_fn(|i| f32::from_bits(bits(i))))
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

    #[inline(always)]
    fn select_above(self, limit: Self, yes: Self, no: Self) -> Self {
        // Without shortcuts, which the compiler would have to branch for.
        let above = |a: f32, limit: f32| ((a > limit) | a.is_nan()) as u32;
        let mut lanes = self.zip(limit, |a, l| f32::from_bits(above(a, l).wrapping_neg())).0;
        for ((lane, y), n) in lanes.iter_mut().zip(yes.0).zip(no.0) {
            let mask = lane.to_bits();
            *lane = f32::from_bits(y.to_bits() & mask | n.to_bits() & !mask);
        }
        Self(lanes)
    }

    #[inline(always)]
    fn inverse_fourth_root_estimate(self) -> Self {
        self.each(|a| f32::from_bits(FOURTH_ROOT_BITS.wrapping_sub(a.to_bits() >> 2)))
    }

    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        let exponent = |a: f32| (a.to_bits() >> 23) as i32 - 127;
        let mantissa = |a: f32| f32::from_bits(a.to_bits() & 0x007F_FFFF | 0x3F80_0000);
        (self.each(mantissa), self.each(|a| exponent(a) as f32))
    }

    #[inline(always)]
    fn to_bytes(self) -> [u8; LANES] {
        // Next to 2²³ the lowest bits of a number are those of the whole number.
        const SHIFT: f32 = 8_388_608.0;
        self.0.map(|a| (a + SHIFT).to_bits() as u8)
    }

    #[inline(always)]
    fn keep_where(self, bytes: [u8; LANES], byte: u8) -> Self {
        let mut lanes = self.0;
        for (lane, b) in lanes.iter_mut().zip(bytes) {
            *lane = if b == byte { *lane } else { 0.0 };
        }
        Self(lanes)
    }
}
