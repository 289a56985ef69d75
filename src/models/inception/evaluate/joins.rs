//! Joining tensors: concatenation, stacking, tiling.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};

use super::call::{Call, Operation, axis};
use super::numbers::{both, len, same_type, two_types};
use super::rearrange::{rearranged, reshaped, strides};
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one_of_many("Concat", 2, |call| {
        concat(&call.inputs[1..], call.axis(0, call.inputs[1].shape.len())?)
    }),
    Operation::one_of_many("ConcatV2", 2, concat_v2),
    Operation::one_of_many("Pack", 1, pack),
    Operation::one("Tile", 2, tile),
];

/// Adds the values in a range of `from` to those of `to`.
pub(super) fn append(to: &mut Values, from: &Values, range: Range<usize>) -> Result<()> {
    both!(to, from, (to, from) => to.extend_from_slice(&from[range]), {
        bail!("inputs of different types cannot be joined")
    });
    Ok(())
}

/// No values, of the type of others.
pub(super) fn none_of(values: &Values, capacity: usize) -> Values {
    same_type!(values, _v => Vec::with_capacity(capacity))
}

/// The inputs (at least one), concatenated along an axis.
pub(super) fn concat(inputs: &[&Tensor], axis: usize) -> Result<Tensor> {
    let first = inputs.first().context("it has no inputs")?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for input in inputs {
        let fits = input.shape.len() == shape.len()
            && (0..shape.len()).all(|it| it == axis || input.shape[it] == shape[it]);
        let (left, right) = (&first.shape, &input.shape);
        ensure!(fits, "shapes {left:?} and {right:?} cannot be joined along axis {axis}");
        let (left, right) = (&first.values, &input.values);
        ensure!(left.data_type() == right.data_type(), two_types(left, right));
        shape[axis] = shape[axis].checked_add(input.shape[axis]).context("an axis is too large")?;
    }
    let mut values = none_of(&first.values, len(&shape, first.values.data_type())?);
    let rows = if shape.contains(&0) { 0 } else { shape[..axis].iter().product() };
    for row in 0..rows {
        for input in inputs {
            let n = input.values.len() / rows;
            append(&mut values, &input.values, row * n..(row + 1) * n)?;
        }
    }
    Tensor::new(shape, values)
}

fn concat_v2(call: &Call<'_>) -> Result<Tensor> {
    let last = call.inputs.len() - 1;
    concat(&call.inputs[..last], call.axis(last, call.inputs[0].shape.len())?)
}

fn pack(call: &Call<'_>) -> Result<Tensor> {
    let axis = axis(call.node.int("axis", 0)?, call.inputs[0].shape.len() + 1)?;
    let first = &call.inputs[0].shape;
    let expanded = |input: &&Tensor| {
        let mut shape = input.shape.clone();
        ensure!(shape == *first, "shapes {first:?} and {shape:?} differ");
        shape.insert(axis, 1);
        reshaped(input, shape)
    };
    let inputs: Vec<_> = call.inputs.iter().map(expanded).collect::<Result<_>>()?;
    concat(&inputs.iter().collect::<Vec<_>>(), axis)
}

fn tile(call: &Call<'_>) -> Result<Tensor> {
    let (input, times) = (call.inputs[0], call.sizes(1)?);
    let (of, strides) = (&input.shape, strides(&input.shape));
    ensure!(of.len() == times.len(), "multiples {times:?} do not match shape {of:?}");
    let shape: Option<_> = of.iter().zip(&times).map(|(of, by)| of.checked_mul(*by)).collect();
    let shape = shape.with_context(|| format!("{times:?} times shape {of:?} is too large"))?;
    rearranged(input, shape, |axis, index| index % of[axis] * strides[axis])
}
