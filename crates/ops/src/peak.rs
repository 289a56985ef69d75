//! What this machine can do at best: its multiply-add peak and its memory bandwidth.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::simd::{Kernel, LANES, Simd};
use super::{Buffer, Cpu, rows_mut};

/// Independent chains: enough to hide the latency of a multiply-add on any known core. At a level
/// whose registers hold fewer, as many as the rows of a tile.
const MAX_CHAINS: usize = 12;
/// How long one measurement lasts, in seconds.
const SECONDS: f64 = 0.1;
/// Measurements of which the best counts: other programs can only slow one down.
const TRIES: usize = 5;

struct Chains(usize);

impl Kernel for Chains {
    /// How many operations that were.
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self) -> usize {
        let chains = MAX_CHAINS.min(S::TILE[0]);
        // Lanes that were alike to the compiler would be computed once and counted twice.
        let starts: [f32; MAX_CHAINS * LANES] = std::hint::black_box([1.0; MAX_CHAINS * LANES]);
        let mut sums: [S; MAX_CHAINS] =
            std::array::from_fn(|i| S::load_slice(&starts[i * LANES..], 0.0));
        let (factor, term) = (S::splat(0.999_999), S::splat(1e-6));
        for _ in 0..self.0 {
            for sum in sums.iter_mut().take(chains) {
                *sum = sum.mul_add(factor, term);
            }
        }
        std::hint::black_box(sums.into_iter().fold(S::splat(0.0), |a, b| a.add(b)).sum());
        2 * self.0 * chains * LANES
    }
}

/// Floating-point operations a second of all threads in fused multiply-adds, each counted
/// as two operations.
pub fn flops(cpu: &Cpu) -> f64 {
    const ROUNDS: usize = 200_000;
    best_rate(|| {
        let operations = AtomicUsize::new(0);
        cpu.parallel(usize::MAX, |_| {
            let own = cpu.isa().run(Chains(std::hint::black_box(ROUNDS)));
            operations.fetch_add(own, Ordering::Relaxed);
        });
        operations.into_inner() as f64
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
    best_rate(|| {
        cpu.parallel(usize::MAX, |worker| {
            std::hint::black_box(cpu.isa().run(Sum(&values[worker.chunk(VALUES)])));
        });
        4.0 * VALUES as f64
    })
}

/// The best rate of several measurements of `work`, which returns how much it did.
fn best_rate(mut work: impl FnMut() -> f64) -> f64 {
    work();
    let mut best: f64 = 0.0;
    for _ in 0..TRIES {
        let start = Instant::now();
        let mut amount = 0.0;
        while start.elapsed().as_secs_f64() < SECONDS {
            amount += work();
        }
        best = best.max(amount / start.elapsed().as_secs_f64());
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
