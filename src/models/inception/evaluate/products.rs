//! Products of matrices, and biases.

use std::borrow::Cow;

use anyhow::{Result, ensure};

use super::arithmetic::sum;
use super::broadcast::common_shape;
use super::call::{Call, Operation};
use super::data_format::DataFormat;
use super::numbers::{Numbers, len, two_types};
use super::rearrange::{broadcast, reshaped, transposed};
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("MatMul", 2, mat_mul),
    Operation::one("BatchMatMul", 2, |call| batch_mat_mul(call, false)),
    Operation::one("BatchMatMulV2", 2, |call| batch_mat_mul(call, true)),
    Operation::one("BiasAdd", 2, bias_add),
];

fn mat_mul(call: &Call<'_>) -> Result<Tensor> {
    let [left, right] = [call.inputs[0], call.inputs[1]];
    let (of, by) = (&left.shape, &right.shape);
    ensure!(of.len() == 2 && by.len() == 2, "shapes {of:?} and {by:?} are not those of matrices");
    let flag = |key| call.node.flag(key, false);
    product(left, right, flag("transpose_a")?, flag("transpose_b")?)
}

fn batch_mat_mul(call: &Call<'_>, is_broadcast: bool) -> Result<Tensor> {
    let [left, right] = [call.inputs[0], call.inputs[1]];
    let (of, by) = (&left.shape, &right.shape);
    ensure!(of.len() >= 2 && by.len() >= 2, "shapes {of:?} and {by:?} are not those of matrices");
    let batches = [&of[..of.len() - 2], &by[..by.len() - 2]];
    ensure!(
        is_broadcast || batches[0] == batches[1],
        "shapes {of:?} and {by:?} have different batch sizes"
    );
    let batch = common_shape(batches[0], batches[1])?;
    let whole = |shape: &[usize]| [&batch[..], &shape[shape.len() - 2..]].concat();
    let [left, right] = [broadcast(left, &whole(of))?, broadcast(right, &whole(by))?];
    let flag = |key| call.node.flag(key, false);
    product(&left, &right, flag("adj_x")?, flag("adj_y")?)
}

/// The products of the matrices (…, m, k) and (…, k, n) of one batch, or of their transposes.
fn product(left: &Tensor, right: &Tensor, flip_left: bool, flip_right: bool) -> Result<Tensor> {
    let [left, right] = [flipped(left, flip_left)?, flipped(right, flip_right)?];
    let (of, by) = (&left.shape, &right.shape);
    let (rank, data_type) = (of.len(), left.values.data_type());
    let (inner, columns) = (of[rank - 1], by[rank - 1]);
    ensure!(inner == by[rank - 2], "shapes {of:?} and {by:?} cannot be multiplied");
    let mut shape = of.clone();
    shape[rank - 1] = columns;
    let n = len(&shape, data_type)?;
    let sizes = [of[rank - 2], inner, columns];
    let numbers = match (Numbers::of(&left.values)?, Numbers::of(&right.values)?) {
        _ if right.values.data_type() != data_type || matches!(left.values, Values::Bool(_)) => {
            return Err(two_types(&left.values, &right.values));
        }
        (Numbers::Floats(a), Numbers::Floats(b)) => {
            Numbers::Floats(products(&a, &b, sizes, vec![0.0; n], |sum, a, b| sum + a * b))
        }
        (Numbers::Ints(a), Numbers::Ints(b)) => {
            let add = |sum: i64, a: i64, b: i64| sum.wrapping_add(a.wrapping_mul(b));
            Numbers::Ints(products(&a, &b, sizes, vec![0; n], add))
        }
        _ => return Err(two_types(&left.values, &right.values)),
    };
    Tensor::new(shape, numbers.into_values(data_type)?)
}

/// Adds the products of all matrices to `sums`, row by row.
fn products<T: Copy>(
    left: &[T],
    right: &[T],
    [rows, inner, columns]: [usize; 3],
    mut sums: Vec<T>,
    add: impl Fn(T, T, T) -> T,
) -> Vec<T> {
    if sums.is_empty() || inner == 0 {
        return sums;
    }
    for (row, sums) in sums.chunks_exact_mut(columns).enumerate() {
        let matrix = &right[row / rows * inner * columns..][..inner * columns];
        let factors = &left[row * inner..][..inner];
        for (factor, line) in factors.iter().zip(matrix.chunks_exact(columns)) {
            sums.iter_mut().zip(line).for_each(|(sum, value)| *sum = add(*sum, *factor, *value));
        }
    }
    sums
}

/// The matrices (…, m, n), or else (…, n, m).
fn flipped(matrices: &Tensor, is_flipped: bool) -> Result<Cow<'_, Tensor>> {
    if !is_flipped {
        return Ok(Cow::Borrowed(matrices));
    }
    let mut axes: Vec<_> = (0..matrices.shape.len()).collect();
    axes[matrices.shape.len() - 2..].reverse();
    transposed(matrices, &axes).map(Cow::Owned)
}

fn bias_add(call: &Call<'_>) -> Result<Tensor> {
    let [input, bias] = [call.inputs[0], call.inputs[1]];
    let (of, by) = (&input.shape, &bias.shape);
    ensure!(of.len() >= 2, "shape {of:?} has no batch and channel axes");
    let axis = match DataFormat::of(call.node)? {
        DataFormat::Nhwc => of.len() - 1,
        DataFormat::Nchw => 1,
    };
    ensure!(by[..] == [of[axis]], "a bias of shape {by:?} does not match shape {of:?}");
    let mut shape = vec![1; of.len()];
    shape[axis] = of[axis];
    sum(input, &reshaped(bias, shape)?)
}
