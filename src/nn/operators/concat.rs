//! Values put side by side along an axis.

use super::{Backward, Forward, Operator, Reference, Shapes, written};
use crate::ops::blocks::{Part, copy_from, copy_into};

/// Concatenation along an axis that is not the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Concat {
    /// Where each input is in the output.
    fn parts(&self, shapes: &Shapes) -> Vec<Part> {
        let inner: usize = shapes.output[self.axis + 1..].iter().product();
        let whole = shapes.output[self.axis] * inner;
        let mut offset = 0;
        let part = |shape: &Vec<usize>| {
            let part = Part { whole, offset, len: shape[self.axis] * inner };
            offset += part.len;
            part
        };
        shapes.inputs.iter().map(part).collect()
    }
}

impl Operator for Concat {
    fn kind(&self) -> String {
        "concat".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let first = &shapes.inputs[0];
        if !(1..first.len()).contains(&self.axis) {
            return Err(format!(
                "{} has no axis {} to concatenate along (other than the batch axis)",
                written(first),
                self.axis
            ));
        }
        let mut output = first.clone();
        for other in &shapes.inputs[1..] {
            let but_axis =
                |shape: &[usize]| [&shape[..self.axis], &shape[self.axis + 1..]].concat();
            if other.len() != first.len() || but_axis(other) != but_axis(first) {
                let (first, other, axis) = (written(first), written(other), self.axis);
                return Err(format!("{first} and {other} differ in an axis other than {axis}"));
            }
            output[self.axis] += other[self.axis];
        }
        Ok(output)
    }

    fn forward(&self, run: Forward) {
        for (x, part) in run.x.into_iter().zip(self.parts(run.shapes)) {
            copy_into(run.cpu, part, x, run.y);
        }
    }

    fn backward(&self, run: Backward) {
        for (dx, part) in run.dx.into_iter().zip(self.parts(run.shapes)) {
            if let Some(dx) = dx {
                copy_from(run.cpu, part, run.dy, dx);
            }
        }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let mut y = vec![0.0; run.shapes.outputs()];
        for (x, Part { whole, offset, len }) in run.x.iter().zip(self.parts(run.shapes)) {
            for (x, y) in x.chunks(len).zip(y.chunks_mut(whole)) {
                y[offset..offset + len].copy_from_slice(x);
            }
        }
        y
    }
}
