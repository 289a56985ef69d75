//! The logits of a softmax over a few classes: each row's own, and samples that all rows of a time
//! step share (TensorFlow's `sampled_softmax_loss`; Jean et al., arXiv 1412.2007).
//!
//! ```text
//! own logit    = w[label] · h + b[label] - ln q(label)
//! other logits = w[sample] · h + b[sample] - ln q(sample)
//! ```
//!
//! q is how often a class is expected among the samples. A sample that is the row's own class gets
//! the lowest number there is, so that it counts for nothing.

use super::elementwise::Dot;
use super::embedding::gather;
use super::matmul::{Accumulate, Matrix, matmul};
use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, rows_mut};

/// Rows, and columns, that a thread takes at a time.
const ROWS: usize = 8;
const COLUMNS: usize = 128;

/// The sizes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences side by side.
    pub batch: usize,
    /// Time steps.
    pub steps: usize,
    /// Values of a row.
    pub width: usize,
    /// Samples of a time step.
    pub samples: usize,
}

impl Shape {
    /// Candidates of a time step.
    pub fn candidates(&self) -> usize {
        self.batch + self.samples
    }

    /// Logits of a row.
    fn logits(&self) -> usize {
        1 + self.samples
    }
}

/// A class that a time step looks at. The classes of its rows come first, then its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Candidate {
    /// The class.
    pub class: u32,
    /// The logarithm of how often it is expected among the samples.
    pub log_expected: f32,
}

/// The logits (steps · batch, 1 + samples), the own class first, of rows `h` (steps · batch, width)
/// with `weights` (classes, width) and `biases` (classes).
///
/// # Panics
/// When a size does not fit `shape`, or a candidate is not a class.
pub fn logits(
    cpu: &Cpu,
    shape: Shape,
    (weights, biases): (&[f32], &[f32]),
    h: &[f32],
    candidates: &[Candidate],
    logits: &mut [f32],
) {
    let Shape { batch, width, samples, .. } = shape;
    assert_eq!(
        candidates.len(),
        shape.steps * shape.candidates(),
        "the candidates are those of other steps"
    );
    assert_eq!(
        logits.len(),
        shape.steps * batch * shape.logits(),
        "the logits have the wrong size"
    );
    cpu.with_buffer(samples * (width + batch), |buffer| {
        let (rows, buffer) = buffer.split_at_mut(samples * width);
        let products = &mut buffer[..samples * batch];
        for (step, candidates) in candidates.chunks(shape.candidates()).enumerate() {
            let (own, drawn) = candidates.split_at(batch);
            let classes: Vec<u32> = drawn.iter().map(|candidate| candidate.class).collect();
            gather(cpu, weights, width, &classes, rows);
            let h = &h[step * batch * width..(step + 1) * batch * width];
            let right = Matrix::new(rows, samples, width).transposed();
            matmul(cpu, Matrix::new(h, batch, width), right, Accumulate::Overwrite, products);
            let logits = &mut logits[step * batch * shape.logits()..][..batch * shape.logits()];
            let products = &*products;
            let correction = |of: &Candidate| biases[of.class as usize] - of.log_expected;
            let corrections: Vec<f32> = drawn.iter().map(correction).collect();
            cpu.for_rows(batch, ROWS, rows_mut(logits, shape.logits()), |block, logits| {
                for (b, logits) in block.zip(logits.chunks_exact_mut(shape.logits())) {
                    let class = own[b].class;
                    let row = &weights[class as usize * width..][..width];
                    let product = cpu.isa().run(Dot(&h[b * width..(b + 1) * width], row));
                    logits[0] = product + correction(&own[b]);
                    let products = &products[b * samples..(b + 1) * samples];
                    let others = logits[1..].iter_mut().zip(products.iter().zip(&corrections));
                    others.for_each(|(logit, (product, correction))| *logit = product + correction);
                    without(class, &classes, f32::MIN, &mut logits[1..]);
                }
            });
        }
    });
}

/// The gradients of [`logits`] from `d_logits`: of the weights a row (width) a candidate, of the
/// biases a value a candidate, and of `h` where it is wanted. All are overwritten.
///
/// # Panics
/// As [`logits`].
pub fn gradients(
    cpu: &Cpu,
    shape: Shape,
    weights: &[f32],
    h: &[f32],
    classes: &[u32],
    d_logits: &[f32],
    (d_weights, d_biases, mut d_h): (&mut [f32], &mut [f32], Option<&mut [f32]>),
) {
    let Shape { batch, width, samples, .. } = shape;
    assert_eq!(
        classes.len(),
        shape.steps * shape.candidates(),
        "the candidates are those of other steps"
    );
    cpu.with_buffer(samples * (width + batch), |buffer| {
        let (rows, buffer) = buffer.split_at_mut(samples * width);
        let of_samples = &mut buffer[..samples * batch];
        for step in 0..shape.steps {
            let at = step * shape.candidates();
            let (own, drawn) = classes[at..at + shape.candidates()].split_at(batch);
            let h = &h[step * batch * width..(step + 1) * batch * width];
            let d_logits = &d_logits[step * batch * shape.logits()..][..batch * shape.logits()];
            let own_d = |b: usize| d_logits[b * shape.logits()];
            cpu.for_rows(batch, ROWS, rows_mut(&mut *of_samples, samples), |block, to| {
                let rows = d_logits[block.start * shape.logits()..].chunks(shape.logits());
                for ((to, row), own) in to.chunks_exact_mut(samples).zip(rows).zip(&own[block]) {
                    to.copy_from_slice(&row[1..]);
                    without(*own, drawn, 0.0, to);
                }
            });
            let d_biases = &mut d_biases[at..at + shape.candidates()];
            let (of_own, of_drawn) = d_biases.split_at_mut(batch);
            of_own.iter_mut().enumerate().for_each(|(b, d)| *d = own_d(b));
            let of_samples = &*of_samples;
            cpu.for_rows(samples, COLUMNS, rows_mut(of_drawn, 1), |block, sums| {
                sums.fill(0.0);
                for row in of_samples.chunks(samples) {
                    sums.iter_mut().zip(&row[block.clone()]).for_each(|(sum, d)| *sum += d);
                }
            });
            let d_weights = &mut d_weights[at * width..(at + shape.candidates()) * width];
            let (of_own, of_drawn) = d_weights.split_at_mut(batch * width);
            cpu.for_rows(batch, 8, rows_mut(of_own, width), |block, of_own| {
                for (b, to) in block.zip(of_own.chunks_exact_mut(width)) {
                    cpu.isa().run(Scaled { factor: own_d(b), x: &h[b * width..][..width], to });
                }
            });
            let d = Matrix::new(of_samples, batch, samples);
            let rows_of_h = Matrix::new(h, batch, width);
            matmul(cpu, d.transposed(), rows_of_h, Accumulate::Overwrite, of_drawn);
            if let Some(d_h) = &mut d_h {
                let d_h = &mut d_h[step * batch * width..(step + 1) * batch * width];
                cpu.for_rows(batch, 8, rows_mut(&mut *d_h, width), |block, d_h| {
                    for (b, to) in block.zip(d_h.chunks_exact_mut(width)) {
                        let x = &weights[own[b] as usize * width..][..width];
                        cpu.isa().run(Scaled { factor: own_d(b), x, to });
                    }
                });
                gather(cpu, weights, width, drawn, rows);
                let rows = Matrix::new(rows, samples, width);
                matmul(cpu, d, rows, Accumulate::Add, d_h);
            }
        }
    });
}

/// Overwrites each sample that is a row's own class with `value`.
fn without(own: u32, samples: &[u32], value: f32, values: &mut [f32]) {
    for (to, _) in values.iter_mut().zip(samples).filter(|(_, class)| **class == own) {
        *to = value;
    }
}

struct Scaled<'a> {
    factor: f32,
    x: &'a [f32],
    to: &'a mut [f32],
}

impl Kernel for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let factor = S::splat(self.factor);
        for (to, x) in self.to.chunks_mut(LANES).zip(self.x.chunks(LANES)) {
            S::load_slice(x, 0.0).mul(factor).store_slice(to);
        }
    }
}

/// The logits in plain `f64`.
pub fn logits_reference(
    shape: Shape,
    (weights, biases): (&[f64], &[f64]),
    h: &[f64],
    candidates: &[Candidate],
) -> Vec<f64> {
    let width = shape.width;
    let mut logits = Vec::with_capacity(shape.steps * shape.batch * shape.logits());
    for (step, candidates) in candidates.chunks(shape.candidates()).enumerate() {
        let (own, drawn) = candidates.split_at(shape.batch);
        for (b, own) in own.iter().enumerate() {
            let row = step * shape.batch + b;
            let h = &h[row * width..(row + 1) * width];
            let logit = |of: &Candidate| {
                let class = of.class as usize;
                let weights = &weights[class * width..(class + 1) * width];
                let product: f64 = weights.iter().zip(h).map(|(w, h)| w * h).sum();
                product + biases[class] - f64::from(of.log_expected)
            };
            logits.push(logit(own));
            let other = |of: &Candidate| {
                if of.class == own.class { f64::from(f32::MIN) } else { logit(of) }
            };
            logits.extend(drawn.iter().map(other));
        }
    }
    logits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::at_every_level;

    #[test]
    fn a_sample_that_is_the_own_class_counts_for_nothing() {
        let shape = Shape { batch: 2, steps: 1, width: 3, samples: 2 };
        let weights: Vec<f32> = (0..12).map(|i| (i as f32 * 0.7).sin()).collect();
        let h = [0.3, -0.2, 0.9, 0.1, 0.5, -0.4];
        let candidates =
            [2, 1, 2, 0].map(|class| Candidate { class, log_expected: 0.1 * class as f32 });
        let run = |cpu: &Cpu| {
            let mut z = [f32::NAN; 6];
            logits(cpu, shape, (&weights, &[0.5; 4]), &h, &candidates, &mut z);
            let classes = candidates.map(|candidate| candidate.class);
            let (mut d_weights, mut d_biases, mut d_h) = ([f32::NAN; 12], [f32::NAN; 4], [0.0; 6]);
            let gradients = (&mut d_weights[..], &mut d_biases[..], Some(&mut d_h[..]));
            super::gradients(cpu, shape, &weights, &h, &classes, &[1.0; 6], gradients);
            [z.to_vec(), d_weights.to_vec(), d_biases.to_vec(), d_h.to_vec()]
        };
        at_every_level(run, |isa, [z, d_weights, d_biases, d_h]| {
            // The first row's class 2 is sampled, the second row's class 1 is not.
            assert_eq!((z[1], z[4] > -10.0), (f32::MIN, true), "{isa:?}");
            assert_eq!(d_biases, [1.0, 1.0, 1.0, 2.0], "{isa:?}");
            assert_eq!(d_weights[6..9], h[3..], "{isa:?}");
            let of_first: Vec<f32> = (0..3).map(|i| weights[6 + i] + weights[i]).collect();
            assert_eq!(d_h[..3], of_first, "{isa:?}");
        });
    }
}
