//! Local response normalisation where no pooling has taken it over.

use super::{
    Backward, Forward, GradientRule, Operations, Operator, Reads, Reference, Shapes, written,
};
use crate::ops::lrn::reference::lrn_reference;
use crate::ops::lrn::{Lrn, Until, lrn, lrn_gradient};

/// The sums are over as many neighbours, one by one.
const MAX_RADIUS: usize = 1 << 10;

/// Local response normalisation over the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrnNode(pub Lrn);

impl Operator for LrnNode {
    fn kind(&self) -> String {
        "lrn".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let Lrn { radius, bias, alpha, beta } = self.0;
        let fits = radius <= MAX_RADIUS && bias > 0.0 && alpha >= 0.0;
        let fits = fits && (0.0..=1.0).contains(&beta);
        if !fits || shapes.channels() == 0 {
            let (parameters, input) = (self.0, written(&shapes.inputs[0]));
            return Err(format!(
                "{parameters:?} are invalid for an input {input}: radius ≤ {MAX_RADIUS}, bias > 0, \
                 α ≥ 0, β in 0 to 1"
            ));
        }
        Ok(shapes.inputs[0].clone())
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: false }
    }

    fn gradient(&self) -> GradientRule {
        GradientRule::InPlace
    }

    fn forward(&self, run: Forward) {
        lrn(run.cpu, self.0, run.shapes.channels(), run.x[0], run.y);
    }

    fn backward(&self, run: Backward) {
        let channels = run.shapes.channels();
        lrn_gradient(run.cpu, self.0, Until::Input, channels, run.x[0], run.dy);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        // The squares of the neighbours, their sum, and a power that counts as ten.
        Operations::per_value(shapes.outputs(), 2 * self.0.radius + 13)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        lrn_reference(self.0, run.shapes.channels(), run.x[0])
    }
}
