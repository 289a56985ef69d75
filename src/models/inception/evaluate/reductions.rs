//! Reductions along axes: sums, means, extremes, argmax and argmin.

use anyhow::{Result, bail, ensure};

use super::arithmetic::{maximum, minimum};
use super::call::{Call, Operation, axis};
use super::numbers::{Numbers, len, not_taken, numeric};
use super::rearrange::{strides, walk};
use crate::data::graphdef::{DataType, Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Sum", 2, |call| number(call, (0.0, |a, b| a + b), |_| 0, i64::wrapping_add)),
    Operation::one("Prod", 2, |call| number(call, (1.0, |a, b| a * b), |_| 1, i64::wrapping_mul)),
    Operation::one("Max", 2, |call| {
        number(call, (f64::NEG_INFINITY, maximum), |of| limits(of).0, i64::max)
    }),
    Operation::one("Min", 2, |call| {
        number(call, (f64::INFINITY, minimum), |of| limits(of).1, i64::min)
    }),
    Operation::one("Mean", 2, mean),
    Operation::one("All", 2, |call| flag(call, 1, i64::min)),
    Operation::one("Any", 2, |call| flag(call, 0, i64::max)),
    Operation::one("ArgMax", 2, |call| arg(call, |is_above, _| is_above)),
    Operation::one("ArgMin", 2, |call| arg(call, |_, is_below| is_below)),
];

/// The axes of a reduction, and the remaining shape.
struct Reduction<'a> {
    input: &'a Tensor,
    /// Whether each axis goes.
    goes: Vec<bool>,
    /// The sizes of all axes; 1 for the reduced ones.
    kept: Vec<usize>,
    /// The shape of the output.
    shape: Vec<usize>,
}

impl<'a> Reduction<'a> {
    fn of(call: &Call<'a>) -> Result<Self> {
        let input = call.inputs[0];
        let (of, keep) = (&input.shape, call.node.flag("keep_dims", false)?);
        let mut goes = vec![false; of.len()];
        for number in call.ints(1)? {
            let axis = axis(number, of.len())?;
            ensure!(!goes[axis], "axis {axis} is reduced twice");
            goes[axis] = true;
        }
        let kept: Vec<_> =
            of.iter().zip(&goes).map(|(size, goes)| if *goes { 1 } else { *size }).collect();
        let stays = |(_, goes): &(&usize, &bool)| keep || !**goes;
        let shape = kept.iter().zip(&goes).filter(stays).map(|(size, _)| *size).collect();
        Ok(Self { input, goes, kept, shape })
    }

    /// For each output, what `join` makes of `initial` and of its values in order.
    fn reduce<T: Copy>(&self, values: &[T], initial: T, join: fn(T, T) -> T) -> Result<Vec<T>> {
        let mut results = vec![initial; len(&self.shape, DataType::Double)?];
        let (strides, mut values) = (strides(&self.kept), values.iter());
        let at = |axis: usize, index| if self.goes[axis] { 0 } else { index * strides[axis] };
        walk(&self.input.shape, at, |offset| {
            if let Some(value) = values.next() {
                results[offset] = join(results[offset], *value);
            }
        });
        Ok(results)
    }

    fn output(self, numbers: Numbers) -> Result<Tensor> {
        Tensor::new(self.shape, numbers.into_values(self.input.values.data_type())?)
    }
}

/// A reduction of numbers: the first value of floats with what joins one more, then those of integers.
fn number(
    call: &Call<'_>,
    (first, join): (f64, fn(f64, f64) -> f64),
    first_int: fn(DataType) -> i64,
    join_ints: fn(i64, i64) -> i64,
) -> Result<Tensor> {
    let reduction = Reduction::of(call)?;
    let values = &reduction.input.values;
    let numbers = match Numbers::of(values)? {
        _ if matches!(values, Values::Bool(_)) => return Err(not_taken(values)),
        Numbers::Floats(floats) => Numbers::Floats(reduction.reduce(&floats, first, join)?),
        Numbers::Ints(ints) => {
            let first = first_int(values.data_type());
            Numbers::Ints(reduction.reduce(&ints, first, join_ints)?)
        }
    };
    reduction.output(numbers)
}

/// Means of integers lose their fraction.
fn mean(call: &Call<'_>) -> Result<Tensor> {
    let reduction = Reduction::of(call)?;
    let values = &reduction.input.values;
    let n: usize = (reduction.input.shape.iter().zip(&reduction.goes))
        .filter(|(_, goes)| **goes)
        .fold(1, |n, (size, _)| n.saturating_mul(*size));
    let numbers = match Numbers::of(values)? {
        _ if matches!(values, Values::Bool(_)) => return Err(not_taken(values)),
        Numbers::Floats(floats) => {
            let mut sums = reduction.reduce(&floats, 0.0, |a, b| a + b)?;
            sums.iter_mut().for_each(|sum| *sum /= n as f64);
            Numbers::Floats(sums)
        }
        Numbers::Ints(ints) => {
            let mut sums = reduction.reduce(&ints, 0, i64::wrapping_add)?;
            ensure!(n > 0 || sums.is_empty(), "the mean of no integers is undefined");
            sums.iter_mut().for_each(|sum| *sum /= n as i64);
            Numbers::Ints(sums)
        }
    };
    reduction.output(numbers)
}

fn flag(call: &Call<'_>, first: i64, join: fn(i64, i64) -> i64) -> Result<Tensor> {
    let reduction = Reduction::of(call)?;
    let values = &reduction.input.values;
    match (values, Numbers::of(values)?) {
        (Values::Bool(_), Numbers::Ints(ints)) => {
            let flags = Numbers::Ints(reduction.reduce(&ints, first, join)?);
            reduction.output(flags)
        }
        _ => Err(not_taken(values)),
    }
}

/// The lowest and the highest integer of a type.
fn limits(data_type: DataType) -> (i64, i64) {
    match data_type {
        DataType::Uint8 => (0, i64::from(u8::MAX)),
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

/// The index along an axis of the first of the best values. `is_better(is above it, is below it)`
/// says whether a value is better than another.
fn arg(call: &Call<'_>, is_better: fn(bool, bool) -> bool) -> Result<Tensor> {
    let (input, output) = (call.inputs[0], call.node.data_type("output_type", DataType::Int64)?);
    let of = &input.shape;
    let axis = call.axis(1, of.len())?;
    let mut shape = of.clone();
    let size = shape.remove(axis);
    ensure!(size > 0, "axis {axis} of shape {of:?} is empty");
    let n = len(&shape, DataType::Int64)?;
    let inner = of[axis + 1..].iter().copied().fold(1, usize::saturating_mul).max(1);
    let indices = numeric!(&input.values, v => {
        let best = |at: usize| {
            let start = at / inner * inner * size + at % inner;
            let value = |index: usize| v[start + index * inner];
            (1..size).fold(0, |best, index| {
                let (new, old) = (value(index), value(best));
                if is_better(new > old, new < old) { index } else { best }
            })
        };
        (0..n).map(|at| best(at) as i64).collect()
    });
    if !matches!(output, DataType::Int32 | DataType::Int64) {
        bail!("output_type must be int32 or int64, not {output}");
    }
    Tensor::new(shape, Numbers::Ints(indices).into_values(output)?)
}
