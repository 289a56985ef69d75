//! The gradient of the bias.

use super::super::simd::{Kernel, LANES, Simd};
use super::super::{Cpu, rows_mut};

/// Values of a piece: its sums continue in another place.
const PIECE_VALUES: usize = 32 * 1024;
/// Vectors of columns that are summed side by side.
const VECTORS: usize = 4;

/// `dbias[n] = Σ dy[i][n]` over all pixels of `dy` (pixels, `channels`): pieces of a fixed
/// size are summed each on its own, then added in their order.
///
/// # Panics
/// When `dbias` does not hold `channels` values or `dy` no whole number of pixels.
pub fn bias_gradient(cpu: &Cpu, dy: &[f32], channels: usize, dbias: &mut [f32]) {
    assert_eq!(dbias.len(), channels, "one sum for each channel");
    if channels == 0 {
        return;
    }
    assert_eq!(dy.len() % channels, 0, "the gradient does not hold a whole number of pixels");
    let pixels = dy.len() / channels;
    let piece = (PIECE_VALUES / channels).max(1);
    let count = pixels.div_ceil(piece);
    cpu.with_buffer(count * channels, |sums| {
        cpu.for_rows(count, 1, rows_mut(sums, channels), |at, sums| {
            let start = at.start * piece;
            let rows = &dy[start * channels..pixels.min(start + piece) * channels];
            cpu.isa().run(SumPixels { rows, sums });
        });
        // The pieces' sums are pixels again, and few.
        cpu.isa().run(SumPixels { rows: sums, sums: dbias });
    });
}

/// The sum of whole pixels, the first one first.
struct SumPixels<'a> {
    rows: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for SumPixels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.sums.len();
        for first in (0..channels).step_by(VECTORS * LANES) {
            let count = (VECTORS * LANES).min(channels - first);
            let mut sums = [S::splat(0.0); VECTORS];
            if count == VECTORS * LANES {
                for row in self.rows.chunks_exact(channels) {
                    let row = &row[first..first + VECTORS * LANES];
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add(S::load_slice(&row[j * LANES..], 0.0));
                    }
                }
            } else {
                for row in self.rows.chunks_exact(channels) {
                    let row = &row[first..first + count];
                    for (sum, values) in sums.iter_mut().zip(row.chunks(LANES)) {
                        *sum = sum.add(S::load_slice(values, 0.0));
                    }
                }
            }
            let to = &mut self.sums[first..first + count];
            for (to, sum) in to.chunks_mut(LANES).zip(sums) {
                sum.store_slice(to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn equals_the_plain_sum_at_every_level_with_any_threads() {
        for (pixels, channels) in [(0, 3), (5000, 64), (40_000, 1), (37, 5), (900, 77), (3, 40_000)]
        {
            let dy: Vec<f32> = (0..pixels * channels).map(|i| (i as f32 * 0.37).sin()).collect();
            let mut want = vec![0.0; channels];
            for (i, &dy) in dy.iter().enumerate() {
                want[i % channels] += f64::from(dy);
            }
            for isa in Isa::available() {
                let sums = |threads| {
                    let mut dbias = vec![f32::NAN; channels];
                    bias_gradient(&Cpu::new(isa, threads).unwrap(), &dy, channels, &mut dbias);
                    dbias
                };
                let one = sums(1);
                for (got, want) in one.iter().zip(&want) {
                    assert!((f64::from(*got) - want).abs() < 2e-5 * (1.0 + want.abs()));
                }
                assert!([2, 3, 5].into_iter().all(|threads| sums(threads) == one));
            }
        }
    }
}
