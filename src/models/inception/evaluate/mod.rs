//! Single nodes of a frozen graph, evaluated plainly: what TensorFlow 1 computes from the same inputs.
//!
//! This covers what is computed once or is small (constant folding, preprocessing in the graph, what
//! comes after the network) and attributes that the fast operators lack, and it is the reference for
//! those. Sums are accumulated in `f64`.
//!
//! Each file has the operations of one kind and lists them in its `OPERATIONS`. Attributes that a
//! node lacks have TensorFlow's defaults. Floats of 16 bits are computed as `f32`, as the graph's
//! reader widens them. Inputs are hostile: sizes are checked before memory is asked for.

mod activations;
mod arithmetic;
mod batch_norm;
mod broadcast;
mod call;
mod comparisons;
mod convolutions;
mod data_format;
mod generation;
mod joins;
mod lrn;
mod numbers;
mod padding;
mod passing;
mod pools;
mod products;
mod quantization;
mod rearrange;
mod reductions;
mod resize;
mod shapes;
mod slices;
mod sliding_window;
mod space_to_batch;
mod strided_slice;
mod top_k;
mod unary;

#[cfg(test)]
mod tests;

use anyhow::{Context, Error, Result, ensure};

use crate::data::graphdef::{FrozenNode, Tensor};
use call::{Call, Operation, Run};

/// The operations by kind.
const KINDS: &[&[Operation]] = &[
    activations::OPERATIONS,
    arithmetic::OPERATIONS,
    batch_norm::OPERATIONS,
    comparisons::OPERATIONS,
    convolutions::OPERATIONS,
    generation::OPERATIONS,
    joins::OPERATIONS,
    lrn::OPERATIONS,
    padding::OPERATIONS,
    passing::OPERATIONS,
    pools::OPERATIONS,
    products::OPERATIONS,
    quantization::OPERATIONS,
    reductions::OPERATIONS,
    resize::OPERATIONS,
    shapes::OPERATIONS,
    slices::OPERATIONS,
    space_to_batch::OPERATIONS,
    strided_slice::OPERATIONS,
    top_k::OPERATIONS,
    unary::OPERATIONS,
];

/// The outputs of a node from those of its inputs, both in the order of TensorFlow's definition of
/// the operation. Constants, placeholders and the flow of control are the caller's.
///
/// # Errors
/// An operation that is not known, and inputs or attributes that it does not take; all name the node.
pub fn evaluate(node: &FrozenNode, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    let title = node.title();
    outputs(node, inputs).map_err(|error| named(&title, error))
}

/// Whether [`evaluate`] knows an operation.
pub fn knows(op: &str) -> bool {
    find(op).is_some()
}

fn find(op: &str) -> Option<&'static Operation> {
    KINDS.iter().copied().flatten().find(|operation| operation.name == op)
}

fn outputs(node: &FrozenNode, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    let operation = find(&node.op).context("the operation is not known")?;
    let (least, most) = operation.inputs.clone().into_inner();
    ensure!(
        operation.inputs.contains(&inputs.len()),
        "the number of its inputs is {}, not {}",
        if least == most { least.to_string() } else { format!("{least} or more") },
        inputs.len()
    );
    let call = Call { node, inputs };
    match operation.run {
        Run::One(run) => Ok(vec![run(&call)?]),
        Run::Several(run) => run(&call),
    }
}

/// Adds the node's name to an error; errors of attributes already have it.
fn named(title: &str, error: Error) -> Error {
    if error.to_string().starts_with(title) { error } else { error.context(title.to_owned()) }
}
