//! The products of the models' layers: GFLOP/s and the share of this machine's peak.

use std::time::Instant;

use tfm::ops::matmul::{Accumulate, Matrix, matmul};
use tfm::ops::{Buffer, Cpu, Isa, peak};

const SHAPES: [(&str, usize, usize, usize); 9] = [
    ("cube", 1024, 1024, 1024),
    ("small logits", 400, 200, 10_000),
    ("small d_hidden", 400, 10_000, 200),
    ("small d_weight", 200, 400, 10_000),
    ("small d_inputs", 400, 800, 200),
    ("medium projection", 700, 650, 2600),
    ("medium logits", 700, 650, 10_000),
    ("medium, batch 1 of 20", 20, 650, 2600),
    ("large projection", 700, 1500, 6000),
];

fn main() -> anyhow::Result<()> {
    let isa = Isa::from_environment()?;
    for threads in [1, std::thread::available_parallelism()?.get()] {
        let cpu = Cpu::new(isa, threads)?;
        let peak = peak::flops(&cpu);
        println!("{} {threads} threads: peak {:.0} GFLOP/s", isa.name(), peak / 1e9);
        for (name, m, k, n) in SHAPES {
            let (mut a, mut b) = (Buffer::zeros(m * k), Buffer::zeros(k * n));
            a.fill(0.5);
            b.fill(0.25);
            let mut c = Buffer::zeros(m * n);
            let forms = [
                ("A B", Matrix::new(&a, m, k), Matrix::new(&b, k, n)),
                ("A Bᵀ", Matrix::new(&a, m, k), Matrix::new(&b, n, k).transposed()),
                ("Aᵀ B", Matrix::new(&a, k, m).transposed(), Matrix::new(&b, k, n)),
            ];
            for (form, left, right) in forms {
                let seconds = best_of(|| matmul(&cpu, left, right, Accumulate::Overwrite, &mut c));
                let rate = 2.0 * (m * k * n) as f64 / seconds;
                println!(
                    "  {name:24} {form:5} {m:5} × {k:5} × {n:5} {:8.3} ms {:6.0} GFLOP/s {:3.0} %",
                    seconds * 1e3,
                    rate / 1e9,
                    100.0 * rate / peak
                );
            }
        }
    }
    Ok(())
}

fn best_of(mut work: impl FnMut()) -> f64 {
    work();
    (0..7)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
