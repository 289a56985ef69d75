//! Softmax cross-entropy with integer targets, fused with its gradient.

use super::simd::{Kernel, LANES, Simd, exp};
use super::{Cpu, rows_mut};

/// The targets of the logits.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// The class of each row.
    pub classes: &'a [u32],
    /// What the loss of each row is multiplied by.
    pub weights: Option<&'a [f32]>,
    /// ε of label smoothing (Szegedy et al., arXiv 1512.00567, section 7): the share of the target's
    /// probability that all classes get equal parts of.
    pub smoothing: f32,
}

impl<'a> From<&'a [u32]> for Labels<'a> {
    fn from(classes: &'a [u32]) -> Self {
        Self { classes, weights: None, smoothing: 0.0 }
    }
}

struct Row<'a> {
    logits: &'a mut [f32],
    target: usize,
    smoothing: f32,
    gradient_scale: Option<f32>,
}

/// Gradients below this share of the largest one become zero. Scaled they would be subnormal, and
/// products with subnormal numbers take a hundred times as long: runs whose logits grow without
/// bound, as with too large a learning rate, would all but stall.
const VANISHING: f32 = 1e-30;

impl Kernel for Row<'_> {
    /// The loss of the row: log Σ e^z - z[target], or the smoothed target's mean of z.
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let largest = largest::<S>(self.logits);
        let at_target = match self.smoothing {
            0.0 => self.logits[self.target],
            smoothing => {
                let mean = sum::<S>(self.logits) / self.logits.len() as f32;
                (1.0 - smoothing) * self.logits[self.target] + smoothing * mean
            }
        };
        let shift = S::splat(largest);
        let mut sums = S::splat(0.0);
        for chunk in self.logits.chunks_mut(LANES) {
            // A missing lane is so far below that its exponential vanishes in the sum.
            let e = exp(S::load_slice(chunk, f32::NEG_INFINITY).sub(shift));
            sums = sums.add(e);
            if self.gradient_scale.is_some() {
                e.store_slice(chunk);
            }
        }
        let sum = sums.sum();
        if let Some(scale) = self.gradient_scale {
            let (factor, vanishing) = (S::splat(scale / sum), S::splat(VANISHING));
            for chunk in self.logits.chunks_mut(LANES) {
                let e = S::splat(0.0).max(S::load_slice(chunk, 0.0).sub(vanishing));
                e.mul(factor).store_slice(chunk);
            }
            if self.smoothing != 0.0 {
                let part = S::splat(scale * self.smoothing / self.logits.len() as f32);
                for chunk in self.logits.chunks_mut(LANES) {
                    S::load_slice(chunk, 0.0).sub(part).store_slice(chunk);
                }
            }
            self.logits[self.target] -= scale * (1.0 - self.smoothing);
        }
        sum.ln() + (largest - at_target)
    }
}

#[inline(always)]
fn largest<S: Simd>(values: &[f32]) -> f32 {
    let mut largest = S::splat(f32::NEG_INFINITY);
    for chunk in values.chunks(LANES) {
        largest = largest.max(S::load_slice(chunk, f32::NEG_INFINITY));
    }
    largest.max_lane()
}

#[inline(always)]
fn sum<S: Simd>(values: &[f32]) -> f32 {
    let mut sums = S::splat(0.0);
    for chunk in values.chunks(LANES) {
        sums = sums.add(S::load_slice(chunk, 0.0));
    }
    sums.sum()
}

/// The cross-entropy in nats of each row of `logits` (rows, classes) against its label, times its
/// weight where there are weights, to `losses` (rows). With `gradient_scale`, the logits
/// are overwritten with the gradient of `gradient_scale · Σ losses`.
///
/// # Panics
/// When the sizes do not fit, or a target is not a class.
pub fn cross_entropy<'a>(
    cpu: &Cpu,
    logits: &mut [f32],
    labels: impl Into<Labels<'a>>,
    gradient_scale: Option<f32>,
    losses: &mut [f32],
) {
    let Labels { classes: targets, weights, smoothing } = labels.into();
    assert_eq!(losses.len(), targets.len(), "one loss for each target");
    assert!(
        weights.is_none_or(|weights| weights.len() == targets.len()),
        "one weight for each row"
    );
    if targets.is_empty() {
        return;
    }
    let classes = logits.len() / targets.len();
    assert_eq!(logits.len(), classes * targets.len(), "one row of logits for each target");
    let rows = (rows_mut(logits, classes), rows_mut(losses, 1));
    cpu.for_rows(targets.len(), 8, rows, |block, (logits, losses)| {
        let rows = logits.chunks_exact_mut(classes).zip(losses).zip(block);
        for ((logits, loss), row) in rows {
            let (target, weight) = (targets[row] as usize, weights.map_or(1.0, |all| all[row]));
            let gradient_scale = gradient_scale.map(|scale| scale * weight);
            *loss = weight * cpu.isa().run(Row { logits, target, smoothing, gradient_scale });
        }
    });
}

/// The softmax of each row of `logits` (rows, `classes`), to `y`.
///
/// # Panics
/// When the sizes do not fit.
pub fn softmax(cpu: &Cpu, classes: usize, logits: &[f32], y: &mut [f32]) {
    check_rows(classes, [logits.len(), y.len()]);
    cpu.for_rows(logits.len() / classes, 8, rows_mut(y, classes), |block, y| {
        y.copy_from_slice(&logits[block.start * classes..block.end * classes]);
        for y in y.chunks_exact_mut(classes) {
            cpu.isa().run(Probabilities(y));
        }
    });
}

/// The gradient of [`softmax`]: `dx` from the probabilities `y` and `dy`, all (rows, `classes`):
/// dxᵢ = yᵢ (dyᵢ - Σ dyⱼ yⱼ).
///
/// # Panics
/// When the sizes do not fit.
pub fn softmax_gradient(cpu: &Cpu, classes: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    check_rows(classes, [y.len(), dx.len()]);
    assert_eq!(dy.len(), y.len(), "output and gradient differ in size");
    cpu.for_rows(y.len() / classes, 8, rows_mut(dx, classes), |block, dx| {
        for (row, dx) in block.zip(dx.chunks_exact_mut(classes)) {
            let at = row * classes..(row + 1) * classes;
            cpu.isa().run(ProbabilityGradient { y: &y[at.clone()], dy: &dy[at], dx });
        }
    });
}

fn check_rows(classes: usize, [inputs, outputs]: [usize; 2]) {
    assert_eq!(inputs, outputs, "input and output differ in size");
    assert!(classes > 0 && inputs.is_multiple_of(classes), "not a whole number of rows");
}

struct Probabilities<'a>(&'a mut [f32]);

impl Kernel for Probabilities<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let shift = S::splat(largest::<S>(self.0));
        let mut sums = S::splat(0.0);
        for chunk in self.0.chunks_mut(LANES) {
            let e = exp(S::load_slice(chunk, f32::NEG_INFINITY).sub(shift));
            sums = sums.add(e);
            e.store_slice(chunk);
        }
        let factor = S::splat(1.0 / sums.sum());
        for chunk in self.0.chunks_mut(LANES) {
            S::load_slice(chunk, 0.0).mul(factor).store_slice(chunk);
        }
    }
}

struct ProbabilityGradient<'a> {
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for ProbabilityGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let pairs = self.y.chunks(LANES).zip(self.dy.chunks(LANES));
        let mut sums = S::splat(0.0);
        for (y, dy) in pairs.clone() {
            sums = S::load_slice(y, 0.0).mul_add(S::load_slice(dy, 0.0), sums);
        }
        let sum = S::splat(sums.sum());
        for (dx, (y, dy)) in self.dx.chunks_mut(LANES).zip(pairs) {
            let difference = S::load_slice(dy, 0.0).sub(sum);
            S::load_slice(y, 0.0).mul(difference).store_slice(dx);
        }
    }
}

/// The softmax of each row in plain `f64`.
pub fn softmax_reference(classes: usize, logits: &[f64]) -> Vec<f64> {
    let row = |row: &[f64]| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
        row.iter().map(|z| (z - largest).exp() / sum).collect::<Vec<_>>()
    };
    logits.chunks(classes).flat_map(row).collect()
}

/// The plain formulas in `f64`: losses, and the gradient of their sum, with label smoothing.
pub fn cross_entropy_reference(
    logits: &[f64],
    targets: &[u32],
    smoothing: f64,
) -> (Vec<f64>, Vec<f64>) {
    let classes = logits.len() / targets.len();
    let mut gradient = Vec::with_capacity(logits.len());
    let mut losses = Vec::with_capacity(targets.len());
    for (row, &target) in logits.chunks(classes).zip(targets) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
        let mean = row.iter().sum::<f64>() / classes as f64;
        let at_target = (1.0 - smoothing) * row[target as usize] + smoothing * mean;
        losses.push(sum.ln() + largest - at_target);
        gradient.extend(row.iter().enumerate().map(|(class, z)| {
            let own = f64::from(u8::from(class == target as usize));
            (z - largest).exp() / sum - (1.0 - smoothing) * own - smoothing / classes as f64
        }));
    }
    (losses, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn logits(rows: usize, classes: usize) -> Vec<f64> {
        (0..rows * classes).map(|i| (i as f64 * 0.731).sin() * 5.0).collect()
    }

    #[test]
    fn the_reference_gradient_equals_finite_differences() {
        let (targets, step, smoothing) = ([2, 0, 4], 1e-5, 0.1);
        let z = logits(3, 5);
        let (_, gradient) = cross_entropy_reference(&z, &targets, smoothing);
        let total =
            |z: &[f64]| cross_entropy_reference(z, &targets, smoothing).0.iter().sum::<f64>();
        for i in 0..z.len() {
            let (mut above, mut below) = (z.clone(), z.clone());
            above[i] += step;
            below[i] -= step;
            let slope = (total(&above) - total(&below)) / (2.0 * step);
            assert!((slope - gradient[i]).abs() < 1e-8, "{i}: {slope} and {}", gradient[i]);
        }
    }

    #[test]
    fn every_level_equals_the_reference() {
        for (rows, classes, smoothing) in
            [(1, 1, 0.0), (3, 5, 0.0), (9, 16, 0.1), (20, 1003, 0.0), (20, 1003, 0.3)]
        {
            let z = logits(rows, classes);
            let targets: Vec<u32> = (0..rows).map(|i| (i * 7 % classes) as u32).collect();
            let (losses, gradient) = cross_entropy_reference(&z, &targets, smoothing);
            for isa in Isa::available() {
                let cpu = Cpu::new(isa, 2).unwrap();
                let mut got: Vec<f32> = z.iter().map(|&z| z as f32).collect();
                let mut got_losses = vec![0.0; rows];
                let labels = Labels { smoothing: smoothing as f32, ..Labels::from(&targets[..]) };
                cross_entropy(&cpu, &mut got, labels, None, &mut got_losses);
                cross_entropy(&cpu, &mut got, labels, Some(0.5), &mut got_losses);
                for (a, b) in got_losses.iter().zip(&losses) {
                    assert!((f64::from(*a) - b).abs() < 2e-6 * (1.0 + b), "{isa:?} {a} {b}");
                }
                for (a, b) in got.iter().zip(&gradient) {
                    assert!((f64::from(*a) - 0.5 * b).abs() < 1e-6, "{isa:?} {a} {b}");
                }
            }
        }
    }

    #[test]
    fn a_logit_that_is_not_a_number_shows_in_the_loss() {
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 1).unwrap();
            let mut losses = [0.0];
            let mut z = vec![0.5; 40];
            z[17] = f32::NAN;
            cross_entropy(&cpu, &mut z, &[3][..], Some(1.0), &mut losses);
            assert!(losses[0].is_nan());
        }
    }

    #[test]
    fn probabilities_and_their_gradient_equal_the_reference() {
        for (rows, classes) in [(1, 1), (3, 5), (9, 16), (20, 1003)] {
            let z = logits(rows, classes);
            let want = softmax_reference(classes, &z);
            let dy: Vec<f32> = (0..z.len()).map(|i| (i as f32 * 1.3).cos()).collect();
            for isa in Isa::available() {
                let pass = |threads| {
                    let cpu = Cpu::new(isa, threads).unwrap();
                    let single: Vec<f32> = z.iter().map(|&z| z as f32).collect();
                    let (mut y, mut dx) = (vec![f32::NAN; z.len()], vec![f32::NAN; z.len()]);
                    softmax(&cpu, classes, &single, &mut y);
                    softmax_gradient(&cpu, classes, &y, &dy, &mut dx);
                    (y, dx)
                };
                let (y, dx) = pass(1);
                for i in 0..z.len() {
                    let row = i / classes * classes..(i / classes + 1) * classes;
                    let sum: f64 = row.map(|j| want[j] * f64::from(dy[j])).sum();
                    let slope = want[i] * (f64::from(dy[i]) - sum);
                    assert!((f64::from(y[i]) - want[i]).abs() < 1e-6, "{isa:?}");
                    assert!((f64::from(dx[i]) - slope).abs() < 1e-6, "{isa:?}");
                }
                assert!([2, 3].into_iter().all(|threads| pass(threads) == (y.clone(), dx.clone())));
            }
        }
    }

    /// Numbers of TensorFlow 2.15:
    /// ```python
    /// import numpy as np, tensorflow as tf
    /// z = tf.constant(np.sin(np.arange(8) * 0.7).reshape(2, 4).astype("f") * 3)
    /// with tf.GradientTape() as t:
    ///     t.watch(z); p = tf.nn.softmax(z)
    ///     loss = tf.reduce_sum(p * np.sin(np.arange(8) * 1.1).reshape(2, 4).astype("f"))
    /// for v in (p, t.gradient(loss, z)): print(v.numpy().ravel().tolist())
    /// ```
    #[test]
    fn the_softmax_equals_tensorflow() {
        let probabilities = [
            0.0247156, 0.1707307, 0.4752228, 0.3293309, 0.8519356, 0.1088746, 0.0228241, 0.0163657,
        ];
        let gradient = [
            -0.0119728, 0.0694508, 0.1540076, -0.2114856, -0.0744299, 0.0172780, 0.0268361,
            0.0303159,
        ];
        let z: Vec<f32> = (0..8).map(|i| (f64::from(i) * 0.7).sin() as f32 * 3.0).collect();
        let dy: Vec<f32> = (0..8).map(|i| (f64::from(i) * 1.1).sin() as f32).collect();
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 1).unwrap();
            let (mut y, mut dx) = ([0.0f32; 8], [0.0f32; 8]);
            softmax(&cpu, 4, &z, &mut y);
            softmax_gradient(&cpu, 4, &y, &dy, &mut dx);
            let pairs = y.into_iter().chain(dx).zip(probabilities.into_iter().chain(gradient));
            for (got, want) in pairs {
                assert!((got - want).abs() < 1e-6, "{isa:?}: {got} and {want}");
            }
        }
    }
}
