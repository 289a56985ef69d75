//! Comparisons, logic, and choices between two tensors.

use std::borrow::Cow;

use anyhow::{Result, bail, ensure};

use super::broadcast::{common_shape, together};
use super::call::{Call, Operation};
use super::numbers::{both, two_types};
use super::rearrange::{broadcast, reshaped};
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Equal", 2, |call| equal(call, true)),
    Operation::one("NotEqual", 2, |call| equal(call, false)),
    Operation::one("Less", 2, |call| ordered(call, |a, b| a < b, |a, b| a < b)),
    Operation::one("LessEqual", 2, |call| ordered(call, |a, b| a <= b, |a, b| a <= b)),
    Operation::one("Greater", 2, |call| ordered(call, |a, b| a > b, |a, b| a > b)),
    Operation::one("GreaterEqual", 2, |call| ordered(call, |a, b| a >= b, |a, b| a >= b)),
    Operation::one("LogicalAnd", 2, |call| logical(call, |a, b| a && b)),
    Operation::one("LogicalOr", 2, |call| logical(call, |a, b| a || b)),
    Operation::one("LogicalNot", 1, logical_not),
    Operation::one("Select", 3, select),
    Operation::one("SelectV2", 3, select_v2),
];

fn pairs<A, B>(left: &[A], right: &[A], holds: impl Fn(&A, &A) -> B) -> Vec<B> {
    left.iter().zip(right).map(|(left, right)| holds(left, right)).collect()
}

fn flags(shape: &[usize], flags: Vec<bool>) -> Result<Tensor> {
    Tensor::new(shape.to_vec(), Values::Bool(flags))
}

fn equal(call: &Call<'_>, due: bool) -> Result<Tensor> {
    let (left, right) = together(call.inputs[0], call.inputs[1])?;
    let (a, b) = (&left.values, &right.values);
    let found = both!(a, b, (a, b) => pairs(a, b, |a, b| (a == b) == due), bail!(two_types(a, b)));
    flags(&left.shape, found)
}

fn ordered(
    call: &Call<'_>,
    float: fn(f64, f64) -> bool,
    int: fn(i64, i64) -> bool,
) -> Result<Tensor> {
    macro_rules! ints {
        ($a:ident, $b:ident) => {
            pairs($a, $b, |a, b| int(i64::from(*a), i64::from(*b)))
        };
    }
    let (left, right) = together(call.inputs[0], call.inputs[1])?;
    let found = match (&left.values, &right.values) {
        (Values::Float(a), Values::Float(b)) => {
            pairs(a, b, |a, b| float(f64::from(*a), f64::from(*b)))
        }
        (Values::Double(a), Values::Double(b)) => pairs(a, b, |a, b| float(*a, *b)),
        (Values::Int32(a), Values::Int32(b)) => ints!(a, b),
        (Values::Int64(a), Values::Int64(b)) => ints!(a, b),
        (Values::Int16(a), Values::Int16(b)) => ints!(a, b),
        (Values::Int8(a), Values::Int8(b)) => ints!(a, b),
        (Values::Uint8(a), Values::Uint8(b)) => ints!(a, b),
        (a, b) => return Err(two_types(a, b)),
    };
    flags(&left.shape, found)
}

fn bools(tensor: &Tensor) -> Result<&[bool]> {
    match &tensor.values {
        Values::Bool(flags) => Ok(flags),
        other => bail!("expected bool, got {}", other.data_type()),
    }
}

fn logical(call: &Call<'_>, holds: fn(bool, bool) -> bool) -> Result<Tensor> {
    let (left, right) = together(call.inputs[0], call.inputs[1])?;
    flags(&left.shape, pairs(bools(&left)?, bools(&right)?, |a, b| holds(*a, *b)))
}

fn logical_not(call: &Call<'_>) -> Result<Tensor> {
    let input = call.inputs[0];
    flags(&input.shape, bools(input)?.iter().map(|flag| !flag).collect())
}

/// Only the condition is broadcast: a scalar, or one value per row.
fn select(call: &Call<'_>) -> Result<Tensor> {
    let [condition, yes, no] = [call.inputs[0], call.inputs[1], call.inputs[2]];
    let (shape, of_yes) = (&condition.shape, &yes.shape);
    ensure!(yes.shape == no.shape, "shapes {of_yes:?} and {:?} differ", no.shape);
    let condition = match shape[..] {
        [] => Cow::Borrowed(condition),
        _ if shape == of_yes => Cow::Borrowed(condition),
        [rows] if of_yes.first() == Some(&rows) => {
            let mut of_rows = vec![1; of_yes.len()];
            of_rows[0] = rows;
            Cow::Owned(reshaped(condition, of_rows)?)
        }
        _ => bail!("a condition of shape {shape:?} does not match shape {of_yes:?}"),
    };
    let condition = broadcast(&condition, of_yes)?;
    choice(&condition, yes, no)
}

fn select_v2(call: &Call<'_>) -> Result<Tensor> {
    let [condition, yes, no] = [call.inputs[0], call.inputs[1], call.inputs[2]];
    let shape = common_shape(&common_shape(&condition.shape, &yes.shape)?, &no.shape)?;
    let [condition, yes, no] = [condition, yes, no].map(|input| broadcast(input, &shape));
    choice(&*condition?, &*yes?, &*no?)
}

fn choice(condition: &Tensor, yes: &Tensor, no: &Tensor) -> Result<Tensor> {
    let flags = bools(condition)?;
    macro_rules! chosen {
        ($($kind:ident),*) => {
            match (&yes.values, &no.values) {
                $((Values::$kind(yes), Values::$kind(no)) => {
                    let both = yes.iter().zip(no);
                    let one = |(flag, (yes, no)): (&bool, _)| if *flag { yes } else { no };
                    Values::$kind(flags.iter().zip(both).map(one).cloned().collect())
                })*
                (yes, no) => return Err(two_types(yes, no)),
            }
        };
    }
    let values = chosen!(Float, Double, Int32, Int64, Int16, Int8, Uint8, Bool, String);
    Ok(Tensor { shape: yes.shape.clone(), values })
}
