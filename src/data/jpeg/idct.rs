//! The two inverse DCTs as libjpeg-turbo's vectors compute them.
//!
//! The fast one of Arai, Agui and Nakajima (`jidctfst`) is in 16 bits that wrap, with constants of
//! 8 bits. It rounds down, so that images come out a little darker than they are. The accurate one
//! of Loeffler, Ligtenberg and Moschytz (`jidctint`) is in 32 bits, with constants of 13.

use std::num::Wrapping;

use super::Dct;
use super::frame::{Coefficients, SIDE};

/// Eight values side by side.
type Lanes = [i16; SIDE];

/// cos(k π / 16) · √2, and 1 for 0: what the steps below leave to the quantisation.
const SCALES: [f64; SIDE] = [
    1.0,
    1.387_039_845,
    1.306_562_965,
    1.175_875_602,
    1.0,
    0.785_694_958,
    0.541_196_100,
    0.275_899_379,
];

/// From the coefficients of a component's blocks to its samples.
#[derive(Clone, Copy)]
pub(super) struct InverseDct {
    dct: Dct,
    /// What coefficients are multiplied by: the quantisation, for the fast transform with its scales and
    /// 2 bits of fraction.
    multipliers: Coefficients,
}

impl InverseDct {
    pub(super) fn new(dct: Dct, quantisation: &[u16; SIDE * SIDE]) -> Self {
        let scaled = |at: usize| {
            let scale = SCALES[at / SIDE] * SCALES[at % SIDE] * f64::from(1 << 14);
            let product = i64::from(quantisation[at]) * ((scale + 0.5) as i64);
            ((product + (1 << 11)) >> 12) as i16
        };
        let multipliers = match dct {
            Dct::Fast => std::array::from_fn(scaled),
            Dct::Accurate => quantisation.map(|step| step as i16),
        };
        Self { dct, multipliers }
    }

    /// The samples of a block, row by row.
    pub(super) fn samples(&self, block: &Coefficients) -> [[u8; SIDE]; SIDE] {
        let mut x = [[0; SIDE]; SIDE];
        let of = block.iter().zip(&self.multipliers);
        for (to, (value, multiplier)) in x.as_flattened_mut().iter_mut().zip(of) {
            *to = value.wrapping_mul(*multiplier);
        }
        match self.dct {
            Dct::Fast => fast(x),
            Dct::Accurate => accurate(x),
        }
    }

    /// The samples of a block without AC coefficients.
    pub(super) fn flat(&self, dc: i16) -> [[u8; SIDE]; SIDE] {
        let value = dc.wrapping_mul(self.multipliers[0]);
        match self.dct {
            Dct::Fast => [[sample(value); SIDE]; SIDE],
            Dct::Accurate => {
                let mut x = [[0; SIDE]; SIDE];
                x[0][0] = value;
                accurate(x)
            }
        }
    }
}

fn fast(mut x: [Lanes; SIDE]) -> [[u8; SIDE]; SIDE] {
    columns(&mut x);
    transpose(&mut x);
    columns(&mut x);
    transpose(&mut x);
    x.map(|row| row.map(sample))
}

/// Bits of fraction of the accurate transform's constants, and of what its first pass gives.
const CONSTANT_BITS: usize = 13;
const FIRST_BITS: usize = 2;

fn accurate(mut x: [Lanes; SIDE]) -> [[u8; SIDE]; SIDE] {
    let from = x;
    for lane in 0..SIDE {
        let column = accurate_sums(|row| from[row][lane]);
        for (row, sum) in column.into_iter().enumerate() {
            let value = rounded(sum, CONSTANT_BITS - FIRST_BITS);
            x[row][lane] = value.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
    }
    // A transform over rows and columns leaves three bits more.
    let bits = CONSTANT_BITS + FIRST_BITS + 3;
    let sample = |sum| (rounded(sum, bits).clamp(-128, 127) + 128) as u8;
    x.map(|row| accurate_sums(|lane| row[lane]).map(sample))
}

fn rounded(value: Wrapping<i32>, bits: usize) -> i32 {
    ((value + Wrapping(1 << (bits - 1))) >> bits).0
}

/// The transform of eight values by 12 products, with the constants' bits of fraction.
#[inline(always)]
fn accurate_sums(x: impl Fn(usize) -> i16) -> [Wrapping<i32>; SIDE] {
    let x = |at| Wrapping(i32::from(x(at)));
    let mul = |sum: Wrapping<i32>, constant| sum * Wrapping(constant);
    // The even coefficients.
    let turned = mul(x(2) + x(6), 4433);
    let (low, high) = (turned + mul(x(2), 6270), turned - mul(x(6), 15_137));
    let (sum, difference) = ((x(0) + x(4)) << CONSTANT_BITS, (x(0) - x(4)) << CONSTANT_BITS);
    let even = [sum + low, difference + high, difference - high, sum - low];
    // The odd ones.
    let all = mul(x(7) + x(3) + x(5) + x(1), 9633);
    let z1 = mul(x(7) + x(1), -7373);
    let z2 = mul(x(5) + x(3), -20_995);
    let z3 = mul(x(7) + x(3), -16_069) + all;
    let z4 = mul(x(5) + x(1), -3196) + all;
    let odd = [
        mul(x(1), 12_299) + z1 + z4,
        mul(x(3), 25_172) + z2 + z3,
        mul(x(5), 16_819) + z2 + z4,
        mul(x(7), 2446) + z1 + z3,
    ];
    std::array::from_fn(|at| match at {
        0..4 => even[at] + odd[at],
        _ => even[7 - at] - odd[7 - at],
    })
}

/// Removes the bits of fraction, and the sign.
#[inline(always)]
fn sample(value: i16) -> u8 {
    ((value >> 5).clamp(-128, 127) + 128) as u8
}

/// The transform of eight columns at once.
#[inline(always)]
fn columns(x: &mut [Lanes; SIDE]) {
    let from = *x;
    for lane in 0..SIDE {
        let column = one_dimension(|row| from[row][lane]);
        for row in 0..SIDE {
            x[row][lane] = column[row];
        }
    }
}

/// The transform of eight values.
#[inline(always)]
fn one_dimension(x: impl Fn(usize) -> i16) -> [i16; SIDE] {
    let (add, sub) = (i16::wrapping_add, i16::wrapping_sub);
    // The even coefficients.
    let (sum, difference) = (add(x(0), x(4)), sub(x(0), x(4)));
    let turned = add(x(2), x(6));
    let other = sub(mul(sub(x(2), x(6)), 362), turned);
    let (e0, e3) = (add(sum, turned), sub(sum, turned));
    let (e1, e2) = (add(difference, other), sub(difference, other));
    // The odd ones.
    let (z13, z10) = (add(x(5), x(3)), sub(x(5), x(3)));
    let (z11, z12) = (add(x(1), x(7)), sub(x(1), x(7)));
    let o7 = add(z11, z13);
    let z5 = mul(add(z10, z12), 473);
    // The constant is −2.613, which has no place in 16 bits: −1.613 − 1.
    let o6 = sub(add(sub(mul(z10, -413), z10), z5), o7);
    let o5 = sub(mul(sub(z11, z13), 362), o6);
    let o4 = add(sub(mul(z12, 277), z5), o5);
    [
        add(e0, o7),
        add(e1, o6),
        add(e2, o5),
        sub(e3, o4),
        add(e3, o4),
        sub(e2, o5),
        sub(e1, o6),
        sub(e0, o7),
    ]
}

/// `a` times a constant of 8 bits of fraction, rounded down. It is the high half of a product
/// whose factors have been moved to the left, and the first of them wraps.
#[inline(always)]
fn mul(a: i16, constant: i32) -> i16 {
    ((i32::from(a << 2) * (constant << 6)) >> 16) as i16
}

/// Rows for columns.
#[inline(always)]
fn transpose(x: &mut [Lanes; SIDE]) {
    let from = *x;
    for (row, to) in x.iter_mut().enumerate() {
        for (lane, value) in to.iter_mut().enumerate() {
            *value = from[lane][row];
        }
    }
}
