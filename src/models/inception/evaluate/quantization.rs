//! Numbers that are rounded to the steps of a quantised network, and stay floats.

use anyhow::{Result, bail, ensure};

use super::call::{Call, Operation};
use super::numbers::not_taken;
use crate::data::graphdef::{Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("FakeQuantWithMinMaxArgs", 1, of_args),
    Operation::one("FakeQuantWithMinMaxVars", 3, of_vars),
    Operation::one("FakeQuantWithMinMaxVarsPerChannel", 3, per_channel),
];

/// The quantization steps from the lowest number to the highest; one of them is zero
/// (`tensorflow/core/kernels/fake_quant_ops_functor.h`).
struct Steps {
    size: f32,
    lowest: f32,
    highest: f32,
}

impl Steps {
    /// The steps of a node between two numbers, which are nudged until zero is a step. None if both are
    /// zero.
    fn of(call: &Call<'_>, min: f32, max: f32) -> Result<Option<Self>> {
        let bits = call.node.int("num_bits", 8)?;
        ensure!((2..=16).contains(&bits), "num_bits must be from 2 to 16, not {bits}");
        let first = if call.node.flag("narrow_range", false)? { 1.0 } else { 0.0 };
        let last = ((1u32 << bits) - 1) as f32;
        if min == 0.0 && max == 0.0 {
            return Ok(None);
        }
        let size = (max - min) / (last - first);
        let zero = first - min / size;
        let zero = if zero < first {
            first
        } else if zero > last {
            last
        } else {
            zero.round()
        };
        Ok(Some(Self { size, lowest: (first - zero) * size, highest: (last - zero) * size }))
    }

    fn nearest(&self, x: f32) -> f32 {
        let x = if x > self.highest { self.highest } else { x };
        let x = if x < self.lowest { self.lowest } else { x };
        let per_step = 1.0 / self.size;
        let zero = (-self.lowest * per_step + 0.5).floor();
        ((x - self.lowest) * per_step - zero + 0.5).floor() * self.size
    }
}

fn nearest(steps: Option<&Steps>, x: f32) -> f32 {
    steps.map_or(0.0, |steps| steps.nearest(x))
}

fn floats<'a>(call: &Call<'a>, index: usize) -> Result<&'a [f32]> {
    match &call.inputs[index].values {
        Values::Float(values) => Ok(values),
        other => Err(not_taken(other)),
    }
}

/// The input, each value by the steps for its last axis: all of these, or the only ones.
fn quantized(call: &Call<'_>, steps: &[Option<Steps>]) -> Result<Tensor> {
    let one = |(x, steps): (&f32, &Option<Steps>)| nearest(steps.as_ref(), *x);
    let values = floats(call, 0)?.iter().zip(steps.iter().cycle()).map(one).collect();
    Tensor::new(call.inputs[0].shape.clone(), Values::Float(values))
}

fn of_args(call: &Call<'_>) -> Result<Tensor> {
    let (min, max) = (call.node.float("min", -6.0)?, call.node.float("max", 6.0)?);
    ensure!(min < max, "min {min} is not below max {max}");
    quantized(call, &[Steps::of(call, min, max)?])
}

fn of_vars(call: &Call<'_>) -> Result<Tensor> {
    match (floats(call, 1)?, floats(call, 2)?) {
        ([min], [max]) => quantized(call, &[Steps::of(call, *min, *max)?]),
        _ => {
            let [min, max] = [&call.inputs[1].shape, &call.inputs[2].shape];
            bail!("min and max must be scalars, not of shapes {min:?} and {max:?}")
        }
    }
}

fn per_channel(call: &Call<'_>) -> Result<Tensor> {
    let [of, min, max] = [0, 1, 2].map(|index| &call.inputs[index].shape);
    let fits = min.len() == 1 && min == max && of.last() == min.first();
    ensure!(fits, "min and max of shapes {min:?} and {max:?} do not match shape {of:?}");
    let pairs = floats(call, 1)?.iter().zip(floats(call, 2)?);
    let steps: Vec<_> =
        pairs.map(|(min, max)| Steps::of(call, *min, *max)).collect::<Result<_>>()?;
    quantized(call, &steps)
}
