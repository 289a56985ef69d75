//! The rectified linear units where no neighbour has taken them over.

use super::{Backward, Forward, GradientRule, Operations, Operator, Reads, Reference, Shapes};
use crate::ops::relu::{Rectifier, rectify, relu, relu_gradient, relu6_gradient};

/// max(x, 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relu;

impl Operator for Relu {
    fn kind(&self) -> String {
        "relu".to_string()
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
        relu(run.cpu, run.y);
    }

    fn backward(&self, run: Backward) {
        relu_gradient(run.cpu, run.y, run.dy);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), 1)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x[0].iter().map(|x| x.max(0.0)).collect()
    }
}

/// min(max(x, 0), 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relu6;

impl Operator for Relu6 {
    fn kind(&self) -> String {
        "relu6".to_string()
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
        rectify(run.cpu, Rectifier::Relu6, run.y);
    }

    fn backward(&self, run: Backward) {
        relu6_gradient(run.y, run.dy);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), 2)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x[0].iter().map(|x| x.clamp(0.0, 6.0)).collect()
    }
}
