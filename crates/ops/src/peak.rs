//! What this machine can do at best: its multiply-add peak and its memory bandwidth.

use std::time::Instant;

use super::simd::{Kernel, LANES, Simd};
use super::{Buffer, Cpu, rows_mut};

/// Independent chains: enough to hide the latency of a multiply-add on any known core.
const CHAINS: usize = 12;
/// How long one measurement lasts, in seconds.
const SECONDS: f64 = 0.1;
/// Measurements of which the best counts: other programs can only slow one down.
const TRIES: usize = 5;

struct Chains(usize);

impl Kernel for Chains {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let mut sums: [S; CHAINS] = std::array::from_fn(|i| S::splat(i as f32));
        let (factor, term) = (S::splat(0.999_999), S::splat(1e-6));
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, term);
            }
        }
        sums.into_iter().fold(S::splat(0.0), |a, b| a.add(b)).sum()
    }
}

/// Floating-point operations a second of all threads in fused multiply-adds, each counted
/// as two operations.
pub fn flops(cpu: &Cpu) -> f64 {
    const ROUNDS: usize = 20_000;
    let operations = (cpu.threads() * ROUNDS * CHAINS * LANES * 2) as f64;
    best_rate(operations, || {
        cpu.parallel(usize::MAX, |_| {
            std::hint::black_box(cpu.isa().run(Chains(std::hint::black_box(ROUNDS))));
        });
    })
}

/// Bytes a second that all threads read from memory, from a buffer far larger than caches.
pub fn bandwidth(cpu: &Cpu) -> f64 {
    const VALUES: usize = 64 * 1024 * 1024;
    struct Sum<'a>(&'a [f32]);
    impl Kernel for Sum<'_> {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self) -> f32 {
            let mut sums = [S::splat(0.0); 4];
            for chunk in self.0.chunks_exact(4 * LANES) {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(S::load_slice(&chunk[i * LANES..], 0.0));
                }
            }
            sums.into_iter().fold(S::splat(0.0), |a, b| a.add(b)).sum()
        }
    }
    let mut values = Buffer::zeros(VALUES);
    // Each thread touches its part first, so that the pages exist and lie near it.
    let part = VALUES / cpu.threads();
    cpu.for_rows(VALUES, part, rows_mut(&mut values, 1), |_, values| values.fill(1.0));
    best_rate(4.0 * VALUES as f64, || {
        cpu.parallel(usize::MAX, |worker| {
            std::hint::black_box(cpu.isa().run(Sum(&values[worker.chunk(VALUES)])));
        });
    })
}

/// The best rate of several measurements, in `amount` a second.
fn best_rate(amount: f64, mut work: impl FnMut()) -> f64 {
    work();
    let mut best: f64 = 0.0;
    for _ in 0..TRIES {
        let start = Instant::now();
        let mut rounds = 0;
        while start.elapsed().as_secs_f64() < SECONDS {
            work();
            rounds += 1;
        }
        best = best.max(amount * f64::from(rounds) / start.elapsed().as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn rates_are_positive_at_every_level() {
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 1).unwrap();
            let rate = flops(&cpu);
            assert!(rate > 0.0 && rate.is_finite(), "{isa:?}: {rate}");
        }
    }
}
