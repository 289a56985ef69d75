//! Values in another order: what slices, transposes, tiles and mirrors is one walk over its source.

use std::borrow::Cow;

use anyhow::{Result, ensure};

use super::numbers::{len, same_type};
use crate::data::graphdef::{Tensor, Values};

/// The distance in values of neighbours along each axis of a shape.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        // Only a tensor without values has sizes that multiply to more than memory.
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// Visits, for each index of `shape` in order, the sum of `at(axis, index along it)`.
///
/// `shape` is one that [`len`] has passed.
pub(super) fn walk(
    shape: &[usize],
    at: impl Fn(usize, usize) -> usize,
    mut visit: impl FnMut(usize),
) {
    if shape.contains(&0) {
        return;
    }
    let along = |axis: usize| (0..shape[axis]).map(|index| at(axis, index)).collect::<Vec<_>>();
    let last = shape.len().saturating_sub(1);
    let mut rows = vec![0];
    for axis in 0..last {
        let along = along(axis);
        rows = rows.iter().flat_map(|row| along.iter().map(move |offset| row + offset)).collect();
    }
    let row = if shape.is_empty() { vec![0] } else { along(last) };
    for start in rows {
        row.iter().for_each(|offset| visit(start + offset));
    }
}

/// A tensor of this shape with the values of `tensor` in the order of a [`walk`].
pub(super) fn rearranged(
    tensor: &Tensor,
    shape: Vec<usize>,
    at: impl Fn(usize, usize) -> usize,
) -> Result<Tensor> {
    let len = len(&shape, tensor.values.data_type())?;
    let values = same_type!(&tensor.values, v => {
        let mut values = Vec::with_capacity(len);
        walk(&shape, &at, |offset| values.extend(v.get(offset).cloned()));
        values
    });
    Tensor::new(shape, values)
}

/// The tensor whose axis `i` is axis `axes[i]` of the old.
pub(super) fn transposed(tensor: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let strides = strides(&tensor.shape);
    let shape = axes.iter().map(|&axis| tensor.shape[axis]).collect();
    rearranged(tensor, shape, |axis, index| index * strides[axes[axis]])
}

/// The part of a tensor from `begin` on.
pub(super) fn part(tensor: &Tensor, begin: &[usize], shape: Vec<usize>) -> Result<Tensor> {
    let strides = strides(&tensor.shape);
    rearranged(tensor, shape, |axis, index| (begin[axis] + index) * strides[axis])
}

/// The tensor with another shape, of as many values.
pub(super) fn reshaped(tensor: &Tensor, shape: Vec<usize>) -> Result<Tensor> {
    ensure!(
        len(&shape, tensor.values.data_type())? == tensor.values.len(),
        "a value of shape {:?} has a different number of elements than shape {shape:?}",
        tensor.shape
    );
    Ok(Tensor { shape, values: tensor.values.clone() })
}

/// The tensor repeated along its axes of size one, and along new ones before the first.
///
/// # Panics
/// When the shape is not one that the tensor can be broadcast to.
pub(super) fn broadcast<'a>(tensor: &'a Tensor, shape: &[usize]) -> Result<Cow<'a, Tensor>> {
    if tensor.shape == shape {
        return Ok(Cow::Borrowed(tensor));
    }
    let (new, strides) = (shape.len() - tensor.shape.len(), strides(&tensor.shape));
    let at = |axis: usize, index| match axis.checked_sub(new) {
        Some(axis) if tensor.shape[axis] > 1 => index * strides[axis],
        _ => 0,
    };
    Ok(Cow::Owned(rearranged(tensor, shape.to_vec(), at)?))
}

/// As many values of a type as `shape` asks for, all the one that `value` has.
pub(super) fn filled(value: &Values, shape: Vec<usize>) -> Result<Tensor> {
    ensure!(value.len() == 1, "expected one value to fill with, got {}", value.len());
    let len = len(&shape, value.data_type())?;
    let values = same_type!(value, v => v.iter().cycle().take(len).cloned().collect());
    Ok(Tensor { shape, values })
}
