//! The rectified linear units where no neighbour has taken them over.

use super::{Backward, Forward, GradientRule, Operations, Operator, Reads, Reference, Shapes};
use crate::ops::relu::{Rectifier, rectify, rectify_gradient};

/// max(x, 0), or min(max(x, 0), 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relu(pub Rectifier);

impl Operator for Relu {
    fn kind(&self) -> String {
        self.0.name().to_string()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: false, output: true }
    }

    fn runs_in_place(&self) -> bool {
        true
    }

    fn gradient(&self) -> GradientRule {
        GradientRule::InPlace
    }

    fn forward(&self, run: Forward) {
        if !run.in_place {
            run.y.copy_from_slice(run.x[0]);
        }
        rectify(run.cpu, self.0, run.y);
    }

    fn backward(&self, run: Backward) {
        rectify_gradient(run.cpu, self.0, run.y, run.dy);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), 1)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x[0].iter().map(|&x| self.0.reference(x)).collect()
    }
}
