//! `SpaceToBatchND` and `BatchToSpaceND`: the old way to write dilated convolutions.

use anyhow::{Context, Result, ensure};

use super::call::{Call, Operation};
use super::padding::{border, zero};
use super::rearrange::{part, reshaped, transposed};
use crate::data::graphdef::Tensor;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("SpaceToBatchND", 3, space_to_batch),
    Operation::one("BatchToSpaceND", 3, batch_to_space),
];

/// The sizes of a block, and two numbers for each of its axes, which follow the batch.
fn blocks(call: &Call<'_>) -> Result<(Vec<usize>, Vec<[usize; 2]>)> {
    let (of, blocks) = (&call.inputs[0].shape, call.sizes(1)?);
    ensure!(of.len() > blocks.len(), "blocks {blocks:?} do not match shape {of:?}");
    ensure!(!blocks.contains(&0), "blocks {blocks:?} are empty");
    let pairs = call.pairs(2, blocks.len())?;
    Ok((blocks, pairs))
}

fn space_to_batch(call: &Call<'_>) -> Result<Tensor> {
    let (input, (blocks, paddings)) = (call.inputs[0], blocks(call)?);
    let (rank, n) = (input.shape.len(), blocks.len());
    let borders = [&[[0; 2]], &paddings[..], &vec![[0; 2]; rank - n - 1]].concat();
    let padded = border(input, &borders, &zero(&input.values))?;
    let of = &padded.shape;
    let fits = of[1..].iter().zip(&blocks).all(|(size, block)| size.is_multiple_of(*block));
    ensure!(fits, "blocks {blocks:?} do not divide the padded shape {of:?}");
    // (batch, rows / block, block, columns / block, block, …, channels)
    let mut apart = vec![of[0]];
    of[1..].iter().zip(&blocks).for_each(|(size, block)| apart.extend([size / block, *block]));
    apart.extend(&of[1 + n..]);
    let in_block = (0..n).map(|axis| 2 + 2 * axis);
    let rest = (0..n).map(|axis| 1 + 2 * axis).chain(1 + 2 * n..apart.len());
    let axes: Vec<_> = in_block.chain([0]).chain(rest).collect();
    let moved = transposed(&reshaped(&padded, apart)?, &axes)?;
    let mut shape = vec![times(of[0], &blocks)?];
    shape.extend(&moved.shape[n + 1..]);
    reshaped(&moved, shape)
}

fn batch_to_space(call: &Call<'_>) -> Result<Tensor> {
    let (input, (blocks, crops)) = (call.inputs[0], blocks(call)?);
    let (of, n) = (&input.shape, blocks.len());
    let block = times(1, &blocks)?;
    ensure!(of[0].is_multiple_of(block), "blocks {blocks:?} do not divide the batch of {of:?}");
    // (block of rows, block of columns, …, batch, rows, columns, …, channels)
    let apart = [&blocks[..], &[of[0] / block], &of[1..]].concat();
    let spatial = (0..n).flat_map(|axis| [n + 1 + axis, axis]);
    let axes: Vec<_> = [n].into_iter().chain(spatial).chain(2 * n + 1..apart.len()).collect();
    let moved = transposed(&reshaped(input, apart)?, &axes)?;
    let mut whole = vec![of[0] / block];
    for (size, block) in of[1..].iter().zip(&blocks) {
        whole.push(size.checked_mul(*block).context("an axis is too large")?);
    }
    whole.extend(&of[1 + n..]);
    let moved = reshaped(&moved, whole)?;
    let (mut begin, mut shape) = (vec![0; of.len()], moved.shape.clone());
    for (axis, [before, after]) in (1..).zip(&crops) {
        let rest = shape[axis].checked_sub(*before).and_then(|rest| rest.checked_sub(*after));
        shape[axis] = rest.with_context(|| {
            format!("crops {crops:?} are larger than {whole:?}", whole = moved.shape)
        })?;
        begin[axis] = *before;
    }
    part(&moved, &begin, shape)
}

fn times(size: usize, blocks: &[usize]) -> Result<usize> {
    let product = blocks.iter().try_fold(size, |product, block| product.checked_mul(*block));
    product.with_context(|| format!("blocks {blocks:?} are too large"))
}
