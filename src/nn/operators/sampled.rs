//! The logits of a sampled softmax.

use std::ops::Range;

use super::{
    Backward, Forward, Operations, Operator, Pass, Reads, Reference, Shapes, rank, written,
};
use crate::ops::candidates::LogUniform;
use crate::ops::sampled_softmax::{self, Candidate, Shape};
use crate::ops::{Cpu, rows_mut};
use crate::rng::Stream;

/// The logits of each row's own class and of `samples` others (Jean et al., arXiv 1412.2007;
/// TensorFlow's `sampled_softmax_loss`): (steps · batch, values) gives (steps · batch, 1 + samples),
/// the own class first. Every time step draws its samples from the stream `sampled/<name>`; all of
/// its rows share them. The ids are the classes; the parameters weights (classes, values) and
/// biases (classes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampledLogits {
    /// Classes, sorted by falling frequency.
    pub classes: usize,
    /// Samples of a time step.
    pub samples: usize,
    /// The stream of the samples.
    pub stream: String,
}

impl SampledLogits {
    fn sizes(&self, shapes: &Shapes) -> Shape {
        let batch = shapes.batch.max(1);
        let [rows, width] = [shapes.inputs[0][0], shapes.channels()];
        Shape { batch, steps: rows / batch, width, samples: self.samples }
    }

    /// The candidates of every step: the classes of its rows, then its samples, each with the
    /// logarithm of how often it is expected.
    fn candidates(&self, cpu: &Cpu, shape: Shape, labels: &[u32], pass: Pass) -> Vec<Candidate> {
        let (of, stream) =
            (LogUniform { classes: self.classes }, Stream::new(pass.seed, &self.stream));
        let width = shape.candidates();
        let mut candidates = vec![Candidate::default(); shape.steps * width];
        cpu.for_rows(shape.steps, 1, rows_mut(&mut candidates, width), |step, candidates| {
            // A step of training has far fewer time steps than this.
            let at = pass.step << 16 | step.start as u64;
            let drawn = of.draw(&mut stream.at(at), self.samples);
            let labels = &labels[step.start * shape.batch..step.end * shape.batch];
            for (to, &class) in candidates.iter_mut().zip(labels.iter().chain(&drawn.classes)) {
                let log_expected = of.expected(class, self.samples, drawn.draws).ln() as f32;
                *to = Candidate { class, log_expected };
            }
        });
        candidates
    }
}

impl Operator for SampledLogits {
    fn kind(&self) -> String {
        "sampled logits".to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let input = &shapes.inputs[0];
        rank(input, &["steps · batch", "values"])?;
        if input[0] != shapes.ids {
            let (input, labels) = (written(input), written(&[shapes.ids]));
            return Err(format!("its input is {input} and the labels {labels}"));
        }
        if !(1..=self.classes).contains(&self.samples) {
            return Err(format!("{} distinct samples of {} classes", self.samples, self.classes));
        }
        Ok(vec![input[0], 1 + self.samples])
    }

    fn ids_within(&self, _: &Shapes) -> Range<usize> {
        0..self.classes
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let width = inputs[0].last().copied().unwrap_or(0);
        vec![vec![self.classes, width], vec![self.classes]]
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: false }
    }

    /// The candidates' classes.
    fn saved_bytes(&self, shapes: &Shapes) -> usize {
        let shape = self.sizes(shapes);
        size_of::<u32>() * shape.steps * shape.candidates()
    }

    fn forward(&self, run: Forward) {
        let shape = self.sizes(run.shapes);
        let candidates = self.candidates(run.cpu, shape, run.ids, run.pass);
        let saved = run.bytes.chunks_exact_mut(size_of::<u32>());
        for (to, candidate) in saved.zip(&candidates) {
            to.copy_from_slice(&candidate.class.to_ne_bytes());
        }
        let (weights, biases) = (run.parameters.values(0), run.parameters.values(1));
        sampled_softmax::logits(run.cpu, shape, (&weights, &biases), run.x[0], &candidates, run.y);
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(run.shapes);
        let saved = run.bytes.as_chunks().0.iter();
        let classes: Vec<u32> = saved.map(|bytes| u32::from_ne_bytes(*bytes)).collect();
        let [d_weights, d_biases] = run.gradients.first_rows(&classes, [shape.width, 1]);
        let weights = run.parameters.values(0);
        let gradients = (d_weights, d_biases, run.dx[0].take());
        sampled_softmax::gradients(run.cpu, shape, &weights, run.x[0], &classes, run.dy, gradients);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::product(2 * shapes.values() * (1 + self.samples))
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let shape = self.sizes(run.shapes);
        let candidates = self.candidates(&Cpu::in_order(), shape, run.ids, run.pass);
        let parameters = (&run.parameters[0][..], &run.parameters[1][..]);
        sampled_softmax::logits_reference(shape, parameters, run.x[0], &candidates)
    }
}
