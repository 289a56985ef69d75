//! Sums of squares, for clipping by the global norm.

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, rows_mut};

/// Values that are summed in `f32` lanes before the sum continues in `f64`.
const CHUNK: usize = 16 * 1024;

struct SumOfSquares<'a>(&'a [f32]);

impl Kernel for SumOfSquares<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        const CHAINS: usize = 4;
        let mut sums = [S::splat(0.0); CHAINS];
        for chunk in self.0.chunks(CHAINS * LANES) {
            for (values, sum) in chunk.chunks(LANES).zip(&mut sums) {
                let x = S::load_slice(values, 0.0);
                *sum = x.mul_add(x, *sum);
            }
        }
        sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum()
    }
}

/// The sum of the squares of all values, over a fixed split. Not finite where a value is not.
pub fn sum_of_squares(cpu: &Cpu, values: &[f32]) -> f64 {
    let chunks = values.len().div_ceil(CHUNK);
    let mut sums = vec![0.0f32; chunks];
    cpu.for_rows(chunks, 1, rows_mut(&mut sums, 1), |chunk, sum| {
        let start = chunk.start * CHUNK;
        let values = &values[start..values.len().min(start + CHUNK)];
        sum[0] = cpu.isa().run(SumOfSquares(values));
    });
    sums.into_iter().map(f64::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn equals_the_plain_sum_at_every_level() {
        let values: Vec<f32> = (0..40_001).map(|i| (i as f32 * 0.37).sin()).collect();
        let want: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
        for isa in Isa::available() {
            let sum = |threads| sum_of_squares(&Cpu::new(isa, threads).unwrap(), &values);
            assert!((sum(1) - want).abs() < 1e-6 * want);
            assert_eq!(sum(1).to_bits(), sum(3).to_bits());
        }
    }

    #[test]
    fn shows_a_value_that_is_not_finite() {
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        assert!(!sum_of_squares(&cpu, &[1.0, f32::NAN]).is_finite());
        assert!(!sum_of_squares(&cpu, &[1.0, f32::INFINITY]).is_finite());
    }
}
