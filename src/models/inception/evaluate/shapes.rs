//! Shapes: asked for, and changed without a change of values.

use anyhow::{Context, Result, bail, ensure};

use super::call::{Call, Operation, axis, size};
use super::numbers::Numbers;
use super::rearrange::{reshaped, transposed};
use crate::data::graphdef::{DataType, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Shape", 1, shape),
    Operation::one("Size", 1, |call| sizes(call, vec![], vec![call.inputs[0].values.len() as i64])),
    Operation::one("Rank", 1, rank),
    Operation::one("Reshape", 2, reshape),
    Operation::one("ExpandDims", 2, expand_dims),
    Operation::one("Squeeze", 1, squeeze),
    Operation::one("Transpose", 2, transpose),
];

/// Sizes, of the type that the node asks for.
fn sizes(call: &Call<'_>, shape: Vec<usize>, sizes: Vec<i64>) -> Result<Tensor> {
    let data_type = call.node.data_type("out_type", DataType::Int32)?;
    Tensor::new(shape, Numbers::Ints(sizes).into_values(data_type)?)
}

fn shape(call: &Call<'_>) -> Result<Tensor> {
    let shape = &call.inputs[0].shape;
    sizes(call, vec![shape.len()], shape.iter().map(|size| *size as i64).collect())
}

fn rank(call: &Call<'_>) -> Result<Tensor> {
    let rank = Numbers::Ints(vec![call.inputs[0].shape.len() as i64]);
    Tensor::new(vec![], rank.into_values(DataType::Int32)?)
}

fn reshape(call: &Call<'_>) -> Result<Tensor> {
    let (input, asked) = (call.inputs[0], call.ints(1)?);
    let open: Vec<_> = (0..asked.len()).filter(|&axis| asked[axis] == -1).collect();
    let mut shape: Vec<usize> = vec![0; asked.len()];
    for (axis, &asked) in asked.iter().enumerate().filter(|(_, asked)| **asked != -1) {
        shape[axis] = size(asked)?;
    }
    match open[..] {
        [] => {}
        [axis] => {
            shape[axis] = rest(&input.shape, &asked).with_context(|| {
                format!("a value of shape {:?} cannot be reshaped to {asked:?}", input.shape)
            })?;
        }
        _ => bail!("the shape {asked:?} has more than one unknown size"),
    }
    reshaped(input, shape)
}

/// The size that a shape leaves open. Where sizes are zero, the others decide.
fn rest(shape: &[usize], asked: &[i64]) -> Option<usize> {
    let counts = |size: usize| size > 0 || !asked.contains(&0);
    let product = |product: usize, size: usize| product.checked_mul(size);
    let values = shape.iter().copied().filter(|size| counts(*size)).try_fold(1, product)?;
    let mut known_sizes = asked.iter().filter(|size| **size > 0).map(|size| *size as usize);
    let known = known_sizes.try_fold(1, product)?;
    Some(values / known)
}

fn expand_dims(call: &Call<'_>) -> Result<Tensor> {
    let input = call.inputs[0];
    let mut shape = input.shape.clone();
    shape.insert(call.axis(1, shape.len() + 1)?, 1);
    reshaped(input, shape)
}

fn squeeze(call: &Call<'_>) -> Result<Tensor> {
    let input = call.inputs[0];
    let rank = input.shape.len();
    let axes = call.node.ints("squeeze_dims", &[][..])?;
    let axes: Vec<_> = axes.into_iter().map(|number| axis(number, rank)).collect::<Result<_>>()?;
    if let Some(&axis) = axes.iter().find(|axis| input.shape[**axis] != 1) {
        bail!("axis {axis} of shape {:?} does not have size 1", input.shape);
    }
    let goes = |axis| axes.contains(&axis) || axes.is_empty() && input.shape[axis] == 1;
    let stays = (0..rank).filter(|axis| !goes(*axis));
    reshaped(input, stays.map(|axis| input.shape[axis]).collect())
}

fn transpose(call: &Call<'_>) -> Result<Tensor> {
    let (input, numbers) = (call.inputs[0], call.ints(1)?);
    let rank = input.shape.len();
    let axes: Vec<_> = numbers.iter().map(|&it| axis(it, rank)).collect::<Result<_>>()?;
    let is_permutation = axes.len() == rank && (0..rank).all(|axis| axes.contains(&axis));
    ensure!(
        is_permutation,
        "{numbers:?} is not a permutation of the axes of shape {:?}",
        input.shape
    );
    transposed(input, &axes)
}
