//! Time steps of time-major rows: one of several, and several out of ones.

use super::{Backward, Forward, Operator, Reference, Shapes, rank, written};

/// The rows of the last time step: (steps · batch, width) gives (batch, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastStep;

/// Rows one after another: the time steps (batch, width) of a sequence, or parts of it, give
/// (steps · batch, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack;

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
