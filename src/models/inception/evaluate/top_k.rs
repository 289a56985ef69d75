//! `TopKV2`: the largest values of each row, and their indices.

use std::cmp::Ordering;

use anyhow::{Context, Result, ensure};

use super::call::{Call, Operation, size};
use super::joins::{append, none_of};
use super::numbers::{Numbers, len, numeric};
use crate::data::graphdef::{DataType, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[Operation::several("TopKV2", 2, top_k)];

/// Largest first, of equal ones the first; TensorFlow leaves the order open where `sorted` is false.
fn top_k(call: &Call<'_>) -> Result<Vec<Tensor>> {
    let (input, k) = (call.inputs[0], size(call.int(1)?)?);
    let row = *input.shape.last().context("a scalar has no last axis")?;
    ensure!(k <= row, "rows of shape {:?} have fewer than {k} values", input.shape);
    let mut shape = input.shape.clone();
    shape.pop();
    shape.push(k);
    let n = len(&shape, input.values.data_type())?;
    let mut indices = Vec::with_capacity(n);
    let mut values = none_of(&input.values, n);
    let rows = if n == 0 { 0 } else { input.values.len() / row };
    for start in (0..rows).map(|index| index * row) {
        let order = numeric!(&input.values, v => order(&v[start..start + row]));
        for index in order.into_iter().take(k) {
            append(&mut values, &input.values, start + index..start + index + 1)?;
            indices.push(index as i64);
        }
    }
    let of_indices = call.node.data_type("index_type", DataType::Int32)?;
    let indices = Numbers::Ints(indices).into_values(of_indices)?;
    Ok(vec![Tensor::new(shape.clone(), values)?, Tensor::new(shape, indices)?])
}

/// The indices of values, the largest first; NaN comes before all.
fn order<T: PartialOrd>(values: &[T]) -> Vec<usize> {
    let is_none = |value: &T| value.partial_cmp(value).is_none();
    let descending = |a: &usize, b: &usize| -> Ordering {
        let (a, b) = (&values[*a], &values[*b]);
        b.partial_cmp(a).unwrap_or_else(|| is_none(b).cmp(&is_none(a)))
    };
    let mut order: Vec<_> = (0..values.len()).collect();
    order.sort_by(descending);
    order
}
