//! What the tests of operators share.

use super::{Cpu, Isa};

/// A sine of `len` values, `a` radians apart.
pub(super) fn wave(len: usize, a: f64) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * a).sin()).collect()
}

/// The values in single precision.
pub(super) fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Σ aᵢ bᵢ: the scalar whose gradient is taken.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Holds `gradient` to the slopes of `objective` at `x`.
pub(super) fn assert_slopes(x: &[f64], gradient: &[f64], objective: impl Fn(&[f64]) -> f64) {
    const STEP: f64 = 1e-5;
    assert_eq!(x.len(), gradient.len());
    let mut x = x.to_vec();
    for (i, gradient) in gradient.iter().enumerate() {
        let at = x[i];
        x[i] = at + STEP;
        let above = objective(&x);
        x[i] = at - STEP;
        let slope = (above - objective(&x)) / (2.0 * STEP);
        x[i] = at;
        assert!((slope - gradient).abs() < 1e-8, "{i}: {slope} and {gradient}");
    }
}

/// Holds every value to the one wanted, to within `error` of the largest.
pub(super) fn assert_near(got: &[f32], want: &[f64], error: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let off = (f64::from(*got) - want).abs();
        assert!(off <= error * largest, "{what} {i}: {got} and {want}");
    }
}

/// Calls `run` at every level of this machine with one thread and with several, holds the bits
/// of what it returns to be the same, and hands them to `check`.
pub(super) fn at_every_level<const N: usize>(
    run: impl Fn(&Cpu) -> [Vec<f32>; N],
    check: impl Fn(Isa, [Vec<f32>; N]),
) {
    for isa in Isa::available() {
        let bits = |threads| {
            run(&Cpu::new(isa, threads).unwrap())
                .map(|part| part.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        let one = bits(1);
        assert!([2, 3, 5].into_iter().all(|threads| bits(threads) == one), "{isa:?}");
        check(isa, one.map(|part| part.into_iter().map(f32::from_bits).collect()));
    }
}
