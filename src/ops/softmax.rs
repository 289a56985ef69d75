//! Softmax cross-entropy with integer targets, fused with its gradient.

use super::simd::{Kernel, LANES, Simd, exp};
use super::{Cpu, Shared};

struct Row<'a> {
    logits: &'a mut [f32],
    target: usize,
    gradient_scale: Option<f32>,
}

impl Kernel for Row<'_> {
    /// The loss of the row: log Σ e^z - z[target].
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let largest = largest::<S>(self.logits);
        let at_target = self.logits[self.target];
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
            let factor = S::splat(scale / sum);
            for chunk in self.logits.chunks_mut(LANES) {
                S::load_slice(chunk, 0.0).mul(factor).store_slice(chunk);
            }
            self.logits[self.target] -= scale;
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

/// The cross-entropy in nats of each row of `logits` (rows, `targets[i] < classes`), to
/// `losses` (rows). With `gradient_scale`, the logits are overwritten with the gradient of
/// `gradient_scale · Σ losses`.
///
/// # Panics
/// When the sizes do not fit, or a target is not a class.
pub fn cross_entropy(
    cpu: &Cpu,
    logits: &mut [f32],
    targets: &[u32],
    gradient_scale: Option<f32>,
    losses: &mut [f32],
) {
    assert_eq!(losses.len(), targets.len(), "one loss for each target");
    if targets.is_empty() {
        return;
    }
    let classes = logits.len() / targets.len();
    assert_eq!(logits.len(), classes * targets.len(), "one row of logits for each target");
    let (logits, losses) = (Shared::new(logits), Shared::new(losses));
    cpu.for_blocks(targets.len(), 8, |block| {
        for row in block {
            // SAFETY: every row belongs to one block.
            let (loss, logits) = unsafe {
                (losses.range(row..row + 1), logits.range(row * classes..(row + 1) * classes))
            };
            let target = targets[row] as usize;
            loss[0] = cpu.isa().run(Row { logits, target, gradient_scale });
        }
    });
}

/// The plain formulas in `f64`: losses, and the gradient of their sum.
pub fn cross_entropy_reference(logits: &[f64], targets: &[u32]) -> (Vec<f64>, Vec<f64>) {
    let classes = logits.len() / targets.len();
    let mut gradient = Vec::with_capacity(logits.len());
    let mut losses = Vec::with_capacity(targets.len());
    for (row, &target) in logits.chunks(classes).zip(targets) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
        losses.push(sum.ln() + largest - row[target as usize]);
        gradient.extend(row.iter().enumerate().map(|(class, z)| {
            (z - largest).exp() / sum - f64::from(u8::from(class == target as usize))
        }));
    }
    (losses, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Isa;

    fn logits(rows: usize, classes: usize) -> Vec<f64> {
        (0..rows * classes).map(|i| (i as f64 * 0.731).sin() * 5.0).collect()
    }

    #[test]
    fn the_reference_gradient_equals_finite_differences() {
        let (targets, step) = ([2, 0, 4], 1e-5);
        let z = logits(3, 5);
        let (_, gradient) = cross_entropy_reference(&z, &targets);
        let total = |z: &[f64]| cross_entropy_reference(z, &targets).0.iter().sum::<f64>();
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
        for (rows, classes) in [(1, 1), (3, 5), (9, 16), (20, 1003)] {
            let z = logits(rows, classes);
            let targets: Vec<u32> = (0..rows).map(|i| (i * 7 % classes) as u32).collect();
            let (losses, gradient) = cross_entropy_reference(&z, &targets);
            for isa in Isa::available() {
                let cpu = Cpu::new(isa, 2).unwrap();
                let mut got: Vec<f32> = z.iter().map(|&z| z as f32).collect();
                let mut got_losses = vec![0.0; rows];
                cross_entropy(&cpu, &mut got, &targets, None, &mut got_losses);
                cross_entropy(&cpu, &mut got, &targets, Some(0.5), &mut got_losses);
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
            cross_entropy(&cpu, &mut z, &[3], Some(1.0), &mut losses);
            assert!(losses[0].is_nan());
        }
    }
}
