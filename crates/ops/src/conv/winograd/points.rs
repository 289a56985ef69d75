//! The one-dimensional transforms over eight points, on vectors of sixteen channels.
//!
//! A short correlation is a product of polynomials, found from its values at the points
//! 0, ±1, ±2, ±½ and ∞. All matrices follow from the points: A and G evaluate a polynomial
//! there (G with scaled rows), Aᵀ and Gᵀ go back, and Bᵀ takes the data through the
//! polynomials that vanish at all other points. As the points come in pairs ±p, even and odd
//! coefficients are summed apart and shared by a pair.

use crate::simd::Simd;

/// The points, ∞ among them. In order: 0, then the pairs, the positive point first, then ∞.
pub const POINTS: usize = 8;
/// The points that come with both signs.
const PAIRS: [f32; 3] = [1.0, 2.0, 0.5];

const SQUARES: [f32; 3] = [PAIRS[0] * PAIRS[0], PAIRS[1] * PAIRS[1], PAIRS[2] * PAIRS[2]];

/// The coefficients of x⁶ - s₁x⁴ + s₂x² - s₃, which vanishes at all pairs.
const SYMMETRIC: [f32; 3] = {
    let [a, b, c] = SQUARES;
    [a + b + c, a * b + b * c + c * a, a * b * c]
};

/// The coefficients of x⁴ - s₁x² + s₂, which vanishes at all pairs but one.
const fn without(pair: usize) -> [f32; 2] {
    let (b, c) = (SQUARES[(pair + 1) % 3], SQUARES[(pair + 2) % 3]);
    [b + c, b * c]
}

/// What the rows of G are scaled by: one over the product of a point's distances from the
/// others. It is the same for both points of a pair, and one for ∞.
const SCALES: [f32; POINTS] = {
    let mut scales = [1.0; POINTS];
    scales[0] = -1.0 / SYMMETRIC[2];
    let mut pair = 0;
    while pair < PAIRS.len() {
        let ([s1, s2], square) = (without(pair), SQUARES[pair]);
        let scale = 1.0 / (2.0 * square * (square * square - s1 * square + s2));
        scales[1 + 2 * pair] = scale;
        scales[2 + 2 * pair] = scale;
        pair += 1;
    }
    scales
};

/// A matrix (`O`, `I`) that is applied to a column of `I` vectors.
pub trait Transform<const I: usize, const O: usize> {
    /// The product with `values`.
    fn apply<S: Simd>(values: [S; I]) -> [S; O];
}

/// Bᵀ: the data of a tile.
pub struct InputPoints;
/// A: the gradients of a tile's outputs.
pub struct OutputGradientPoints;
/// Aᵀ: a tile's outputs.
pub struct OutputPoints;
/// G: a filter.
pub struct FilterPoints;
/// Gᵀ: the gradient of a filter.
pub struct FilterGradientPoints;

impl Transform<POINTS, POINTS> for InputPoints {
    #[inline(always)]
    fn apply<S: Simd>(d: [S; POINTS]) -> [S; POINTS] {
        let mut result = d;
        let [s1, s2, s3] = SYMMETRIC;
        for (i, to) in [(0, 0), (1, POINTS - 1)] {
            let sum = S::splat(-s1).mul_add(d[i + 4], d[i + 6]);
            let sum = S::splat(s2).mul_add(d[i + 2], sum);
            result[to] = S::splat(-s3).mul_add(d[i], sum);
        }
        for (pair, point) in PAIRS.into_iter().enumerate() {
            let [s1, s2] = without(pair);
            let even = S::splat(s2).mul_add(d[2], S::splat(-s1).mul_add(d[4], d[6]));
            let odd = S::splat(s2).mul_add(d[1], S::splat(-s1).mul_add(d[3], d[5]));
            result[1 + 2 * pair] = S::splat(point).mul_add(odd, even);
            result[2 + 2 * pair] = S::splat(-point).mul_add(odd, even);
        }
        result
    }
}

impl<const N: usize> Transform<N, POINTS> for OutputGradientPoints {
    #[inline(always)]
    fn apply<S: Simd>(y: [S; N]) -> [S; POINTS] {
        let mut result = [y[0]; POINTS];
        result[POINTS - 1] = y[N - 1];
        for (pair, point) in PAIRS.into_iter().enumerate() {
            let even = every_second(&y, 0, SQUARES[pair]);
            let odd = every_second(&y, 1, SQUARES[pair]);
            result[1 + 2 * pair] = S::splat(point).mul_add(odd, even);
            result[2 + 2 * pair] = S::splat(-point).mul_add(odd, even);
        }
        result
    }
}

/// Every second coefficient starting at `first`, as a polynomial at `square` (Horner's rule).
#[inline(always)]
fn every_second<S: Simd, const N: usize>(y: &[S; N], first: usize, square: f32) -> S {
    let last = N - 1 - (N - 1 - first) % 2;
    let mut sum = y[last];
    for i in (first..last).step_by(2).rev() {
        sum = S::splat(square).mul_add(sum, y[i]);
    }
    sum
}

impl<const N: usize> Transform<POINTS, N> for OutputPoints {
    #[inline(always)]
    fn apply<S: Simd>(m: [S; POINTS]) -> [S; N] {
        let mut result = [m[0]; N];
        for (i, sum) in result.iter_mut().enumerate() {
            for (pair, point) in PAIRS.into_iter().enumerate() {
                let (plus, minus) = (m[1 + 2 * pair], m[2 + 2 * pair]);
                let both = if i % 2 == 0 { plus.add(minus) } else { plus.sub(minus) };
                *sum = match (i, pair) {
                    (0, _) => sum.add(both),
                    (_, 0) => both.mul(S::splat(power(point, i))),
                    _ => S::splat(power(point, i)).mul_add(both, *sum),
                };
            }
        }
        result[N - 1] = result[N - 1].add(m[POINTS - 1]);
        result
    }
}

/// `base` to the power of `exponent`, in a loop that is unrolled with the caller's.
#[inline(always)]
fn power(base: f32, exponent: usize) -> f32 {
    let mut product = 1.0;
    for _ in 0..exponent {
        product *= base;
    }
    product
}

impl<const N: usize> Transform<N, POINTS> for FilterPoints {
    #[inline(always)]
    fn apply<S: Simd>(w: [S; N]) -> [S; POINTS] {
        scaled(OutputGradientPoints::apply(w))
    }
}

impl<const N: usize> Transform<POINTS, N> for FilterGradientPoints {
    #[inline(always)]
    fn apply<S: Simd>(u: [S; POINTS]) -> [S; N] {
        OutputPoints::apply(scaled(u))
    }
}

#[inline(always)]
fn scaled<S: Simd>(mut values: [S; POINTS]) -> [S; POINTS] {
    for (value, scale) in values.iter_mut().zip(SCALES) {
        *value = value.mul(S::splat(scale));
    }
    values
}
