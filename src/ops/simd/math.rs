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
    let power = x.mul(S::splat(std::f32::consts::LOG2_E)).round();
    // The largest power is 128, whose half is taken twice to stay in range.
    let r = power.mul_add(S::splat(-LN_2_HIGH), x);
    let r = power.mul_add(S::splat(-LN_2_LOW), r);
    let mut p = S::splat(1.987_569_1e-4);
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5] {
        p = p.mul_add(r, S::splat(coefficient));
    }
    let p = p.mul_add(r.mul(r), r).add(S::splat(1.0));
    let half = power.mul(S::splat(0.5)).round();
    p.mul(half.exp2_of_whole()).mul(power.sub(half).exp2_of_whole())
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid<S: Simd>(x: S) -> S {
    let one = S::splat(1.0);
    one.div(one.add(exp(S::splat(0.0).sub(x))))
}

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
    use crate::ops::{Isa, simd::Kernel};

    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Sigmoid,
        Tanh,
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
    fn tanh_is_exact_to_the_last_places() {
        check(Function::Tanh, f64::tanh, -10.0, 10.0, 5e-7);
        check(Function::Tanh, f64::tanh, -1e-3, 1e-3, 3e-7);
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
