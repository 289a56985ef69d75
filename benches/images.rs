//! The passes over images that memory limits: ms, GB/s of what they must read and write, and
//! the share of what this machine's memory gives.

use std::time::Instant;

use tfm::ops::lrn::{Lrn, Until, lrn, lrn_gradient};
use tfm::ops::optimizer::{Averaged, Momentum, Sgd, step};
use tfm::ops::pool::{self, Floor, avg_pool2d, avg_pool2d_gradient};
use tfm::ops::pool::{max_pool2d, max_pool2d_gradient};
use tfm::ops::pool_lrn::{self, PoolLrn};
use tfm::ops::relu::{Rectifier, rectify_gradient};
use tfm::ops::statistics::{histogram, statistics};
use tfm::ops::window::Padding;
use tfm::ops::{Buffer, Cpu, Isa, peak};

const BATCH: usize = 128;
const LRN: Lrn = Lrn { radius: 4, bias: 1.0, alpha: 0.001 / 9.0, beta: 0.75 };

fn shape(size: usize, channels: usize, kernel: usize, padding: Padding) -> pool::Shape {
    let (kernel, stride) = ([kernel; 2], [2; 2]);
    pool::Shape { batch: BATCH, height: size, width: size, channels, kernel, stride, padding }
}

fn main() -> anyhow::Result<()> {
    let isa = Isa::from_environment()?;
    for threads in [1, std::thread::available_parallelism()?.get()] {
        let cpu = Cpu::new(isa, threads)?;
        let bandwidth = peak::bandwidth(&cpu);
        println!("{} {threads} threads: reads {:.1} GB/s", isa.name(), bandwidth / 1e9);
        let meter = Meter { bandwidth };
        for (name, shape) in [
            ("cifar10 pool1", shape(24, 64, 3, Padding::Same)),
            ("mnist pool1", shape(28, 32, 2, Padding::Same)),
            ("alexnet pool1", shape(55, 64, 3, Padding::Valid)),
        ] {
            meter.pools(&cpu, name, shape);
        }
        meter.normalisations(&cpu);
        meter.parameters(&cpu);
    }
    Ok(())
}

struct Meter {
    bandwidth: f64,
}

impl Meter {
    fn print(&self, name: &str, values: usize, mut work: impl FnMut()) {
        work();
        let time = |_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        };
        let seconds = (0..15).map(time).fold(f64::INFINITY, f64::min);
        let rate = 4.0 * values as f64 / seconds;
        println!(
            "  {name:34} {:8.3} ms {:6.1} GB/s {:4.0} %",
            seconds * 1e3,
            rate / 1e9,
            100.0 * rate / self.bandwidth
        );
    }

    fn pools(&self, cpu: &Cpu, name: &str, shape: pool::Shape) {
        let (n, m) = (shape.inputs(), shape.outputs());
        let (mut x, mut y) = (wave(n), Buffer::zeros(m));
        let mut argmax = vec![0; m];
        self.print(&format!("{name} max"), n + m + m / 4, || {
            max_pool2d(cpu, shape, Floor::Zero, &x, &mut y, &mut argmax);
        });
        self.print(&format!("{name} max, gradient"), n + m + m / 4, || {
            max_pool2d_gradient(cpu, shape, &y, &argmax, &mut x);
        });
        self.print(&format!("{name} average"), n + m, || avg_pool2d(cpu, shape, &x, &mut y));
        self.print(&format!("{name} average, gradient"), n + m, || {
            avg_pool2d_gradient(cpu, shape, &y, &mut x);
        });
        self.print(&format!("{name} relu, gradient"), 3 * n, || {
            let (y, gradient) = x.split_at_mut(n / 2);
            rectify_gradient(cpu, Rectifier::Relu, y, &mut gradient[..n / 2]);
            rectify_gradient(cpu, Rectifier::Relu, y, &mut gradient[..n / 2]);
        });
    }

    fn normalisations(&self, cpu: &Cpu) {
        let n = BATCH * 12 * 12 * 64;
        let (x, mut y) = (wave(n), Buffer::zeros(n));
        self.print("cifar10 norm1", 2 * n, || lrn(cpu, LRN, 64, &x, &mut y));
        let general = Lrn { beta: 0.7, ..LRN };
        self.print("cifar10 norm1, beta 0.7", 2 * n, || lrn(cpu, general, 64, &x, &mut y));
        self.print("cifar10 norm1, gradient", 3 * n, || {
            lrn_gradient(cpu, LRN, Until::Input, 64, &x, &mut y);
        });
        let first = shape(24, 64, 3, Padding::Same);
        self.fused(cpu, PoolLrn { pool: first, lrn: LRN, relu: true });
        let second = shape(12, 64, 3, Padding::Same);
        self.fused_second(cpu, PoolLrn { pool: second, lrn: LRN, relu: true });
    }

    fn fused(&self, cpu: &Cpu, layers: PoolLrn) {
        let (n, m) = (layers.pool.inputs(), layers.pool.outputs());
        let (mut x, mut y, mut pooled) = (wave(n), Buffer::zeros(m), Buffer::zeros(m));
        let mut argmax = vec![0; m];
        self.print("cifar10 pool1 + norm1", n + 2 * m + m / 4, || {
            pool_lrn::pool_lrn(cpu, &layers, &x, &mut pooled, &mut argmax, &mut y);
        });
        self.print("cifar10 pool1 + norm1, gradient", n + 2 * m + m / 4, || {
            pool_lrn::pool_lrn_gradient(cpu, &layers, &pooled, &argmax, &y, &mut x);
        });
    }

    fn fused_second(&self, cpu: &Cpu, layers: PoolLrn) {
        let (n, m) = (layers.pool.inputs(), layers.pool.outputs());
        let (x, mut y, mut dx) = (wave(n), Buffer::zeros(m), Buffer::zeros(n));
        let mut argmax = vec![0; m];
        self.print("cifar10 norm2 + pool2", n + m + m / 4, || {
            pool_lrn::lrn_pool(cpu, &layers, &x, &mut y, &mut argmax);
        });
        self.print("cifar10 norm2 + pool2, gradient", 2 * n + m + m / 4, || {
            pool_lrn::lrn_pool_gradient(cpu, &layers, &x, &argmax, &y, &mut dx);
        });
    }

    fn parameters(&self, cpu: &Cpu) {
        let n = 1_068_298;
        let (mut w, mut a, g) = (wave(n), wave(n), wave(n));
        self.print("cifar10 SGD + EMA", 5 * n, || {
            let rule = Sgd { rate: 1e-6, clip: 1.0, weight_decay: 0.004 };
            step(cpu, Averaged { rule, decay: 0.9999 }, &mut w, [&mut a], &g);
        });
        self.print("cifar10 momentum", 5 * n, || {
            let (rate, momentum, weight_decay) = (1e-6, 0.9, 0.004);
            let rule = Momentum { rate, clip: 1.0, weight_decay, momentum, nesterov: false };
            step(cpu, rule, &mut w, [&mut a], &g);
        });
        let x = wave(BATCH * 24 * 24 * 64);
        self.print("cifar10 conv1 statistics", x.len(), || {
            std::hint::black_box(statistics(cpu, &x));
        });
        self.print("cifar10 conv1 histogram", x.len(), || {
            std::hint::black_box(histogram(cpu, &x));
        });
    }
}

/// Values around zero, as far as a table of them reaches.
fn wave(len: usize) -> Buffer {
    let mut buffer = Buffer::zeros(len);
    buffer.iter_mut().enumerate().for_each(|(i, x)| *x = ((i % 9973) as f32 * 0.7).sin());
    buffer
}
