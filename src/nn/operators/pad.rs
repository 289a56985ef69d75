//! Zeros around images.

use super::{Backward, Forward, IMAGES, Operator, Reference, Shapes, rank};

/// Rows above and below, and columns to the left and to the right, of zeros, as TensorFlow's `pad`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pad {
    /// Rows before the first and after the last.
    pub rows: [usize; 2],
    /// Columns before the first and after the last.
    pub columns: [usize; 2],
}

impl Pad {
    /// For each row of the images where it starts, without and with the zeros.
    fn rows_of(&self, shapes: &Shapes) -> impl Iterator<Item = [usize; 2]> {
        let (from, to) = (shapes.inputs[0].clone(), shapes.output.clone());
        let [before, left] = [self.rows[0], self.columns[0]];
        let row = move |i: usize| {
            let (image, row) = (i / from[1], i % from[1]);
            [i * from[2] * from[3], ((image * to[1] + row + before) * to[2] + left) * to[3]]
        };
        (0..shapes.inputs[0][0] * shapes.inputs[0][1]).map(row)
    }
}

impl Operator for Pad {
    fn kind(&self) -> String {
        "pad".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let images = &shapes.inputs[0];
        rank(images, &IMAGES)?;
        let padded = |size: usize, by: [usize; 2]| by.into_iter().fold(size, usize::saturating_add);
        let [rows, columns] = [padded(images[1], self.rows), padded(images[2], self.columns)];
        Ok(vec![images[0], rows, columns, images[3]])
    }

    fn forward(&self, run: Forward) {
        let len = run.shapes.inputs[0][2] * run.shapes.inputs[0][3];
        run.y.fill(0.0);
        for [from, to] in self.rows_of(run.shapes) {
            run.y[to..to + len].copy_from_slice(&run.x[0][from..from + len]);
        }
    }

    fn backward(&self, mut run: Backward) {
        let len = run.shapes.inputs[0][2] * run.shapes.inputs[0][3];
        if let Some(dx) = run.dx[0].take() {
            for [from, to] in self.rows_of(run.shapes) {
                dx[from..from + len].copy_from_slice(&run.dy[to..to + len]);
            }
        }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let len = run.shapes.inputs[0][2] * run.shapes.inputs[0][3];
        let mut y = vec![0.0; run.shapes.outputs()];
        for [from, to] in self.rows_of(run.shapes) {
            y[to..to + len].copy_from_slice(&run.x[0][from..from + len]);
        }
        y
    }
}
