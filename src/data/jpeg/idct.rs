//! The fast inverse DCT of Arai, Agui and Nakajima as libjpeg-turbo's vectors compute it
//! (`jidctfst`): in 16 bits that wrap, with constants of 8 bits. It rounds down, so that pictures
//! come out a little darker than they are.

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

/// What coefficients are multiplied by: the quantisation with the scales of the transform, and 2
/// bits of fraction.
pub(super) fn multipliers(quantisation: &[u16; SIDE * SIDE]) -> Coefficients {
    std::array::from_fn(|at| {
        let scale = SCALES[at / SIDE] * SCALES[at % SIDE] * f64::from(1 << 14);
        let product = i64::from(quantisation[at]) * ((scale + 0.5) as i64);
        ((product + (1 << 11)) >> 12) as i16
    })
}

/// The samples of a block, row by row.
pub(super) fn inverse_dct(block: &Coefficients, multipliers: &Coefficients) -> [[u8; SIDE]; SIDE] {
    let mut scaled = [0; SIDE * SIDE];
    for at in 0..SIDE * SIDE {
        scaled[at] = block[at].wrapping_mul(multipliers[at]);
    }
    let mut x = [[0; SIDE]; SIDE];
    x.as_flattened_mut().copy_from_slice(&scaled);
    columns(&mut x);
    transpose(&mut x);
    columns(&mut x);
    transpose(&mut x);
    let mut samples = [[0; SIDE]; SIDE];
    for (to, &value) in samples.as_flattened_mut().iter_mut().zip(x.as_flattened()) {
        *to = sample(value);
    }
    samples
}

/// The samples of a block without AC coefficients.
pub(super) fn flat(dc: i16, multiplier: i16) -> [[u8; SIDE]; SIDE] {
    [[sample(dc.wrapping_mul(multiplier)); SIDE]; SIDE]
}

/// Takes away the bits of fraction, and the sign.
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
