//! Activation functions, and softmax over the last axis.

use anyhow::{Context, Result, ensure};

use super::call::{Call, Operation};
use super::numbers::{doubles, from_doubles, not_taken};
use super::unary::{float, map, number};
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Relu", 1, |call| number(call, relu, |x| x.max(0))),
    Operation::one("Relu6", 1, |call| {
        number(call, |x| if x > 6.0 { 6.0 } else { relu(x) }, |x| x.clamp(0, 6))
    }),
    Operation::one("Elu", 1, |call| float(call, |x| if x < 0.0 { x.exp_m1() } else { x })),
    Operation::one("Softplus", 1, |call| float(call, |x| relu(x) + (-x.abs()).exp().ln_1p())),
    Operation::one("LeakyRelu", 1, leaky_relu),
    Operation::one("Softmax", 1, |call| of_rows(call, softmax)),
    Operation::one("LogSoftmax", 1, |call| of_rows(call, log_softmax)),
];

/// NaN stays NaN.
fn relu(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

fn leaky_relu(call: &Call<'_>) -> Result<Tensor> {
    let alpha = f64::from(call.node.float("alpha", 0.2)?);
    map(call.inputs[0], |x| if x < 0.0 { alpha * x } else { x }, None::<fn(i64) -> i64>)
}

fn of_rows(call: &Call<'_>, replace: fn(&mut [f64])) -> Result<Tensor> {
    let input = call.inputs[0];
    let size = *input.shape.last().context("a scalar has no last axis")?;
    let is_float = matches!(input.values, Values::Float(_) | Values::Double(_));
    ensure!(is_float, not_taken(&input.values));
    let mut values = doubles(&input.values)?;
    values.chunks_exact_mut(size.max(1)).for_each(replace);
    from_doubles(input.shape.clone(), values, input.values.data_type())
}

fn softmax(row: &mut [f64]) {
    log_softmax(row);
    row.iter_mut().for_each(|x| *x = x.exp());
}

fn log_softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    row.iter_mut().for_each(|x| *x -= largest + sum.ln());
}
