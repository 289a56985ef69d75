//! The values with which layers of images begin.

use candle_core::Result;

use super::Parameter;

/// Weights from a normal distribution cut at two standard deviations, biases all the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Initial {
    /// The standard deviation of the weights, before the cut.
    pub stddev: f64,
    /// Every bias.
    pub bias: f32,
}

impl Initial {
    /// The parameters `name/weights` and `name/biases`, one bias for each value of the last
    /// axis.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub(super) fn parameters(
        self,
        name: &str,
        shape: &[usize],
        seed: u64,
    ) -> Result<(Parameter, Parameter)> {
        let weights = format!("{name}/weights");
        let outputs = &shape[shape.len() - 1..];
        Ok((
            Parameter::truncated_normal(&weights, shape, self.stddev, seed)?,
            Parameter::constant(&format!("{name}/biases"), outputs, self.bias)?,
        ))
    }
}
