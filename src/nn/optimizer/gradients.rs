//! What is asked of gradients before a step.

use anyhow::{Result, bail};

use crate::nn::{Gradient, Parameter};
use crate::ops::{Cpu, ensure_finite};

/// Checks that every parameter has a gradient of its size.
///
/// # Errors
/// When one has not.
pub fn check_sizes(parameters: &[Parameter], gradients: &[Gradient]) -> Result<()> {
    if parameters.len() != gradients.len() {
        bail!("there are {} parameters and {} gradients", parameters.len(), gradients.len());
    }
    for (parameter, gradient) in parameters.iter().zip(gradients) {
        let name = parameter.name();
        match gradient {
            Gradient::Dense { len, .. } if *len != parameter.len() => {
                bail!("the gradient of {name} has {len} values, not {}", parameter.len())
            }
            Gradient::Rows { width, .. } if parameter.shape().last() != Some(width) => {
                bail!("the gradient of {name} has rows of {width}, not {:?}", parameter.shape())
            }
            _ => (),
        }
    }
    Ok(())
}

/// The norm over the gradients of all trained parameters.
///
/// # Errors
/// Names the first parameter whose gradient has a value that is not finite.
pub fn global_norm(cpu: &Cpu, parameters: &[Parameter], gradients: &[Gradient]) -> Result<f64> {
    let mut squares = 0.0;
    for (parameter, gradient) in parameters.iter().zip(gradients) {
        let sum = gradient.sum_of_squares(cpu);
        ensure_finite(sum, &format!("the gradient of {}", parameter.name()))?;
        if parameter.statistic_momentum().is_none() {
            squares += sum;
        }
    }
    Ok(squares.sqrt())
}
