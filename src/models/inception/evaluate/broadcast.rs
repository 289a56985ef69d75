//! Shapes that are brought together as numpy does: an axis of size one, or one that is lacking before
//! the first, is repeated.

use std::borrow::Cow;

use anyhow::{Context, Result};

use super::rearrange::broadcast;
use crate::data::graphdef::Tensor;

/// The shape that two are broadcast to.
///
/// # Errors
/// Shapes that do not go together.
pub(super) fn common_shape(left: &[usize], right: &[usize]) -> Result<Vec<usize>> {
    let rank = left.len().max(right.len());
    let size = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis])
    };
    let common = |axis| match (size(left, axis), size(right, axis)) {
        (left, right) if left == right => Some(left),
        (1, other) | (other, 1) => Some(other),
        _ => None,
    };
    let shape: Option<_> = (0..rank).map(common).collect();
    shape.with_context(|| format!("shapes {left:?} and {right:?} cannot be broadcast together"))
}

/// Two tensors of one shape.
///
/// # Errors
/// See [`common_shape`].
pub(super) fn together<'a>(
    left: &'a Tensor,
    right: &'a Tensor,
) -> Result<(Cow<'a, Tensor>, Cow<'a, Tensor>)> {
    let shape = common_shape(&left.shape, &right.shape)?;
    Ok((broadcast(left, &shape)?, broadcast(right, &shape)?))
}
