//! Dropout.

use super::{Backward, Forward, GradientRule, Operations, Operator, Pass, Reference, Shapes};
use crate::ops::{Cpu, dropout};
use crate::rng::Stream;

/// Zeroes values with probability 1 - `keep` and divides the others by `keep` (Srivastava et al.,
/// 2014). The mask is a function of seed, place, step and index, so that the backward pass draws
/// it again, and a part of a batch has the mask of its examples in the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    /// The probability of keeping a value.
    pub keep: f32,
    /// The name of the stream.
    pub stream: String,
}

impl Dropout {
    /// Masks values of the node's output shape, in place.
    pub(super) fn apply(&self, cpu: &Cpu, pass: Pass, shapes: &Shapes, values: &mut [f32]) {
        let stream = Stream::new(pass.seed, &self.stream);
        for (piece, first) in pieces(pass, shapes, values.len()) {
            dropout::dropout(cpu, stream, pass.step, self.keep, first, &mut values[piece]);
        }
    }

    /// The same in `f64`.
    pub(super) fn applied(&self, pass: Pass, shapes: &Shapes, values: Vec<f64>) -> Vec<f64> {
        // The mask is exact in `f32`: it is read off ones.
        let cpu = Cpu::in_order();
        let mut mask = vec![1.0; values.len()];
        self.apply(&cpu, pass, shapes, &mut mask);
        let keep = f64::from(self.keep);
        let masked = values.into_iter().zip(mask);
        masked.map(|(value, mask)| if mask == 0.0 { 0.0 } else { value / keep }).collect()
    }
}

/// The contiguous pieces of an output, and where each begins in that of the whole batch. Rows are
/// (batch, …), or time-major (steps · batch, …).
fn pieces(
    pass: Pass,
    shapes: &Shapes,
    len: usize,
) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> {
    let steps = if pass.shard.total == shapes.batch { 1 } else { shapes.output[0] / shapes.batch };
    let piece = len / steps.max(1);
    let example = piece / shapes.batch.max(1);
    (0..steps).map(move |step| {
        let first = (step * pass.shard.total + pass.shard.first) * example;
        (step * piece..(step + 1) * piece, first)
    })
}

impl Operator for Dropout {
    fn kind(&self) -> String {
        "dropout".to_string()
    }

    fn runs_in_place(&self) -> bool {
        true
    }

    fn gradient(&self) -> GradientRule {
        GradientRule::InPlace
    }

    fn forward(&self, run: Forward) {
        if run.in_place {
            return self.apply(run.cpu, run.pass, run.shapes, run.y);
        }
        let stream = Stream::new(run.pass.seed, &self.stream);
        for (piece, first) in pieces(run.pass, run.shapes, run.y.len()) {
            let (x, y) = (&run.x[0][piece.clone()], &mut run.y[piece]);
            dropout::dropout_to(run.cpu, stream, run.pass.step, self.keep, first, x, y);
        }
    }

    fn backward(&self, run: Backward) {
        self.apply(run.cpu, run.pass, run.shapes, run.dy);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), 1)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        self.applied(run.pass, run.shapes, run.x[0].to_vec())
    }
}
