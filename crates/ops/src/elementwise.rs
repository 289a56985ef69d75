//! Functions of values one by one: sums, copies, and what other operators bring.

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, rows_mut};

/// Values a thread takes at a time.
const BLOCK: usize = 8 * 1024;

/// A function of one value.
pub(super) trait Unary: Copy + Sync {
    fn of<S: Simd>(self, x: S) -> S;
}

/// A function of two values.
pub(super) trait Binary: Copy + Sync {
    fn of<S: Simd>(self, a: S, b: S) -> S;
}

struct Map<'a, F> {
    function: F,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl<F: Unary> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (y, x) in self.y.chunks_mut(LANES).zip(self.x.chunks(LANES)) {
            self.function.of(S::load_slice(x, 0.0)).store_slice(y);
        }
    }
}

struct Join<'a, F> {
    function: F,
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
}

impl<F: Binary> Kernel for Join<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let sources = self.a.chunks(LANES).zip(self.b.chunks(LANES));
        for (y, (a, b)) in self.y.chunks_mut(LANES).zip(sources) {
            self.function.of(S::load_slice(a, 0.0), S::load_slice(b, 0.0)).store_slice(y);
        }
    }
}

/// `y[i] = function(x[i])`
///
/// # Panics
/// When the slices differ in length.
pub(super) fn map(cpu: &Cpu, function: impl Unary, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "input and output differ in size");
    cpu.for_rows(x.len(), BLOCK, rows_mut(y, 1), |block, y| {
        cpu.isa().run(Map { function, x: &x[block], y });
    });
}

/// `y[i] = function(a[i], b[i])`
///
/// # Panics
/// When the slices differ in length.
pub(super) fn join(cpu: &Cpu, function: impl Binary, a: &[f32], b: &[f32], y: &mut [f32]) {
    assert_eq!(a.len(), b.len(), "the inputs differ in size");
    assert_eq!(a.len(), y.len(), "input and output differ in size");
    cpu.for_rows(a.len(), BLOCK, rows_mut(y, 1), |block, y| {
        cpu.isa().run(Join { function, a: &a[block.clone()], b: &b[block], y });
    });
}

#[derive(Clone, Copy)]
struct Sum;

impl Binary for Sum {
    #[inline(always)]
    fn of<S: Simd>(self, a: S, b: S) -> S {
        a.add(b)
    }
}

/// `y[i] = a[i] + b[i]`. The gradient of either input is that of the output.
///
/// # Panics
/// When the slices differ in length.
pub fn add(cpu: &Cpu, a: &[f32], b: &[f32], y: &mut [f32]) {
    join(cpu, Sum, a, b, y);
}

/// Adds `x` to `y`, which has its length.
#[inline(always)]
pub(super) fn add_to<S: Simd>(y: &mut [f32], x: &[f32]) {
    for (y, x) in y.chunks_mut(LANES).zip(x.chunks(LANES)) {
        S::load_slice(y, 0.0).add(S::load_slice(x, 0.0)).store_slice(y);
    }
}

struct AddTo<'a>(&'a mut [f32], &'a [f32]);

impl Kernel for AddTo<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        add_to::<S>(self.0, self.1);
    }
}

/// `y[i] += x[i]`, with the bits of [`add`].
///
/// # Panics
/// When the slices differ in length.
pub fn add_assign(cpu: &Cpu, y: &mut [f32], x: &[f32]) {
    assert_eq!(x.len(), y.len(), "the addend has the wrong size");
    cpu.for_rows(x.len(), BLOCK, rows_mut(y, 1), |block, y| cpu.isa().run(AddTo(y, &x[block])));
}

/// Σ aᵢ bᵢ of two slices of one length, added in one order at each level.
pub(super) struct Dot<'a>(pub &'a [f32], pub &'a [f32]);

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let mut sums = S::splat(0.0);
        for (a, b) in self.0.chunks(LANES).zip(self.1.chunks(LANES)) {
            sums = S::load_slice(a, 0.0).mul_add(S::load_slice(b, 0.0), sums);
        }
        sums.sum()
    }
}

/// `y[i] = x[i]`
///
/// # Panics
/// When the slices differ in length.
pub fn copy(cpu: &Cpu, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "input and output differ in size");
    cpu.for_rows(x.len(), BLOCK, rows_mut(y, 1), |block, y| y.copy_from_slice(&x[block]));
}

/// `y[i] = value`
pub fn fill(cpu: &Cpu, value: f32, y: &mut [f32]) {
    let len = y.len();
    cpu.for_rows(len, BLOCK, rows_mut(y, 1), |_, y| y.fill(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{at_every_level, single, wave};

    #[test]
    fn sums_and_copies_are_exact_at_every_level_for_any_number_of_threads() {
        for len in [0, 1, 15, 16, 50_003] {
            let (a, b) = (single(&wave(len, 0.7)), single(&wave(len, 1.1)));
            let sums: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            let run = |cpu: &Cpu| {
                let [mut y, mut copied] = [vec![f32::NAN; len], vec![f32::NAN; len]];
                let (mut filled, mut added) = (y.clone(), b.clone());
                add(cpu, &a, &b, &mut y);
                add_assign(cpu, &mut added, &a);
                copy(cpu, &a, &mut copied);
                fill(cpu, 0.5, &mut filled);
                [y, added, copied, filled]
            };
            at_every_level(run, |isa, got| {
                let want = [sums.clone(), sums.clone(), a.clone(), vec![0.5; len]];
                assert_eq!(got, want, "{isa:?} {len}");
            });
        }
    }

    #[test]
    fn what_is_not_a_number_shows() {
        let (bad, good) = ([1.0, f32::NAN, f32::INFINITY], [1.0, 2.0, f32::NEG_INFINITY]);
        let run = |cpu: &Cpu| {
            let (mut y, mut added, mut copied) = ([0.0; 3], bad, [0.0; 3]);
            add(cpu, &good, &bad, &mut y);
            add_assign(cpu, &mut added, &good);
            copy(cpu, &bad, &mut copied);
            [y.to_vec(), added.to_vec(), copied[..2].to_vec()]
        };
        at_every_level(run, |isa, got| {
            assert!(got.iter().all(|y| y[0] > 0.0 && y[1..].iter().all(|y| y.is_nan())), "{isa:?}");
        });
    }
}
