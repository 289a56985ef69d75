//! The exponential and its relatives, to within two units in the last place.

use super::Simd;

/// e^x by Cody–Waite reduction and the polynomial of Cephes' `expf`.
///
/// Inputs are clamped to [-87.3, 88.7]: the results are then normal numbers.
#[inline(always)]
pub fn exp<S: Simd>(x: S) -> S {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // NaN must stay NaN: `max` and `min` return their second operand then.
    let x = S::splat(-87.3).max(x);
    let x = S::splat(88.7).min(x);
    // From this far on floats are whole: a sum rounds sooner than the instruction that does it.
    let far = S::splat(1.5 * (1 << 23) as f32);
    let power = x.mul(S::splat(std::f32::consts::LOG2_E)).add(far).sub(far);
    let r = power.mul_add(S::splat(-LN_2_HIGH), x);
    let r = power.mul_add(S::splat(-LN_2_LOW), r);
    let mut p = S::splat(1.987_569_1e-4);
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5] {
        p = p.mul_add(r, S::splat(coefficient));
    }
    let p = p.mul_add(r.mul(r), r).add(S::splat(1.0));
    // e^r is less than one where the power is 128, and more where it is -126.
    p.times_power_of_two(power)
}

/// x to the power of `exponent`, for positive normal x and |exponent| ≤ 1; NaN stays NaN.
///
/// With x = m · 2ᵉ this is e^(exponent · ln m) · 2^(exponent · e): the large part of the
/// logarithm is a whole number, so that nothing is lost for x far from one. ln m is Cephes'
/// `logf`.
#[inline(always)]
pub fn power<S: Simd>(x: S, exponent: f32) -> S {
    let (one, by) = (S::splat(1.0), S::splat(exponent));
    let (mantissa, whole) = x.split_exponent();
    // From √½ to √2, where the polynomial holds.
    let is_large = |yes, no| mantissa.select_above(S::splat(std::f32::consts::SQRT_2), yes, no);
    let r = is_large(mantissa.mul(S::splat(0.5)), mantissa).sub(one);
    let whole = is_large(whole.add(one), whole);
    let square = r.mul(r);
    let mut p = S::splat(7.037_683_6e-2);
    for coefficient in LOGARITHM {
        p = p.mul_add(r, S::splat(coefficient));
    }
    let logarithm = p.mul(r).sub(S::splat(0.5)).mul_add(square, r);
    let doublings = whole.mul(by).round();
    let rest = whole.mul_add(by, S::splat(0.0).sub(doublings));
    let small = rest.mul_add(S::splat(std::f32::consts::LN_2), logarithm.mul(by));
    // Taken in two halves, each of which is in range.
    let half = doublings.mul(S::splat(0.5)).round();
    let scale = one.times_power_of_two(half);
    let result = exp(small).mul(scale).mul(one.times_power_of_two(doublings.sub(half)));
    // The bits of NaN have been read as a number: here it comes back.
    x.select_above(S::splat(f32::MAX), x.sub(x), result)
}

/// The polynomial of Cephes' `logf` below its first coefficient.
const LOGARITHM: [f32; 8] = [
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_8e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    0.333_333_3,
];

/// 1 / ⁴√x for positive normal x: two steps of Newton's method on 1 - x y⁴ = 0, the first with
/// two terms more, which takes half the time of two square roots and a division. What is not
/// finite gives what is not a number.
#[inline(always)]
pub fn inverse_fourth_root<S: Simd>(x: S) -> S {
    let y = x.inverse_fourth_root_estimate();
    let rest = rest_of_fourth_root(x, y);
    let terms = rest.mul_add(S::splat(15.0 / 128.0), S::splat(5.0 / 32.0));
    let terms = terms.mul_add(rest, S::splat(0.25));
    let y = terms.mul(rest).mul_add(y, y);
    rest_of_fourth_root(x, y).mul(S::splat(0.25)).mul_add(y, y)
}

/// 1 - x y⁴, in an order that stays in range.
#[inline(always)]
fn rest_of_fourth_root<S: Simd>(x: S, y: S) -> S {
    let square = y.mul(y);
    S::splat(0.0).sub(x.mul(square)).mul_add(square, S::splat(1.0))
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid<S: Simd>(x: S) -> S {
    let one = S::splat(1.0);
    one.div(one.add(exp(S::splat(0.0).sub(x))))
}

/// σ(x) = 1 / (1 + e^-x) and log(1 + e^x), the loss of a logit whose label is 0. That of
/// label 1 is less by x.
///
/// With u = e^-|x| the second is max(x, 0) + log(1 + u); the logarithm is a Chebyshev polynomial
/// of degree 8 times u, exact to 2e-7 of itself.
#[inline(always)]
pub fn logistic<S: Simd>(x: S) -> (S, S) {
    let (zero, one) = (S::splat(0.0), S::splat(1.0));
    let small = exp(zero.sub(x.max(zero.sub(x))));
    let sigmoid = x.select_above(zero, one, small).div(one.add(small));
    let mut p = S::splat(5.253_458e-3);
    for coefficient in LOGARITHM_FROM_ONE {
        p = p.mul_add(small, S::splat(coefficient));
    }
    (sigmoid, p.mul_add(small, x.max(zero)))
}

/// The polynomial of log(1 + u) / u on 0 ≤ u ≤ 1 below its first coefficient.
const LOGARITHM_FROM_ONE: [f32; 8] = [
    -2.958_850_7e-2,
    7.836_167e-2,
    -1.367_477e-1,
    1.911_143e-1,
    -2.484_437e-1,
    3.331_927e-1,
    -4.999_950_2e-1,
    1.0,
];

/// The hyperbolic tangent: Cephes' polynomial near zero, 1 - 2 / (e^2x + 1) elsewhere.
#[inline(always)]
pub fn tanh<S: Simd>(x: S) -> S {
    let square = x.mul(x);
    let mut p = S::splat(-5.704_988_7e-3);
    for coefficient in [2.063_909e-2, -5.373_971_4e-2, 1.333_144_2e-1, -3.333_328e-1] {
        p = p.mul_add(square, S::splat(coefficient));
    }
    let near_zero = p.mul(square).mul_add(x, x);
    let one = S::splat(1.0);
    let two = S::splat(2.0);
    let far = one.sub(two.div(exp(x.mul(two)).add(one)));
    x.select_abs_below(0.625, near_zero, far)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Isa,
        simd::{Kernel, LANES},
    };

    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Sigmoid,
        Tanh,
        InverseFourthRoot,
        Logistic,
        Softplus,
    }

    struct Apply(Function, [f32; 16]);

    impl Kernel for Apply {
        type Output = [f32; 16];
        #[inline(always)]
        fn run<S: Simd>(self) -> [f32; 16] {
            let x = S::from_array(self.1);
            match self.0 {
                Function::Exp => exp(x),
                Function::Sigmoid => sigmoid(x),
                Function::Tanh => tanh(x),
                Function::InverseFourthRoot => inverse_fourth_root(x),
                Function::Logistic => logistic(x).0,
                Function::Softplus => logistic(x).1,
            }
            .to_array()
        }
    }

    fn check(function: Function, exact: fn(f64) -> f64, low: f32, high: f32, relative: f64) {
        for isa in Isa::available() {
            let n = 4000;
            for block in 0..n / 16 {
                let x: [f32; 16] = std::array::from_fn(|i| {
                    low + (high - low) * (block * 16 + i) as f32 / (n - 1) as f32
                });
                for (x, y) in x.into_iter().zip(isa.run(Apply(function, x))) {
                    let want = exact(f64::from(x));
                    let error = (f64::from(y) - want).abs() / want.abs().max(1e-30);
                    assert!(error < relative, "{isa:?}: f({x}) = {y}, want {want}");
                }
            }
        }
    }

    #[test]
    fn exp_is_exact_to_the_last_places() {
        check(Function::Exp, f64::exp, -87.0, 88.5, 3e-7);
    }

    #[test]
    fn sigmoid_is_exact_to_the_last_places() {
        check(Function::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -30.0, 30.0, 5e-7);
    }

    #[test]
    fn logistic_and_softplus_are_exact_to_the_last_places() {
        check(Function::Logistic, |x| 1.0 / (1.0 + (-x).exp()), -30.0, 30.0, 5e-7);
        check(Function::Softplus, |x| x.exp().ln_1p(), -30.0, 30.0, 5e-7);
        for isa in Isa::available() {
            let f = |function, x| isa.run(Apply(function, [x; 16]))[0];
            assert_eq!((f(Function::Logistic, 500.0), f(Function::Softplus, 500.0)), (1.0, 500.0));
            assert!(f(Function::Logistic, -500.0) < 1e-37 && f(Function::Softplus, -500.0) < 1e-37);
            assert!(f(Function::Logistic, 0.0) == 0.5);
            assert!(
                [Function::Logistic, Function::Softplus].iter().all(|&g| f(g, f32::NAN).is_nan())
            );
        }
    }

    #[test]
    fn tanh_is_exact_to_the_last_places() {
        check(Function::Tanh, f64::tanh, -10.0, 10.0, 5e-7);
        check(Function::Tanh, f64::tanh, -1e-3, 1e-3, 3e-7);
    }

    #[test]
    fn inverse_fourth_root_is_exact_to_the_last_places() {
        let exact = |x: f64| x.powf(-0.25);
        for (low, high) in [(1.0, 16.0), (1e-37, 1e-36), (1e33, 8e34), (1e-3, 1e3)] {
            check(Function::InverseFourthRoot, exact, low, high, 2e-7);
        }
        for isa in Isa::available() {
            for x in [f32::NAN, f32::INFINITY] {
                assert!(isa.run(Apply(Function::InverseFourthRoot, [x; 16]))[0].is_nan());
            }
        }
    }

    struct Power([f32; 16], f32);

    impl Kernel for Power {
        type Output = [f32; 16];
        #[inline(always)]
        fn run<S: Simd>(self) -> [f32; 16] {
            power(S::from_array(self.0), self.1).to_array()
        }
    }

    #[test]
    fn power_is_exact_to_the_last_places_far_from_one_too() {
        for isa in Isa::available() {
            for exponent in [-0.75, -0.5, 0.3, -1.0, 1.0, 0.0] {
                for (low, step) in [(0.01, 1.01f32), (1e-30, 1.2), (0.9, 1.0003)] {
                    let mut x = low;
                    for _ in 0..50 {
                        let xs: [f32; 16] = std::array::from_fn(|i| x * step.powi(i as i32));
                        for (x, y) in xs.into_iter().zip(isa.run(Power(xs, exponent))) {
                            let want = f64::from(x).powf(f64::from(exponent));
                            let error = (f64::from(y) - want).abs() / want;
                            // Without a fused multiply-add, powers of two far from one round.
                            let limit = if (1e-3..1e4).contains(&x) { 5e-7 } else { 4e-6 };
                            assert!(error < limit, "{isa:?}: {x}^{exponent} = {y}, want {want}");
                        }
                        x = xs[15];
                        if !(1e-30..1e30).contains(&x) {
                            break;
                        }
                    }
                }
            }
            assert!(isa.run(Power([f32::NAN; 16], -0.75))[0].is_nan());
            assert!(isa.run(Power([f32::INFINITY; 16], -0.75))[0].is_nan());
        }
    }

    struct Select;

    impl Kernel for Select {
        type Output = ([f32; 16], [u8; 18], [f32; 16], [f32; 16]);
        #[inline(always)]
        fn run<S: Simd>(self) -> Self::Output {
            let count = S::from_array(std::array::from_fn(|i| i as f32));
            let mut odd = [f32::NAN; 16];
            odd[3] = 5.0;
            let above = S::from_array(odd).select_above(count, S::splat(1.0), S::splat(-1.0));
            let below = count.select_above(S::splat(4.0), S::splat(1.0), S::splat(f32::NAN));
            let mut bytes = [7; 18];
            count.mul(S::splat(17.0)).store_bytes(&mut bytes[..16]);
            count.store_bytes(&mut bytes[15..18]);
            let mut keys = [9; 16];
            keys[2] = 255;
            let kept = count.keep_where(keys, 255);
            (above.to_array(), bytes, below.to_array(), kept.to_array())
        }
    }

    #[test]
    fn lanes_are_selected_and_become_bytes() {
        for isa in Isa::available() {
            let (above, bytes, below, kept) = isa.run(Select);
            assert_eq!(above, [1.0; 16], "{isa:?}");
            let want: [u8; 15] = std::array::from_fn(|i| 17 * i as u8);
            assert_eq!((&bytes[..15], &bytes[15..]), (&want[..], &[0, 1, 2][..]), "{isa:?}");
            assert!(below.iter().enumerate().all(|(i, b)| b.is_nan() == (i <= 4)), "{isa:?}");
            assert_eq!(kept, std::array::from_fn(|i| if i == 2 { 2.0 } else { 0.0 }), "{isa:?}");
        }
    }

    struct Shuffle;

    impl Kernel for Shuffle {
        type Output = [[f32; 16]; 17];
        #[inline(always)]
        fn run<S: Simd>(self) -> Self::Output {
            let rows = std::array::from_fn(|i| {
                S::from_array(std::array::from_fn(|j| (100 * i + j) as f32))
            });
            let mut result = [[0.0; 16]; 17];
            for (to, column) in result.iter_mut().zip(S::transpose(rows)) {
                *to = column.to_array();
            }
            S::load_slice(&[7.0; 5], 1.0).store_slice(&mut result[16][..9]);
            result
        }
    }

    struct Sums;

    impl Kernel for Sums {
        type Output = [[f32; 16]; 2];
        #[inline(always)]
        fn run<S: Simd>(self) -> Self::Output {
            let mut vectors = [S::splat(0.0); LANES];
            for (i, vector) in vectors.iter_mut().enumerate() {
                *vector = S::from_array(std::array::from_fn(|j| (100 * i * j + i) as f32));
            }
            let mut slices = [0.0; 16];
            for n in 0..16 {
                S::load_slice(&[1.0; 16][..n], 0.0).store_slice(&mut slices[n..]);
            }
            [S::sums(vectors).to_array(), slices]
        }
    }

    #[test]
    fn sixteen_vectors_are_summed_at_once() {
        for isa in Isa::available() {
            let [sums, slices] = isa.run(Sums);
            assert_eq!(sums, std::array::from_fn(|i| (12_000 * i + 16 * i) as f32), "{isa:?}");
            // The store at place n writes n ones before zeros, which the next overwrites.
            assert_eq!(slices, std::array::from_fn(|i| f32::from(u8::from(i > 0))), "{isa:?}");
        }
    }

    #[test]
    fn rows_become_columns_and_slices_may_be_short() {
        for isa in Isa::available() {
            let result = isa.run(Shuffle);
            for (j, column) in result[..16].iter().enumerate() {
                assert_eq!(*column, std::array::from_fn(|i| (100 * i + j) as f32), "{isa:?}");
            }
            let short = [7., 7., 7., 7., 7., 1., 1., 1., 1., 0., 0., 0., 0., 0., 0., 0.];
            assert_eq!(result[16], short, "{isa:?}");
        }
    }

    #[test]
    fn functions_keep_nan_and_saturate() {
        for isa in Isa::available() {
            let f = |function, x| isa.run(Apply(function, [x; 16]))[0];
            for function in [Function::Exp, Function::Sigmoid, Function::Tanh] {
                assert!(f(function, f32::NAN).is_nan(), "{isa:?}");
            }
            assert_eq!(f(Function::Tanh, 100.0), 1.0);
            assert_eq!(f(Function::Tanh, -100.0), -1.0);
            assert_eq!(f(Function::Sigmoid, 200.0), 1.0);
            assert!(f(Function::Sigmoid, -200.0) < 1e-37);
        }
    }
}
