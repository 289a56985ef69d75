//! Values and slopes of the activations in vectors.

use super::super::simd::{Simd, exp, sigmoid, tanh};

/// A function of one variable with its derivative. What is not a number stays so.
pub(super) trait Curve: Copy + Sync {
    fn value<S: Simd>(self, x: S) -> S;
    fn slope<S: Simd>(self, x: S) -> S;
}

#[derive(Clone, Copy)]
pub(super) struct Sigmoid;

impl Curve for Sigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, x: S) -> S {
        sigmoid(x)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, x: S) -> S {
        let y = sigmoid(x);
        y.mul(S::splat(1.0).sub(y))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Tanh;

impl Curve for Tanh {
    #[inline(always)]
    fn value<S: Simd>(self, x: S) -> S {
        tanh(x)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, x: S) -> S {
        let y = tanh(x);
        S::splat(1.0).sub(y.mul(y))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Silu {
    /// Where σ(x) is as small as its exponential gets, a larger factor would show.
    const REACH: f32 = 87.0;
}

impl Curve for Silu {
    #[inline(always)]
    fn value<S: Simd>(self, x: S) -> S {
        S::splat(-Self::REACH).max(x).mul(sigmoid(x))
    }

    #[inline(always)]
    fn slope<S: Simd>(self, x: S) -> S {
        let y = sigmoid(x);
        let one = S::splat(1.0);
        one.sub(y).mul_add(bounded(x, Self::REACH), one).mul(y)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Elu;

impl Curve for Elu {
    #[inline(always)]
    fn value<S: Simd>(self, x: S) -> S {
        let (zero, one) = (S::splat(0.0), S::splat(1.0));
        // Near zero the series, for the difference would lose its digits.
        let mut series = S::splat(1.0 / 720.0);
        for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0] {
            series = series.mul_add(x, S::splat(coefficient));
        }
        let below = x.select_abs_below(0.25, series.mul(x), exp(zero.min(x)).sub(one));
        // In this order, what is not a number stays so.
        x.select_above(zero, x, below)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, x: S) -> S {
        exp(S::splat(0.0).min(x))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Gelu;

impl Gelu {
    /// Beyond, the normal density is less than 1e-37.
    const REACH: f32 = 13.0;
}

impl Curve for Gelu {
    #[inline(always)]
    fn value<S: Simd>(self, x: S) -> S {
        S::splat(-Self::REACH).max(x).mul(normal(x).0)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, x: S) -> S {
        let (distribution, density) = normal(x);
        density.mul_add(bounded(x, Self::REACH), distribution)
    }
}

/// `x`, moved to ±`reach` where it is beyond.
#[inline(always)]
fn bounded<S: Simd>(x: S, reach: f32) -> S {
    // In this order, what is not a number stays so.
    S::splat(reach).min(S::splat(-reach).max(x))
}

/// The scale of the variable u = 1 / (1 + t · SCALE) of the tail's polynomial.
const SCALE: f32 = 0.35;

/// e^(t²/2) (1 - Φ(t)) for t ≥ 0 as a polynomial in u without a constant, highest power first:
/// least squares of the relative error, which stays below 4e-8 up to t = 14.
const TAIL: [f32; 9] = [
    -2.914_713e-2,
    1.439_773_6e-1,
    -2.557_255e-1,
    1.591_864_2e-1,
    -2.311_781e-2,
    1.055_112_5e-1,
    1.198_321_4e-1,
    1.398_619_6e-1,
    1.396_214e-1,
];

/// The normal distribution Φ(x) and its density.
#[inline(always)]
fn normal<S: Simd>(x: S) -> (S, S) {
    const DENSITY_AT_ZERO: f32 = 0.398_942_3;
    let (zero, one) = (S::splat(0.0), S::splat(1.0));
    let size = x.max(zero.sub(x));
    let u = one.div(size.mul_add(S::splat(SCALE), one));
    let mut p = S::splat(TAIL[0]);
    for coefficient in &TAIL[1..] {
        p = p.mul_add(u, S::splat(*coefficient));
    }
    let bell = exp(size.mul(size).mul(S::splat(-0.5)));
    let tail = p.mul(u).mul(bell);
    (x.select_above(zero, one.sub(tail), tail), bell.mul(S::splat(DENSITY_AT_ZERO)))
}
