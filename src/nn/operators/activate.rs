//! Smooth activation functions.

use super::{Backward, Forward, Operations, Operator, Reads, Reference, Shapes};
use crate::ops::activation::{self, Activation, activation_reference};

/// An activation function, value by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activate(pub Activation);

impl Operator for Activate {
    fn kind(&self) -> String {
        match self.0 {
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Gelu => "gelu",
            Activation::Silu => "silu",
            Activation::Elu => "elu",
        }
        .to_string()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: false }
    }

    fn forward(&self, run: Forward) {
        activation::forward(run.cpu, self.0, run.x[0], run.y);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            activation::backward(run.cpu, self.0, run.x[0], run.dy, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        // An exponential counts as ten.
        Operations::per_value(shapes.outputs(), 12)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x[0].iter().map(|&x| activation_reference(self.0, x)).collect()
    }
}
