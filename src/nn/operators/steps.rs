//! Time steps of time-major rows: one of several, and several out of ones.

use std::ops::Range;

use super::{Backward, Forward, Operator, Reference, Shapes, rank, written};

/// The rows of the last time step: (steps · batch, width) gives (batch, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastStep;

/// Rows one after another: the time steps (batch, width) of a sequence, or parts of it, give
/// (steps · batch, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack;

/// The steps of each sequence from the last to the first, its padding after them as it is: (steps ·
/// batch, width). The ids are the steps of each sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reverse;

impl Reverse {
    /// Copies each row of `from` to its place in `to`.
    fn copy<T: Copy>(shapes: &Shapes, lengths: &[u32], from: &[T], to: &mut [T]) {
        let (batch, width) = (shapes.batch.max(1), shapes.channels().max(1));
        for (row, from) in from.chunks_exact(width).enumerate() {
            let (step, b) = (row / batch, row % batch);
            let length = lengths[b] as usize;
            let step = if step < length { length - 1 - step } else { step };
            to[(step * batch + b) * width..][..width].copy_from_slice(from);
        }
    }
}

impl Operator for Reverse {
    fn kind(&self) -> String {
        "reverse".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        rank(&shapes.inputs[0], &["steps · batch", "values"])?;
        match shapes.ids == shapes.batch {
            true => Ok(shapes.inputs[0].clone()),
            false => Err(format!("{} lengths are not those of {}", shapes.ids, shapes.batch)),
        }
    }

    fn ids_within(&self, shapes: &Shapes) -> Range<usize> {
        0..shapes.inputs[0][0] / shapes.batch.max(1) + 1
    }

    fn forward(&self, run: Forward) {
        Self::copy(run.shapes, run.ids, run.x[0], run.y);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            // A reversal is its own inverse.
            Self::copy(run.shapes, run.ids, run.dy, dx);
        }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let mut y = vec![0.0; run.shapes.outputs()];
        Self::copy(run.shapes, run.ids, run.x[0], &mut y);
        y
    }
}

impl Operator for LastStep {
    fn kind(&self) -> String {
        "last step".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let input = &shapes.inputs[0];
        rank(input, &["steps · batch", "values"])?;
        match input[0] >= shapes.batch {
            true => Ok(vec![shapes.batch, input[1]]),
            false => Err(format!("{} has no step of {} rows", written(input), shapes.batch)),
        }
    }

    fn forward(&self, run: Forward) {
        run.y.copy_from_slice(&run.x[0][run.shapes.values() - run.y.len()..]);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            let (before, last) = dx.split_at_mut(dx.len() - run.dy.len());
            before.fill(0.0);
            last.copy_from_slice(run.dy);
        }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x[0][run.shapes.values() - run.shapes.outputs()..].to_vec()
    }
}

impl Operator for Stack {
    fn kind(&self) -> String {
        "stack".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let first = &shapes.inputs[0];
        let mut rows = 0;
        for input in &shapes.inputs {
            if input.len() != first.len() || input[1..] != first[1..] {
                return Err(format!(
                    "{} and {} have different rows",
                    written(first),
                    written(input)
                ));
            }
            rows += input[0];
        }
        Ok([&[rows], &first[1..]].concat())
    }

    fn forward(&self, run: Forward) {
        let mut y = run.y;
        for x in run.x {
            let (to, rest) = y.split_at_mut(x.len());
            to.copy_from_slice(x);
            y = rest;
        }
    }

    fn backward(&self, run: Backward) {
        let mut at = 0;
        for (dx, shape) in run.dx.into_iter().zip(&run.shapes.inputs) {
            let len = shape.iter().product::<usize>();
            if let Some(dx) = dx {
                dx.copy_from_slice(&run.dy[at..at + len]);
            }
            at += len;
        }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x.concat()
    }
}
