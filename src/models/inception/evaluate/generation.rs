//! Tensors that are made: of one value, or of a range.

use anyhow::{Result, bail, ensure};

use super::call::{Call, Operation};
use super::numbers::{Numbers, len, two_types};
use super::padding::zero;
use super::rearrange::filled;
use crate::data::graphdef::{DataType, Tensor};
use crate::ops::rng::Stream;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Fill", 2, |call| filled(&call.inputs[1].values, call.sizes(0)?)),
    Operation::one("ZerosLike", 1, |call| {
        filled(&zero(&call.inputs[0].values), call.inputs[0].shape.clone())
    }),
    Operation::one("OnesLike", 1, ones_like),
    Operation::one("Range", 3, range),
    Operation::one("RandomUniform", 1, random_uniform),
];

/// Numbers from 0 to 1. TensorFlow draws new ones each time; here they follow from the node's seeds and
/// name. A dropout that keeps everything gives the same result with any numbers.
fn random_uniform(call: &Call<'_>) -> Result<Tensor> {
    let shape = call.sizes(0)?;
    let [seed, second] = ["seed", "seed2"].map(|key| call.node.int(key, 0));
    let stream = Stream::new((seed? as u64).rotate_left(32) ^ second? as u64, &call.node.name);
    let mut numbers = stream.at(0);
    let data_type = call.node.data_type("dtype", None)?;
    let numbers = (0..len(&shape, data_type)?).map(|_| numbers.uniform()).collect();
    Tensor::new(shape, Numbers::Floats(numbers).into_values(data_type)?)
}

fn ones_like(call: &Call<'_>) -> Result<Tensor> {
    let input = call.inputs[0];
    let one = Numbers::Ints(vec![1]).into_values(input.values.data_type())?;
    filled(&one, input.shape.clone())
}

fn range(call: &Call<'_>) -> Result<Tensor> {
    let data_type = call.inputs[0].values.data_type();
    for input in call.inputs {
        let (first, value) = (&call.inputs[0].values, &input.values);
        ensure!(value.data_type() == data_type, two_types(first, value));
        ensure!(value.len() == 1, "expected one value, got shape {:?}", input.shape);
    }
    let number = |index: usize| Numbers::of(&call.inputs[index].values);
    let numbers = match (number(0)?, number(1)?, number(2)?) {
        (Numbers::Floats(start), Numbers::Floats(limit), Numbers::Floats(step)) => {
            floats(start[0], limit[0], step[0], data_type)?
        }
        (Numbers::Ints(start), Numbers::Ints(limit), Numbers::Ints(step)) => {
            ints(start[0], limit[0], step[0])?
        }
        _ => return Err(super::numbers::not_taken(&call.inputs[0].values)),
    };
    let values = numbers.into_values(data_type)?;
    Tensor::new(vec![values.len()], values)
}

/// The floats from `start` to below `limit`; each is rounded to its type as it is reached.
fn floats(start: f64, limit: f64, step: f64, data_type: DataType) -> Result<Numbers> {
    check(start <= limit, start >= limit, step > 0.0, step < 0.0)?;
    // As TensorFlow counts, in the type of the values.
    let n = match data_type {
        DataType::Float => f64::from(((limit - start) as f32 / step as f32).abs().ceil()),
        _ => ((limit - start) / step).abs().ceil(),
    };
    ensure!(n.is_finite(), "a range from {start} to {limit} is infinite");
    let n = len(&[n as usize], data_type)?;
    let at = |index: usize| match data_type {
        DataType::Float => f64::from((step * index as f64) as f32) + start,
        _ => step * index as f64 + start,
    };
    Ok(Numbers::Floats((0..n).map(at).collect()))
}

fn ints(start: i64, limit: i64, step: i64) -> Result<Numbers> {
    check(start <= limit, start >= limit, step > 0, step < 0)?;
    let n = limit.abs_diff(start).div_ceil(step.unsigned_abs());
    let n = len(&[usize::try_from(n)?], DataType::Int64)?;
    Ok(Numbers::Ints((0..n).map(|index| start.wrapping_add(index as i64 * step)).collect()))
}

fn check(is_rising: bool, is_falling: bool, goes_up: bool, goes_down: bool) -> Result<()> {
    match (goes_up, goes_down) {
        (true, _) => ensure!(is_rising, "a range that goes up ends below its start"),
        (_, true) => ensure!(is_falling, "a range that goes down ends above its start"),
        _ => bail!("a range has a step of zero"),
    }
    Ok(())
}
