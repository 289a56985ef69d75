//! Losses. Their forward pass leaves the gradient in place of their input, so that neither logits
//! nor their gradient are written twice.

use std::borrow::Cow;
use std::ops::Range;

use super::{Forward, GradientRule, Operations, Operator, Reference, Shapes, rank, written};
use crate::ops::norm::sum_of_squares;
use crate::ops::softmax::{Labels, cross_entropy, cross_entropy_reference};

/// The cross-entropy in nats of the softmax of each row of logits against its label, times the row's
/// weight where a second input (rows) gives weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// Whether the first class is every row's label, as that of sampled logits is.
    pub first: bool,
    /// ε of label smoothing.
    pub smoothing: f32,
}

impl CrossEntropy {
    fn labels<'a>(&self, ids: &'a [u32], shapes: &Shapes) -> Cow<'a, [u32]> {
        match self.first {
            true => Cow::Owned(vec![0; shapes.inputs[0][0]]),
            false => Cow::Borrowed(ids),
        }
    }
}

impl Operator for CrossEntropy {
    fn kind(&self) -> String {
        "softmax cross-entropy".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let logits = &shapes.inputs[0];
        rank(logits, &["rows", "classes"])?;
        if self.first && self.smoothing != 0.0 {
            return Err("label smoothing needs logits of all classes, and these are sampled".into());
        }
        if let Some(weights) = shapes.inputs.get(1).filter(|weights| weights[..] != logits[..1]) {
            let (logits, weights) = (written(logits), written(weights));
            return Err(format!("the logits are {logits} and their weights {weights}"));
        }
        if !self.first && logits[0] != shapes.ids {
            let (logits, labels) = (written(logits), written(&[shapes.ids]));
            return Err(format!("the logits are {logits} and the labels {labels}"));
        }
        Ok(vec![logits[0]])
    }

    fn ids_within(&self, shapes: &Shapes) -> Range<usize> {
        0..shapes.channels()
    }

    fn gradient(&self) -> GradientRule {
        GradientRule::Loss
    }

    fn forward(&self, run: Forward) {
        // A loss has its input in `saved`, to be changed.
        let labels = self.labels(run.ids, run.shapes);
        let weights = (run.shapes.inputs.len() > 1).then_some(run.x[1]);
        let labels = Labels { classes: &labels, weights, smoothing: self.smoothing };
        cross_entropy(run.cpu, run.saved, labels, run.scale, run.y);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.values(), 3)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let (labels, smoothing) = (self.labels(run.ids, run.shapes), f64::from(self.smoothing));
        let mut losses = cross_entropy_reference(run.x[0], &labels, smoothing).0;
        if let Some(weights) = run.x.get(1) {
            losses.iter_mut().zip(*weights).for_each(|(loss, weight)| *loss *= weight);
        }
        losses
    }
}

/// Half the sum of the squares of all values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfSumOfSquares;

impl Operator for HalfSumOfSquares {
    fn kind(&self) -> String {
        "half sum of squares".to_string()
    }

    fn shape(&self, _: &Shapes) -> Result<Vec<usize>, String> {
        Ok(vec![1])
    }

    fn gradient(&self) -> GradientRule {
        GradientRule::Loss
    }

    fn forward(&self, run: Forward) {
        run.y[0] = (sum_of_squares(run.cpu, run.saved) / 2.0) as f32;
        // The gradient of x² / 2 is x.
        if let Some(scale) = run.scale.filter(|&scale| scale != 1.0) {
            run.saved.iter_mut().for_each(|x| *x *= scale);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.values(), 2)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        vec![run.x[0].iter().map(|x| x * x).sum::<f64>() / 2.0]
    }
}
