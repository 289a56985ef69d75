//! Operations on two numbers each, broadcast, and sums of many tensors.

use anyhow::{Context, Result, ensure};

use super::broadcast::together;
use super::call::{Call, Operation};
use super::numbers::{numeric, two_types};
use super::unary;
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Add", 2, add),
    Operation::one("AddV2", 2, add),
    Operation::one_of_many("AddN", 1, add_n),
    Operation::one("Sub", 2, |call| combined(call, |a, b| a - b, |a, b| Ok(a.wrapping_sub(b)))),
    Operation::one("Mul", 2, |call| combined(call, |a, b| a * b, |a, b| Ok(a.wrapping_mul(b)))),
    Operation::one("Div", 2, |call| combined(call, |a, b| a / b, quotient)),
    Operation::one("RealDiv", 2, |call| combined(call, |a, b| a / b, quotient)),
    Operation::one("FloorDiv", 2, floor_div),
    Operation::one("FloorMod", 2, |call| combined(call, floor_mod, int_floor_mod)),
    Operation::one("Maximum", 2, |call| combined(call, maximum, |a, b| Ok(a.max(b)))),
    Operation::one("Minimum", 2, |call| combined(call, minimum, |a, b| Ok(a.min(b)))),
    Operation::one("Pow", 2, |call| combined(call, f64::powf, power)),
    Operation::one("SquaredDifference", 2, |call| {
        combined(
            call,
            |a, b| (a - b) * (a - b),
            |a, b| {
                let difference = a.wrapping_sub(b);
                Ok(difference.wrapping_mul(difference))
            },
        )
    }),
];

/// One function of floats, and one of integers, on each pair of values. Results in `f64` that are
/// rounded to `f32` are those of `f32`, and the lower bits of integers those of narrow ones.
fn combined(
    call: &Call<'_>,
    float: fn(f64, f64) -> f64,
    int: fn(i64, i64) -> Result<i64>,
) -> Result<Tensor> {
    tensors_combined(call.inputs[0], call.inputs[1], float, int)
}

fn tensors_combined(
    left: &Tensor,
    right: &Tensor,
    float: fn(f64, f64) -> f64,
    int: fn(i64, i64) -> Result<i64>,
) -> Result<Tensor> {
    macro_rules! ints {
        ($kind:ident, $a:ident, $b:ident, $t:ty) => {{
            let one = |(a, b): (&$t, &$t)| Ok(int(i64::from(*a), i64::from(*b))? as $t);
            Values::$kind($a.iter().zip($b).map(one).collect::<Result<_>>()?)
        }};
    }
    let (left, right) = together(left, right)?;
    let values = match (&left.values, &right.values) {
        (Values::Float(a), Values::Float(b)) => {
            let one = |(a, b): (&f32, &f32)| float(f64::from(*a), f64::from(*b)) as f32;
            Values::Float(a.iter().zip(b).map(one).collect())
        }
        (Values::Double(a), Values::Double(b)) => {
            Values::Double(a.iter().zip(b).map(|(a, b)| float(*a, *b)).collect())
        }
        (Values::Int32(a), Values::Int32(b)) => ints!(Int32, a, b, i32),
        (Values::Int64(a), Values::Int64(b)) => ints!(Int64, a, b, i64),
        (Values::Int16(a), Values::Int16(b)) => ints!(Int16, a, b, i16),
        (Values::Int8(a), Values::Int8(b)) => ints!(Int8, a, b, i8),
        (Values::Uint8(a), Values::Uint8(b)) => ints!(Uint8, a, b, u8),
        (a, b) => return Err(two_types(a, b)),
    };
    Ok(Tensor { shape: left.shape.clone(), values })
}

/// The sum of two tensors, broadcast.
pub(super) fn sum(left: &Tensor, right: &Tensor) -> Result<Tensor> {
    tensors_combined(left, right, |a, b| a + b, |a, b| Ok(a.wrapping_add(b)))
}

fn add(call: &Call<'_>) -> Result<Tensor> {
    sum(call.inputs[0], call.inputs[1])
}

fn add_n(call: &Call<'_>) -> Result<Tensor> {
    let (first, rest) = call.inputs.split_first().context("it has no inputs")?;
    numeric!(&first.values, _v => ());
    rest.iter().try_fold((*first).clone(), |total, input| {
        let (left, right) = (&total.shape, &input.shape);
        ensure!(left == right, "shapes {left:?} and {right:?} differ");
        sum(&total, input)
    })
}

fn divisor(value: i64) -> Result<i64> {
    ensure!(value != 0, "integer division by zero");
    Ok(value)
}

fn quotient(a: i64, b: i64) -> Result<i64> {
    Ok(a.wrapping_div(divisor(b)?))
}

/// The quotient is rounded to its type before its fraction is cut off.
fn floor_div(call: &Call<'_>) -> Result<Tensor> {
    let quotient = combined(
        call,
        |a, b| a / b,
        |a, b| {
            let (quotient, rest) = (a.wrapping_div(divisor(b)?), a.wrapping_rem(b));
            Ok(if rest != 0 && (rest < 0) != (b < 0) { quotient - 1 } else { quotient })
        },
    )?;
    unary::map(&quotient, f64::floor, Some(|value| value))
}

fn floor_mod(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

fn int_floor_mod(a: i64, b: i64) -> Result<i64> {
    let rest = a.wrapping_rem(divisor(b)?);
    Ok(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
}

/// The maximum; NaN if either is NaN.
pub(super) fn maximum(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// The minimum; NaN if either is NaN.
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

fn power(base: i64, exponent: i64) -> Result<i64> {
    ensure!(exponent >= 0, "the exponent {exponent} of an integer is negative");
    let (mut result, mut factor, mut rest) = (1i64, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result = result.wrapping_mul(factor);
        }
        factor = factor.wrapping_mul(factor);
        rest >>= 1;
    }
    Ok(result)
}
