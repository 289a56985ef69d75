//! Operations that hand on what they read.

use anyhow::{Result, bail};

use super::call::{Call, Operation};
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Identity", 1, first),
    Operation::one("StopGradient", 1, first),
    Operation::one("PlaceholderWithDefault", 1, first),
    Operation::one("CheckNumerics", 1, check_numerics),
    Operation::several_of_many("IdentityN", 1, |call| {
        Ok(call.inputs.iter().copied().cloned().collect())
    }),
    Operation::several("NoOp", 0, |_| Ok(Vec::new())),
];

fn first(call: &Call<'_>) -> Result<Tensor> {
    Ok(call.inputs[0].clone())
}

fn check_numerics(call: &Call<'_>) -> Result<Tensor> {
    let (nan, infinite) = match &call.inputs[0].values {
        Values::Float(v) => (v.iter().any(|x| x.is_nan()), v.iter().any(|x| x.is_infinite())),
        Values::Double(v) => (v.iter().any(|x| x.is_nan()), v.iter().any(|x| x.is_infinite())),
        other => return Err(super::numbers::not_taken(other)),
    };
    let found = match (nan, infinite) {
        (false, false) => return first(call),
        (true, false) => "NaN",
        (false, true) => "Inf",
        (true, true) => "Inf and NaN",
    };
    bail!("{} : the input has {found} values", call.node.text("message", None)?)
}
