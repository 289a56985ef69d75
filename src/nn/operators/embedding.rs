//! A table of vectors by id.

use std::ops::Range;

use super::{Backward, Forward, Operator, Reference, Shapes};
use crate::ops::embedding::gather;

/// The rows of a table (count, width) that ids name: (ids, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// Rows of the table.
    pub count: usize,
    /// Values of a row.
    pub width: usize,
}

impl Operator for Embedding {
    fn kind(&self) -> String {
        "embedding".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        Ok(vec![shapes.ids, self.width])
    }

    fn ids_within(&self, _: &Shapes) -> Range<usize> {
        0..self.count
    }

    fn parameters(&self, _: &[Vec<usize>]) -> Vec<Vec<usize>> {
        vec![vec![self.count, self.width]]
    }

    fn forward(&self, run: Forward) {
        gather(run.cpu, &run.parameters.values(0), self.width, run.ids, run.y);
    }

    fn backward(&self, mut run: Backward) {
        // A row a token: a step reads few rows of a large table.
        run.gradients.get(0).set_rows(run.ids, self.width, run.dy);
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let row = |&id: &u32| &run.parameters[0][id as usize * self.width..][..self.width];
        run.ids.iter().flat_map(row).copied().collect()
    }
}
