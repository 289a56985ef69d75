//! Parameters to and from checkpoints.

use anyhow::{Result, ensure};
use candle_core::Tensor;

use super::model::LanguageModel;
use crate::checkpoint::{Checkpoint, Dtype};

/// Every parameter by name; the tensors share the model's memory.
pub fn of(model: &LanguageModel) -> Vec<(String, Tensor)> {
    let named = |p: &&crate::nn::Parameter| (p.name().to_string(), p.tensor().clone());
    model.parameters().iter().map(named).collect()
}

/// Holds the checkpoint to exactly these names and shapes.
///
/// # Errors
/// Every difference.
pub fn check_exactly(checkpoint: &Checkpoint, tensors: &[(String, Tensor)]) -> Result<()> {
    checkpoint.expect("ptb", &signatures(tensors))
}

/// Holds every parameter to finite values.
///
/// # Errors
/// The first parameter with another value.
pub fn check_finite(model: &LanguageModel) -> Result<()> {
    for parameter in model.parameters() {
        let is_finite = parameter.values().iter().all(|value| value.is_finite());
        ensure!(is_finite, "the parameter {} is not finite", parameter.name());
    }
    Ok(())
}

/// Takes over the parameters of a checkpoint, which may hold other tensors too.
///
/// # Errors
/// When a parameter is missing or has another shape.
pub fn load(model: &LanguageModel, checkpoint: &Checkpoint) -> Result<()> {
    checkpoint.expect_among("ptb", &signatures(&of(model)))?;
    for parameter in model.parameters() {
        parameter.set(&values(checkpoint, parameter.name())?)?;
    }
    Ok(())
}

/// The values of one tensor.
///
/// # Errors
/// When there is none of this name, or a value is not finite.
pub fn values(checkpoint: &Checkpoint, name: &str) -> Result<Vec<f32>> {
    let tensor = checkpoint.tensor(name)?;
    let (chunks, _) = tensor.data().as_chunks::<4>();
    let values: Vec<f32> = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "{}: {name} holds a value that is not finite",
        checkpoint.path.display()
    );
    Ok(values)
}

fn signatures(tensors: &[(String, Tensor)]) -> Vec<(&str, Dtype, &[usize])> {
    tensors.iter().map(|(name, tensor)| (&name[..], Dtype::F32, tensor.dims())).collect()
}
