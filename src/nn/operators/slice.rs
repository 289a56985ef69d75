//! A part of a value.

use super::{Backward, Forward, Operator, Reference, Shapes, written};
use crate::ops::blocks::{Part, copy_from, copy_into};

/// The `len` elements of an axis, which is not the first, starting at `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first place.
    pub start: usize,
    /// Places.
    pub len: usize,
}

impl Slice {
    fn part(&self, shapes: &Shapes) -> Part {
        let inner: usize = shapes.output[self.axis + 1..].iter().product();
        let whole = shapes.inputs[0][self.axis] * inner;
        Part { whole, offset: self.start * inner, len: self.len * inner }
    }
}

impl Operator for Slice {
    fn kind(&self) -> String {
        "slice".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let input = &shapes.inputs[0];
        let Self { axis, start, len } = *self;
        let end = start.saturating_add(len);
        if axis == 0 || len == 0 || input.get(axis).is_none_or(|&places| end > places) {
            let input = written(input);
            return Err(format!("{input} has no range {start}..{end} along axis {axis}"));
        }
        let mut output = input.clone();
        output[axis] = len;
        Ok(output)
    }

    fn forward(&self, run: Forward) {
        copy_from(run.cpu, self.part(run.shapes), run.x[0], run.y);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            dx.fill(0.0);
            copy_into(run.cpu, self.part(run.shapes), run.dy, dx);
        }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let Part { whole, offset, len } = self.part(run.shapes);
        run.x[0].chunks(whole).flat_map(|x| &x[offset..offset + len]).copied().collect()
    }
}
