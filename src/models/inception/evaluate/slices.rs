//! Parts of tensors: slices, and values that are gathered by index.

use anyhow::{Context, Result, ensure};

use super::call::{Call, Operation, axis, size};
use super::joins::{append, none_of};
use super::numbers::{integers, len};
use super::rearrange::{part, reshaped};
use crate::data::graphdef::Tensor;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Slice", 3, slice),
    Operation::several("Split", 2, split),
    Operation::several("SplitV", 3, split_v),
    Operation::several("Unpack", 1, unpack),
    Operation::one("Gather", 2, |call| gather(call, 0, 0)),
    Operation::one("GatherV2", 3, gather_v2),
];

fn slice(call: &Call<'_>) -> Result<Tensor> {
    let (input, begin, sizes) = (call.inputs[0], call.sizes(1)?, call.ints(2)?);
    let of = &input.shape;
    let refusal =
        || format!("a slice of sizes {sizes:?} at {begin:?} is out of range for shape {of:?}");
    ensure!(begin.len() == of.len() && sizes.len() == of.len(), refusal());
    let mut shape = Vec::new();
    for ((&of, &begin), &asked) in of.iter().zip(&begin).zip(&sizes) {
        let rest = of.checked_sub(begin);
        let size = if asked == -1 { rest } else { usize::try_from(asked).ok() };
        let size = size.filter(|size| rest.is_some_and(|rest| *size <= rest));
        shape.push(size.with_context(refusal)?);
    }
    part(input, &begin, shape)
}

/// The parts of an input along an axis, one after the other.
fn parts(input: &Tensor, axis: usize, sizes: &[usize]) -> Result<Vec<Tensor>> {
    let mut begin = vec![0; input.shape.len()];
    let part = |&size: &usize| {
        let mut shape = input.shape.clone();
        shape[axis] = size;
        let part = part(input, &begin, shape);
        begin[axis] += size;
        part
    };
    sizes.iter().map(part).collect()
}

/// A number of outputs; each takes memory even if it is empty.
fn number_of_outputs(call: &Call<'_>, key: &str) -> Result<usize> {
    let n = size(call.node.int(key, None)?)?;
    ensure!(n <= MAX_OUTPUTS, "{n} outputs are more than {MAX_OUTPUTS}");
    Ok(n)
}

/// The most outputs of one node.
const MAX_OUTPUTS: usize = 1 << 16;

fn split(call: &Call<'_>) -> Result<Vec<Tensor>> {
    let input = call.inputs[1];
    let axis = call.axis(0, input.shape.len())?;
    let n = number_of_outputs(call, "num_split")?;
    let size = input.shape[axis];
    ensure!(
        n > 0 && size.is_multiple_of(n),
        "axis {axis} of shape {:?} cannot be split into {n} equal parts",
        input.shape
    );
    parts(input, axis, &vec![size / n; n])
}

fn split_v(call: &Call<'_>) -> Result<Vec<Tensor>> {
    let (input, asked) = (call.inputs[0], call.ints(1)?);
    let axis = call.axis(2, input.shape.len())?;
    let (of, n) = (input.shape[axis], number_of_outputs(call, "num_split")?);
    let refusal = || {
        format!("axis {axis} of shape {:?} cannot be split into {n} parts {asked:?}", input.shape)
    };
    let known: Option<usize> = asked
        .iter()
        .filter(|size| **size != -1)
        .try_fold(0usize, |sum, &size| sum.checked_add(usize::try_from(size).ok()?));
    let rest = known.and_then(|known| of.checked_sub(known)).with_context(refusal)?;
    let open = asked.iter().filter(|size| **size == -1).count();
    ensure!(asked.len() == n && (open == 1 || open == 0 && rest == 0), refusal());
    let sizes: Vec<_> = asked.iter().map(|&size| usize::try_from(size).unwrap_or(rest)).collect();
    parts(input, axis, &sizes)
}

fn unpack(call: &Call<'_>) -> Result<Vec<Tensor>> {
    let input = call.inputs[0];
    let axis = axis(call.node.int("axis", 0)?, input.shape.len())?;
    let n = number_of_outputs(call, "num")?;
    ensure!(
        n == input.shape[axis],
        "axis {axis} of shape {:?} does not have size {n}",
        input.shape
    );
    let mut shape = input.shape.clone();
    shape.remove(axis);
    parts(input, axis, &vec![1; n])?.iter().map(|part| reshaped(part, shape.clone())).collect()
}

fn gather_v2(call: &Call<'_>) -> Result<Tensor> {
    let rank = call.inputs[0].shape.len();
    let of_indices = call.inputs[1].shape.len();
    let batch = call.node.int("batch_dims", 0)?;
    let from_end = if batch < 0 { of_indices as i64 } else { 0 };
    let axis = call.axis(2, rank)?;
    let batch = size(batch.saturating_add(from_end))?;
    ensure!(batch <= axis && batch <= of_indices, "batch_dims {batch} is more than axis {axis}");
    gather(call, axis, batch)
}

/// The slices of the first input along an axis that the second input names. The first `batch` axes
/// of both are one: each of their indices has slices of its own.
fn gather(call: &Call<'_>, axis: usize, batch: usize) -> Result<Tensor> {
    let (input, indices) = (call.inputs[0], call.inputs[1]);
    let (of, by) = (&input.shape, &indices.shape);
    ensure!(axis < of.len(), "a scalar has no slices");
    ensure!(of[..batch] == by[..batch], "shapes {of:?} and {by:?} have different batch sizes");
    let shape = [&of[..axis], &by[batch..], &of[axis + 1..]].concat();
    let mut values = none_of(&input.values, len(&shape, input.values.data_type())?);
    let integers = integers(&indices.values)?;
    let inside = |index: &i64| usize::try_from(*index).ok().filter(|index| *index < of[axis]);
    if let Some(index) = integers.iter().find(|index| inside(index).is_none()) {
        anyhow::bail!("index {index} is out of range for axis {axis} of shape {of:?}");
    }
    if !shape.contains(&0) {
        let inner: usize = of[axis + 1..].iter().product();
        let outer: usize = of[batch..axis].iter().product();
        let per_batch: usize = by[batch..].iter().product();
        for (of_batch, indices) in integers.chunks(per_batch).enumerate() {
            for outer in of_batch * outer..(of_batch + 1) * outer {
                for index in indices.iter().filter_map(inside) {
                    let start = (outer * of[axis] + index) * inner;
                    append(&mut values, &input.values, start..start + inner)?;
                }
            }
        }
    }
    Tensor::new(shape, values)
}
