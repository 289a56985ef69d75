//! Functions of one number.

use anyhow::Result;

use super::call::{Call, Operation};
use super::numbers::{Numbers, not_taken};
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Neg", 1, |call| number(call, |x| -x, i64::wrapping_neg)),
    Operation::one("Abs", 1, |call| number(call, f64::abs, i64::wrapping_abs)),
    Operation::one("Square", 1, |call| number(call, |x| x * x, |x| x.wrapping_mul(x))),
    Operation::one("Sqrt", 1, |call| float(call, f64::sqrt)),
    Operation::one("Rsqrt", 1, |call| float(call, |x| 1.0 / x.sqrt())),
    Operation::one("Reciprocal", 1, |call| float(call, f64::recip)),
    Operation::one("Exp", 1, |call| float(call, f64::exp)),
    Operation::one("Log", 1, |call| float(call, f64::ln)),
    Operation::one("Floor", 1, |call| float(call, f64::floor)),
    Operation::one("Ceil", 1, |call| float(call, f64::ceil)),
    Operation::one("Round", 1, |call| number(call, f64::round_ties_even, |x| x)),
    Operation::one("Sigmoid", 1, |call| float(call, |x| 1.0 / (1.0 + (-x).exp()))),
    Operation::one("Tanh", 1, |call| float(call, f64::tanh)),
    Operation::one("Cast", 1, cast),
];

/// A function of floats on each value.
pub(super) fn float(call: &Call<'_>, float: fn(f64) -> f64) -> Result<Tensor> {
    map(call.inputs[0], float, None::<fn(i64) -> i64>)
}

/// One function of floats, and one of integers, on each value.
pub(super) fn number(
    call: &Call<'_>,
    float: fn(f64) -> f64,
    int: fn(i64) -> i64,
) -> Result<Tensor> {
    map(call.inputs[0], float, Some(int))
}

/// One function of floats, and one of integers if these are taken, on each value.
pub(super) fn map(
    tensor: &Tensor,
    float: impl Fn(f64) -> f64,
    int: Option<impl Fn(i64) -> i64>,
) -> Result<Tensor> {
    macro_rules! ints {
        ($kind:ident, $v:ident, $int:ident, $t:ty) => {
            Values::$kind($v.iter().map(|x| $int(i64::from(*x)) as $t).collect())
        };
    }
    let values = match (&tensor.values, int) {
        (Values::Float(v), _) => {
            Values::Float(v.iter().map(|x| float(f64::from(*x)) as f32).collect())
        }
        (Values::Double(v), _) => Values::Double(v.iter().map(|x| float(*x)).collect()),
        (Values::Int32(v), Some(int)) => ints!(Int32, v, int, i32),
        (Values::Int64(v), Some(int)) => ints!(Int64, v, int, i64),
        (Values::Int16(v), Some(int)) => ints!(Int16, v, int, i16),
        (Values::Int8(v), Some(int)) => ints!(Int8, v, int, i8),
        (Values::Uint8(v), Some(int)) => ints!(Uint8, v, int, u8),
        (other, _) => return Err(not_taken(other)),
    };
    Ok(Tensor { shape: tensor.shape.clone(), values })
}

fn cast(call: &Call<'_>) -> Result<Tensor> {
    let (input, to) = (call.inputs[0], call.node.data_type("DstT", None)?);
    let values = Numbers::of(&input.values)?.into_values(to)?;
    Ok(Tensor { shape: input.shape.clone(), values })
}
