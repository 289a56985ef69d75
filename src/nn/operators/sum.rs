//! The sum of two values.

use super::{Forward, GradientRule, Operations, Operator, Reference, Shapes, written};
use crate::ops::elementwise::{add, add_assign};

/// a + b.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum;

impl Operator for Sum {
    fn kind(&self) -> String {
        "add".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        match &shapes.inputs[..] {
            [a, b] if a == b => Ok(a.clone()),
            [a, b] => Err(format!("{} and {} have different shapes", written(a), written(b))),
            _ => Err("it takes two values".to_string()),
        }
    }

    fn runs_in_place(&self) -> bool {
        true
    }

    fn gradient(&self) -> GradientRule {
        GradientRule::PassedOn
    }

    fn forward(&self, run: Forward) {
        match run.in_place {
            true => add_assign(run.cpu, run.y, run.x[1]),
            false => add(run.cpu, run.x[0], run.x[1], run.y),
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), 1)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x[0].iter().zip(run.x[1]).map(|(a, b)| a + b).collect()
    }
}
