//! `StridedSlice`: Python's slices, each with its bit in the masks of the node.

use anyhow::{Context, Result, bail, ensure};

use super::call::{Call, Operation};
use super::rearrange::{rearranged, reshaped, strides};
use crate::data::graphdef::Tensor;

pub(super) const OPERATIONS: &[Operation] = &[Operation::one("StridedSlice", 4, strided_slice)];

/// The most slices of one node: a mask has 32 bits.
const MAX_SLICES: usize = 32;

/// The mask bits of one slice.
struct Masks {
    /// It begins at the beginning.
    begin: i64,
    /// It ends at the end.
    end: i64,
    /// It covers all axes that no other slice names.
    ellipsis: i64,
    /// It is an axis of size one that the input lacks.
    new_axis: i64,
    /// It is an index, and its axis goes.
    shrink_axis: i64,
}

/// The part of one input axis to take.
struct Taken {
    first: i64,
    step: i64,
    size: usize,
}

/// An input's axes as they are taken, and the shape that they leave.
#[derive(Default)]
struct Selection {
    taken: Vec<Taken>,
    shape: Vec<usize>,
}

fn strided_slice(call: &Call<'_>) -> Result<Tensor> {
    let (input, begin, end, steps) = (call.inputs[0], call.ints(1)?, call.ints(2)?, call.ints(3)?);
    let selection = Selection::of(&input.shape, &masks(call)?, &begin, &end, &steps)
        .with_context(|| format!("begin {begin:?}, end {end:?}, strides {steps:?}"))?;
    let Selection { taken, shape } = selection;
    let strides = strides(&input.shape);
    let sizes = taken.iter().map(|axis| axis.size).collect();
    let at = |axis: usize, index: usize| {
        let Taken { first, step, .. } = taken[axis];
        (first + index as i64 * step) as usize * strides[axis]
    };
    reshaped(&rearranged(input, sizes, at)?, shape)
}

fn masks(call: &Call<'_>) -> Result<Masks> {
    let mask = |key| call.node.int(key, 0);
    Ok(Masks {
        begin: mask("begin_mask")?,
        end: mask("end_mask")?,
        ellipsis: mask("ellipsis_mask")?,
        new_axis: mask("new_axis_mask")?,
        shrink_axis: mask("shrink_axis_mask")?,
    })
}

fn has(mask: i64, slice: usize) -> bool {
    mask >> slice & 1 == 1
}

impl Selection {
    fn of(of: &[usize], masks: &Masks, begin: &[i64], end: &[i64], steps: &[i64]) -> Result<Self> {
        let n = begin.len();
        ensure!(n == end.len() && n == steps.len(), "their lengths differ");
        ensure!(n <= MAX_SLICES, "there are more than {MAX_SLICES} slices");
        let is_ellipsis = |slice: &usize| has(masks.ellipsis, *slice);
        ensure!((0..n).filter(is_ellipsis).count() <= 1, "there is more than one ellipsis");
        let is_axis = |slice: &usize| !is_ellipsis(slice) && !has(masks.new_axis, *slice);
        let named = (0..n).filter(is_axis).count();
        let others = of.len().checked_sub(named);
        let others = others.with_context(|| format!("shape {of:?} does not have {named} axes"))?;
        let mut selection = Self::default();
        for slice in 0..n {
            if is_ellipsis(&slice) {
                selection.take_whole(of, others);
            } else if has(masks.new_axis, slice) {
                selection.shape.push(1);
            } else {
                let size = of[selection.taken.len()];
                let [begin, end, step] = [begin[slice], end[slice], steps[slice]];
                ensure!(step != 0, "a stride is zero");
                if has(masks.shrink_axis, slice) {
                    selection.take_one(size, begin, step)?;
                } else {
                    let begin = (!has(masks.begin, slice)).then_some(begin);
                    let end = (!has(masks.end, slice)).then_some(end);
                    selection.take_slice(size, begin, end, step);
                }
            }
        }
        let rest = of.len() - selection.taken.len();
        selection.take_whole(of, rest);
        Ok(selection)
    }

    fn take_whole(&mut self, of: &[usize], axes: usize) {
        for _ in 0..axes {
            let size = of[self.taken.len()];
            self.take(Taken { first: 0, step: 1, size });
        }
    }

    fn take_one(&mut self, size: usize, index: i64, step: i64) -> Result<()> {
        ensure!(step > 0, "an index has the stride {step}");
        let first = from_start(index, size);
        if !(0..size as i64).contains(&first) {
            bail!("index {index} is out of range for an axis of size {size}");
        }
        self.taken.push(Taken { first, step: 1, size: 1 });
        Ok(())
    }

    /// Both ends are clamped to the axis; a missing end means the end of the axis.
    fn take_slice(&mut self, size: usize, begin: Option<i64>, end: Option<i64>, step: i64) {
        let (lowest, highest) = if step > 0 { (0, size as i64) } else { (-1, size as i64 - 1) };
        let (start, stop) = if step > 0 { (lowest, highest) } else { (highest, lowest) };
        let cut = |at: i64| from_start(at, size).clamp(lowest, highest);
        let (first, end) = (begin.map_or(start, cut), end.map_or(stop, cut));
        let length = (end - first).unsigned_abs() as usize;
        let is_forward = (end > first) == (step > 0);
        let step_length = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
        let size = if is_forward && length > 0 { length.div_ceil(step_length) } else { 0 };
        self.take(Taken { first, step, size });
    }

    fn take(&mut self, taken: Taken) {
        self.shape.push(taken.size);
        self.taken.push(taken);
    }
}

/// Converts an index that is negative if it counts from the end.
fn from_start(index: i64, size: usize) -> i64 {
    if index < 0 { index + size as i64 } else { index }
}
