//! Matrix products from packed panels (Goto and van de Geijn, "Anatomy of High-Performance
//! Matrix Multiplication", 2008).
//!
//! The left side is packed in panels of a few rows, the right side in panels of sixteen
//! columns. A register tile holds one panel's rows by sixteen columns. Every element of
//! the result is one chain of multiply-adds in the order of `k`, so it has the same bits
//! however the work is split.

use std::sync::Arc;

mod kernel;
mod pack;
mod panel;
mod product;
mod right;

pub(super) use kernel::tile_products;
pub use pack::Matrix;
pub(super) use pack::{PackColumns, PackRows, Panels, Tile, pack_tile};
pub(super) use panel::Ahead;
use product::{Product, max_depth};
pub use right::{PackedMatrix, Right};

use super::relu::Rectifier;
use super::{Cpu, DisjointSlice, rows_mut};

/// The values of one side that are packed at a time: a share of the last-level cache.
const SLICE_VALUES: usize = 512 * 1024;
/// The most column panels for which tiles, not columns, are split among the threads.
const FEW_PANELS: usize = 32;

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Accumulate<'a> {
    /// Nothing: beta = 0, the result is overwritten.
    Overwrite,
    /// What the result holds: beta = 1.
    Add,
    /// A row vector, added to every row.
    Bias(&'a [f32]),
}

/// `result (m, n) = start + left (m, k) · right (k, n)`, the result stored row by row.
///
/// The bits are the same whether the right side is packed already or not.
///
/// # Panics
/// When the sizes do not fit each other, or the right side is packed for another instruction level.
pub fn matmul<'a>(
    cpu: &Cpu,
    left: Matrix,
    right: impl Into<Right<'a>>,
    start: Accumulate,
    result: &mut [f32],
) {
    multiply(cpu, left, &right.into(), start, Rectifier::None, result, None);
}

/// As [`matmul`], followed by the activation `rectifier`.
///
/// # Panics
/// As [`matmul`].
pub fn matmul_rectified<'a>(
    cpu: &Cpu,
    left: Matrix,
    right: impl Into<Right<'a>>,
    start: Accumulate,
    rectifier: Rectifier,
    result: &mut [f32],
) {
    multiply(cpu, left, &right.into(), start, rectifier, result, None);
}

/// As [`matmul_rectified`] with a bias, where each thread takes `block` rows at a time and computes all
/// their columns, so that it finds in its cache what it wrote in the operator before. The right side
/// should stay there too.
///
/// # Panics
/// As [`matmul`].
pub fn matmul_by_rows(
    cpu: &Cpu,
    (left, block): (Matrix, usize),
    right: &Arc<PackedMatrix>,
    bias: &[f32],
    rectifier: Rectifier,
    result: &mut [f32],
) {
    let (right, start) = (Right::Packed(Arc::clone(right)), Accumulate::Bias(bias));
    check(cpu, left, &right, start, result);
    cpu.for_rows(left.rows, block, rows_mut(result, right.size().1), |rows, result| {
        multiply_alone(cpu, left.row_range(rows), &right, start, rectifier, result);
    });
}

/// `result (m, n) = left (m, k) · right (k, n)` on the calling thread alone: one of many products that
/// are shared among the threads.
///
/// # Panics
/// As [`matmul`].
pub(super) fn matmul_alone(cpu: &Cpu, left: Matrix, right: &Right, result: &mut [f32]) {
    check(cpu, left, right, Accumulate::Overwrite, result);
    multiply_alone(cpu, left, right, Accumulate::Overwrite, Rectifier::None, result);
}

/// As [`matmul_rectified`] on the calling thread alone: a part of a product that is shared among the
/// threads.
pub(super) fn multiply_alone(
    cpu: &Cpu,
    left: Matrix,
    right: &Right,
    start: Accumulate,
    rectifier: Rectifier,
    result: &mut [f32],
) {
    let product = Product::new(cpu, left, right.size().1, rectifier, result);
    product.columns_alone(left, right, start, 0..product.column_panels);
}

/// As [`matmul`], with `sums[j] = Σ right[p][j]` over all rows `p`, the first row first: with
/// the gradient of a layer's weights comes that of its bias, while `right` is read anyway.
///
/// # Panics
/// When the sizes do not fit each other, or the rows of `right` are not contiguous.
pub fn matmul_and_sums(
    cpu: &Cpu,
    left: Matrix,
    right: Matrix,
    start: Accumulate,
    result: &mut [f32],
    sums: &mut [f32],
) {
    assert_eq!(sums.len(), right.columns, "one sum for each column");
    assert!(right.has_contiguous_rows(), "sums need contiguous rows");
    sums.fill(0.0);
    let sums = Some(DisjointSlice::new(sums));
    multiply(cpu, left, &right.into(), start, Rectifier::None, result, sums);
}

/// The gradient of a layer's `weights` (inputs, outputs) and `biases` (outputs), which are
/// overwritten, from its inputs (rows, inputs), given as parts that are side by side, and the
/// gradient `d` (rows, outputs) of its outputs.
///
/// # Panics
/// As [`matmul_and_sums`].
pub fn gradient_of_weights(
    cpu: &Cpu,
    inputs: &[Matrix],
    d: &[f32],
    mut weights: &mut [f32],
    biases: &mut [f32],
) {
    let outputs = biases.len();
    let d = Matrix::new(d, d.len() / outputs, outputs);
    for (i, part) in inputs.iter().enumerate() {
        let (own, rest) = weights.split_at_mut(part.columns * outputs);
        let left = part.transposed();
        match i + 1 == inputs.len() {
            true => matmul_and_sums(cpu, left, d, Accumulate::Overwrite, own, biases),
            false => matmul(cpu, left, d, Accumulate::Overwrite, own),
        }
        weights = rest;
    }
}

fn check(cpu: &Cpu, left: Matrix, right: &Right, start: Accumulate, result: &[f32]) {
    if let Right::Packed(right) = right {
        assert!(right.is_for(cpu.isa()), "the right side is packed for another instruction level");
    }
    let (rows, n) = right.size();
    assert_eq!(rows, left.columns, "inner sizes differ");
    assert_eq!(result.len(), left.rows * n, "the result has the wrong size");
    if let Accumulate::Bias(bias) = start {
        assert_eq!(bias.len(), n, "the bias has the wrong size");
    }
}

fn multiply(
    cpu: &Cpu,
    left: Matrix,
    right: &Right,
    start: Accumulate,
    rectifier: Rectifier,
    result: &mut [f32],
    sums: Option<DisjointSlice>,
) {
    check(cpu, left, right, start, result);
    let (m, k, n) = (left.rows, left.columns, right.size().1);
    if m == 0 || n == 0 {
        return;
    }
    let product = Product { sums, ..Product::new(cpu, left, n, rectifier, result) };
    let Right::Plain(right) = right else { return product.by_columns(left, right, start) };
    let few_columns = product.column_panels <= FEW_PANELS && product.panels.count > 1;
    // A deep product goes in slices whose packed left side stays in the cache. The chains of
    // multiply-adds are the same.
    let slice = (SLICE_VALUES / if few_columns { m.max(n) } else { m })
        .max(1)
        .next_multiple_of(max_depth(cpu.isa()));
    let mut start = start;
    for depth in (0..k.max(1)).step_by(slice) {
        let depth = depth..k.min(depth + slice);
        let rectifier = if depth.end == k { rectifier } else { Rectifier::None };
        let product = Product { rectifier, ..product };
        let (left, right) = (left.column_range(depth.clone()), right.row_range(depth));
        if few_columns {
            product.by_tiles(left, right, start);
        } else {
            product.by_columns(left, &right.into(), start);
        }
        start = Accumulate::Add;
    }
}

/// The plain triple loop in `f64`, against which the fast paths are held.
#[cfg(test)]
pub fn matmul_reference(left: Matrix, right: Matrix) -> Vec<f64> {
    let mut result = vec![0.0; left.rows * right.columns];
    for i in 0..left.rows {
        for p in 0..left.columns {
            let a = f64::from(left.at(i, p));
            for j in 0..right.columns {
                result[i * right.columns + j] += a * f64::from(right.at(p, j));
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::rng::Stream;

    fn random(len: usize, name: &str) -> Vec<f32> {
        let mut numbers = Stream::new(1, name).at(0);
        (0..len).map(|_| numbers.uniform_between(-1.0, 1.0)).collect()
    }

    const SHAPES: [(usize, usize, usize); 11] = [
        (1, 1, 1),
        (1, 300, 17),
        (2, 3, 5),
        (20, 257, 64),
        (23, 5, 33),
        (25, 16, 16),
        (30, 512, 40),
        (49, 600, 100),
        (130, 31, 47),
        (60, 300, 530),
        (600, 1100, 20),
    ];

    #[test]
    fn every_level_and_layout_equals_the_reference() {
        for (m, k, n) in SHAPES {
            let (a, b) = (random(m * k, "a"), random(k * n, "b"));
            let lefts = [Matrix::new(&a, m, k), Matrix::new(&a, k, m).transposed()];
            let rights = [Matrix::new(&b, k, n), Matrix::new(&b, n, k).transposed()];
            for isa in Isa::available() {
                let cpu = Cpu::new(isa, 2).unwrap();
                for (left, right) in lefts.iter().zip(rights).chain(lefts.iter().rev().zip(rights))
                {
                    check(&cpu, *left, right);
                }
            }
        }
    }

    fn check(cpu: &Cpu, left: Matrix, right: Matrix) {
        let (m, n) = (left.rows, right.columns);
        let want = matmul_reference(left, right);
        let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        let bias = random(n, "bias");
        let old = random(m * n, "old");
        let starts = [Accumulate::Overwrite, Accumulate::Add, Accumulate::Bias(&bias)];
        for start in starts {
            let mut result = old.clone();
            matmul(cpu, left, right, start, &mut result);
            let mut packed = PackedMatrix::default();
            packed.pack(cpu, right);
            let (mut of_packed, packed) = (old.clone(), Right::Packed(Arc::new(packed)));
            matmul(cpu, left, packed, start, &mut of_packed);
            assert_eq!(result, of_packed, "{:?} {start:?}", cpu.isa());
            for (i, (&got, want)) in result.iter().zip(&want).enumerate() {
                let from = match start {
                    Accumulate::Overwrite => 0.0,
                    Accumulate::Add => f64::from(old[i]),
                    Accumulate::Bias(bias) => f64::from(bias[i % n]),
                };
                let error = (f64::from(got) - want - from).abs();
                assert!(error <= 2e-6 * (largest + 1.0), "{:?} {start:?} {i}: {error}", cpu.isa());
            }
        }
    }

    #[test]
    fn more_rows_than_a_slice_has_values_are_no_fault() {
        let (m, k, n) = (SLICE_VALUES + 3, 2, 3);
        let (a, b) = (random(m * k, "a"), random(k * n, "b"));
        let cpu = Cpu::new(Isa::available().pop().unwrap(), 2).unwrap();
        let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
        let mut result = vec![0.0; m * n];
        matmul(&cpu, a, b, Accumulate::Overwrite, &mut result);
        let want = a.at(m - 1, 0) * b.at(0, 2) + a.at(m - 1, 1) * b.at(1, 2);
        assert!((result[m * n - 1] - want).abs() < 1e-6);
    }

    #[test]
    fn a_right_side_that_is_packed_for_another_level_is_refused() {
        let a = random(600, "a");
        for (own, other) in Isa::available().into_iter().zip(Isa::available().into_iter().skip(1)) {
            let [own, other] = [own, other].map(|isa| Cpu::new(isa, 1).unwrap());
            let mut packed = PackedMatrix::default();
            packed.pack(&own, Matrix::new(&a, 300, 2));
            let (left, right) = (Matrix::new(&a, 2, 300), Right::Packed(Arc::new(packed)));
            let product = || matmul(&other, left, right, Accumulate::Overwrite, &mut [0.0; 4]);
            let product = std::panic::AssertUnwindSafe(product);
            assert!(std::panic::catch_unwind(product).is_err());
        }
    }

    #[test]
    fn sums_of_columns_come_with_the_product() {
        for (m, k, n) in SHAPES {
            let (a, b) = (random(m * k, "a"), random(k * n, "b"));
            let (left, right) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
            for isa in Isa::available() {
                let cpu = Cpu::new(isa, 2).unwrap();
                let (mut result, mut plain, mut sums) =
                    (vec![0.0; m * n], vec![0.0; m * n], vec![9.0; n]);
                matmul(&cpu, left, right, Accumulate::Overwrite, &mut plain);
                matmul_and_sums(&cpu, left, right, Accumulate::Overwrite, &mut result, &mut sums);
                assert_eq!(result, plain);
                for (j, sum) in sums.iter().enumerate() {
                    let want = (0..k).fold(0.0, |sum, p| sum + right.at(p, j));
                    assert_eq!(sum.to_bits(), want.to_bits(), "{isa:?} {m} {k} {n} {j}");
                }
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_threads() {
        for isa in Isa::available() {
            for (m, k, n) in SHAPES {
                let (a, b) = (random(m * k, "a"), random(k * n, "b"));
                let product = |threads| {
                    let mut c = vec![0.0; m * n];
                    let cpu = Cpu::new(isa, threads).unwrap();
                    let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
                    matmul(&cpu, a, b, Accumulate::Overwrite, &mut c);
                    c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                let one = product(1);
                assert!([2, 3, 4, 8].into_iter().all(|threads| product(threads) == one));
            }
        }
    }
}
