//! Fast convolutions held to plain ones.

use anyhow::{Result, ensure};

use crate::ops::Cpu;
use crate::ops::conv::{self, Shape, conv_reference};
use crate::rng::Stream;

/// The largest error against the plain computation, relative to the largest output.
const TOLERANCE: f64 = 1e-4;

/// Compares the forward pass of the convolution `layer` on two images with the plain sums in
/// `f64`.
///
/// # Errors
/// When they differ.
pub fn compare_convolution(cpu: &Cpu, layer: &str, shape: Shape) -> Result<()> {
    let shape = Shape { batch: 2, ..shape };
    let random = |len: usize, name: &str| -> Vec<f32> {
        let mut numbers = Stream::new(1, name).at(0);
        (0..len).map(|_| numbers.uniform_between(-1.0, 1.0)).collect()
    };
    let (x, weight) = (random(shape.inputs(), "x"), random(shape.weights(), "weight"));
    let bias = random(shape.out_channels, "bias");
    let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
    let want = conv_reference(shape, &wide(&x), &wide(&weight), &wide(&bias));
    let mut y = vec![0.0; shape.outputs()];
    conv::forward(cpu, shape, &x, &weight, &bias, false, &mut y);
    let largest = want.iter().fold(f64::MIN_POSITIVE, |a, b| a.max(b.abs()));
    let errors = y.iter().zip(&want).map(|(&got, want)| (f64::from(got) - want).abs() / largest);
    // Not a number must not pass for a small error.
    let error = errors.fold(0.0, |a, b| if b <= a { a } else { b });
    ensure!(
        error < TOLERANCE,
        "{layer} differs from the plain computation by {error:.1e} of its largest output at {}",
        cpu.isa().name()
    );
    Ok(())
}
