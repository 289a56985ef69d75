//! Tensors with borders of one value, or of their own values mirrored.

use anyhow::{Context, Result, bail, ensure};

use super::call::{Call, Operation};
use super::joins::concat;
use super::numbers::same_type;
use super::rearrange::{filled, rearranged, strides};
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Pad", 2, |call| padded(call, &zero(&call.inputs[0].values))),
    Operation::one("PadV2", 3, |call| padded(call, &call.inputs[2].values)),
    Operation::one("MirrorPad", 2, mirror_pad),
];

/// The zero of a type; the empty string for `string`.
pub(super) fn zero(values: &Values) -> Values {
    same_type!(values, v => vec![default_of(v)])
}

fn default_of<T: Default>(_: &[T]) -> T {
    T::default()
}

fn padded(call: &Call<'_>, value: &Values) -> Result<Tensor> {
    let input = call.inputs[0];
    border(input, &call.pairs(1, input.shape.len())?, value)
}

/// A tensor with borders of `value`: for each axis the numbers of values before it and after it.
pub(super) fn border(input: &Tensor, sizes: &[[usize; 2]], value: &Values) -> Result<Tensor> {
    let mut padded = input.clone();
    for (axis, pair) in sizes.iter().enumerate().filter(|(_, pair)| **pair != [0, 0]) {
        let part = |size: usize| {
            let mut shape = padded.shape.clone();
            shape[axis] = size;
            filled(value, shape)
        };
        let [before, after] = [part(pair[0])?, part(pair[1])?];
        padded = concat(&[&before, &padded, &after], axis)?;
    }
    Ok(padded)
}

/// `REFLECT` leaves out the values at the edge, `SYMMETRIC` repeats them.
fn mirror_pad(call: &Call<'_>) -> Result<Tensor> {
    let input = call.inputs[0];
    let edge = match call.node.text("mode", None)? {
        "REFLECT" => 1,
        "SYMMETRIC" => 0,
        other => bail!("mode must be REFLECT or SYMMETRIC, not {other:?}"),
    };
    let (of, pairs) = (&input.shape, call.pairs(1, input.shape.len())?);
    let mut shape = Vec::new();
    for (&size, [before, after]) in of.iter().zip(&pairs) {
        let fits = [before, after].map(|border| *border == 0 || *border + edge <= size);
        ensure!(fits == [true; 2], "paddings {pairs:?} are larger than shape {of:?} can mirror");
        shape.push(size.checked_add(before + after).context("a border is too large")?);
    }
    let strides = strides(of);
    rearranged(input, shape, |axis, index| {
        let (before, size) = (pairs[axis][0], of[axis]);
        let source = match index.checked_sub(before) {
            None => before - index - 1 + edge,
            Some(inside) if inside < size => inside,
            Some(after) => 2 * size - 1 - edge - after,
        };
        source * strides[axis]
    })
}
