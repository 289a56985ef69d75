//! Parameters to and from checkpoints.

use anyhow::{Result, ensure};
use candle_core::Tensor;

use crate::checkpoint::{Checkpoint, Dtype};
use crate::nn::graph::ParameterSpec;
use crate::nn::{Graph, Parameter};
use crate::ops::NotFinite;
use crate::system::memory;

/// Every parameter by name; the tensors share the parameters' memory.
///
/// # Errors
/// The first parameter with a value that is not finite: a run could not resume from it.
pub fn of(parameters: &[&Parameter]) -> Result<Vec<(String, Tensor)>> {
    let named = |parameter: &&Parameter| {
        let is_finite = parameter.values().iter().all(|value| value.is_finite());
        ensure!(is_finite, NotFinite::new(format!("the parameter {}", parameter.name())));
        Ok((parameter.name().to_string(), parameter.tensor()?))
    };
    parameters.iter().map(named).collect()
}

/// Checks that the checkpoint has exactly these names and shapes.
///
/// # Errors
/// Every difference.
pub fn check_exactly(
    model: &str,
    checkpoint: &Checkpoint,
    tensors: &[(String, Tensor)],
) -> Result<()> {
    let signature =
        |(name, tensor): &'_ (String, Tensor)| (name.clone(), Dtype::F32, tensor.dims().to_vec());
    checkpoint.expect(model, &tensors.iter().map(signature).collect::<Vec<_>>())
}

/// Checks that a checkpoint has the parameters of a network that is not made yet.
///
/// # Errors
/// When one is missing or has another shape.
pub fn expect(model: &str, graph: &Graph, checkpoint: &Checkpoint) -> Result<()> {
    let signature = |spec: &ParameterSpec| (spec.name.clone(), Dtype::F32, spec.shape.clone());
    checkpoint.expect_among(model, &graph.parameters.iter().map(signature).collect::<Vec<_>>())
}

/// Takes over parameters from a checkpoint, which may hold other tensors too.
///
/// # Errors
/// When a parameter is missing or has another shape, or a value is not finite.
pub fn load(model: &str, parameters: &[&Parameter], checkpoint: &Checkpoint) -> Result<()> {
    let named: Vec<_> = parameters.iter().map(|p| (p.name().to_string(), *p)).collect();
    load_named(model, &named, checkpoint)
}

/// As [`load`], each parameter from the tensor of that name.
///
/// # Errors
/// As [`load`].
pub fn load_named(
    model: &str,
    parameters: &[(String, &Parameter)],
    checkpoint: &Checkpoint,
) -> Result<()> {
    let signature = |(name, parameter): &(String, &Parameter)| {
        (name.clone(), Dtype::F32, parameter.shape().to_vec())
    };
    checkpoint.expect_among(model, &parameters.iter().map(signature).collect::<Vec<_>>())?;
    for (name, parameter) in parameters {
        parameter.set(&values(checkpoint, name)?)?;
    }
    Ok(())
}

/// The values of one tensor.
///
/// # Errors
/// When there is none of this name, memory cannot hold it, or a value is not finite.
pub fn values(checkpoint: &Checkpoint, name: &str) -> Result<Vec<f32>> {
    let tensor = checkpoint.tensor(name)?;
    let place = || format!("{}: {name}", checkpoint.path.display());
    memory::ensure_fits(tensor.data().len() as u64, place)?;
    let (chunks, _) = tensor.data().as_chunks::<4>();
    let values: Vec<f32> = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "{}: {name} has a value that is not finite",
        checkpoint.path.display()
    );
    Ok(values)
}
