//! An operation, and the arguments of its call.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, bail, ensure};

use super::numbers::integers;
use crate::data::graphdef::{FrozenNode, Tensor};

/// An operation of TensorFlow.
pub(super) struct Operation {
    /// Its name in graphs.
    pub(super) name: &'static str,
    /// How many values it reads.
    pub(super) inputs: RangeInclusive<usize>,
    /// How it is computed.
    pub(super) run: Run,
}

/// A function of the number of outputs that an operation has.
pub(super) enum Run {
    /// One output.
    One(fn(&Call<'_>) -> Result<Tensor>),
    /// Any number of them.
    Several(fn(&Call<'_>) -> Result<Vec<Tensor>>),
}

/// A node and what it reads, as many values as its [`Operation`] asks for.
pub(super) struct Call<'a> {
    /// The node, for its attributes.
    pub(super) node: &'a FrozenNode,
    /// The values.
    pub(super) inputs: &'a [&'a Tensor],
}

impl Operation {
    /// An operation of `inputs` values that has one output.
    pub(super) const fn one(
        name: &'static str,
        inputs: usize,
        run: fn(&Call<'_>) -> Result<Tensor>,
    ) -> Self {
        Self { name, inputs: inputs..=inputs, run: Run::One(run) }
    }

    /// An operation of at least `inputs` values that has one output.
    pub(super) const fn one_of_many(
        name: &'static str,
        inputs: usize,
        run: fn(&Call<'_>) -> Result<Tensor>,
    ) -> Self {
        Self { name, inputs: inputs..=usize::MAX, run: Run::One(run) }
    }

    /// An operation of at least `inputs` values that has any number of outputs.
    pub(super) const fn several_of_many(
        name: &'static str,
        inputs: usize,
        run: fn(&Call<'_>) -> Result<Vec<Tensor>>,
    ) -> Self {
        Self { name, inputs: inputs..=usize::MAX, run: Run::Several(run) }
    }

    /// An operation of `inputs` values that has any number of outputs.
    pub(super) const fn several(
        name: &'static str,
        inputs: usize,
        run: fn(&Call<'_>) -> Result<Vec<Tensor>>,
    ) -> Self {
        Self { name, inputs: inputs..=inputs, run: Run::Several(run) }
    }
}

impl<'a> Call<'a> {
    /// The integers of an input that is a vector, or a scalar, which is a vector of one.
    pub(super) fn ints(&self, index: usize) -> Result<Vec<i64>> {
        let input = self.inputs[index];
        ensure!(input.shape.len() <= 1, "expected a vector, got shape {:?}", input.shape);
        integers(&input.values)
    }

    /// The integer of an input that has one value.
    pub(super) fn int(&self, index: usize) -> Result<i64> {
        let input = self.inputs[index];
        match integers(&input.values)?[..] {
            [value] => Ok(value),
            _ => bail!("expected one integer, got shape {:?}", input.shape),
        }
    }

    /// The sizes of an input that is a vector.
    pub(super) fn sizes(&self, index: usize) -> Result<Vec<usize>> {
        self.ints(index)?.into_iter().map(size).collect()
    }

    /// The rows (n, 2) of an input, such as a padding's for each of `n` axes.
    pub(super) fn pairs(&self, index: usize, n: usize) -> Result<Vec<[usize; 2]>> {
        let input = self.inputs[index];
        ensure!(
            input.shape == [n, 2],
            "expected two numbers for each of {n} axes, got shape {:?}",
            input.shape
        );
        let values: Vec<_> =
            integers(&input.values)?.into_iter().map(size).collect::<Result<_>>()?;
        Ok(values.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect())
    }

    /// The axis of a value of `rank` dimensions that an input names.
    pub(super) fn axis(&self, index: usize, rank: usize) -> Result<usize> {
        axis(self.int(index)?, rank)
    }
}

/// An integer that is a size.
pub(super) fn size(value: i64) -> Result<usize> {
    usize::try_from(value).with_context(|| format!("{value} is not a valid size"))
}

/// The axis of a value of `rank` dimensions by its number, which is negative if it counts from the
/// end.
pub(super) fn axis(number: i64, rank: usize) -> Result<usize> {
    let from_end = if number < 0 { rank as i64 } else { 0 };
    let axis = number.checked_add(from_end).and_then(|axis| usize::try_from(axis).ok());
    axis.filter(|axis| *axis < rank)
        .with_context(|| format!("axis {number} is out of range for {rank} dimensions"))
}
