//! The same values in another shape.

use super::{Forward, GradientRule, Operator, Reference, Shapes, count, written};

/// Another shape for each row. A plan lets whoever reads it read its input instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reshape {
    /// The shape of a row.
    pub row: Vec<usize>,
}

impl Operator for Reshape {
    fn kind(&self) -> String {
        "reshape".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let input = &shapes.inputs[0];
        let output = [&input[..1], &self.row].concat();
        if count(&output) != shapes.values() {
            let (input, output) = (written(input), written(&output));
            return Err(format!("{input} and {output} have different numbers of values"));
        }
        Ok(output)
    }

    fn gradient(&self) -> GradientRule {
        GradientRule::PassedOn
    }

    fn forward(&self, run: Forward) {
        run.y.copy_from_slice(run.x[0]);
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        run.x[0].to_vec()
    }
}
