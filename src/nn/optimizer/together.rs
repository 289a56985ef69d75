//! Several parameters changed at the same time.

use anyhow::Result;

use crate::nn::Parameter;

/// Changes the values of `parameter` and of `others` in place.
///
/// # Errors
/// What Candle reports of the storage.
pub fn update_together<const N: usize>(
    parameter: &Parameter,
    others: [&Parameter; N],
    work: impl FnOnce(&mut [f32], [&mut [f32]; N]),
) -> Result<()> {
    parameter.update(|values| {
        let held = std::array::from_fn(|_| <&mut [f32]>::default());
        hold(&others, 0, held, |others| work(values, others))
    })?
}

/// Borrows the values of `parameters` from the one at `at` on, one inside the other, since Candle
/// lends values to a closure.
fn hold<const N: usize, F: FnOnce([&mut [f32]; N])>(
    parameters: &[&Parameter; N],
    at: usize,
    held: [&mut [f32]; N],
    work: F,
) -> Result<()> {
    let Some(parameter) = parameters.get(at) else {
        work(held);
        return Ok(());
    };
    parameter.update(|values| {
        let mut held: [&mut [f32]; N] = held;
        held[at] = values;
        hold(parameters, at + 1, held, work)
    })?
}
