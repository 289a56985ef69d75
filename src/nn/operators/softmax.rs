//! Probabilities of logits.

use super::{Backward, Forward, Operations, Operator, Reads, Reference, Shapes};
use crate::ops::softmax;

/// The softmax over the last axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax;

impl Operator for Softmax {
    fn kind(&self) -> String {
        "softmax".to_string()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: false, output: true }
    }

    fn forward(&self, run: Forward) {
        softmax::softmax(run.cpu, run.shapes.channels(), run.x[0], run.y);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            softmax::softmax_gradient(run.cpu, run.shapes.channels(), run.y, run.dy, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), 12)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        softmax::softmax_reference(run.shapes.channels(), run.x[0])
    }
}
