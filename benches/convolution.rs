//! The convolutions of the three networks of images, every pass at three sizes of a batch:
//! GFLOP/s of the direct computation and the share of this machine's peak. Where a pass has
//! more than 50 MFLOP and 30 operations a byte, a share below 50 % is marked.

use std::time::{Duration, Instant};

use tfm::ops::conv::{self, Shape};
use tfm::ops::relu::Rectifier;
use tfm::ops::window::Padding;
use tfm::ops::{Buffer, Cpu, Isa, peak};

/// Name, side of the image, filter, stride, channels in and out, and whether the layer is the
/// first, whose input has no gradient.
const LAYERS: [(&str, usize, usize, usize, usize, usize, bool); 9] = [
    ("alexnet conv1", 224, 11, 4, 3, 64, true),
    ("alexnet conv2", 27, 5, 1, 64, 192, false),
    ("alexnet conv3", 13, 3, 1, 192, 384, false),
    ("alexnet conv4", 13, 3, 1, 384, 256, false),
    ("alexnet conv5", 13, 3, 1, 256, 256, false),
    ("cifar10 conv1", 24, 5, 1, 3, 64, true),
    ("cifar10 conv2", 12, 5, 1, 64, 64, false),
    ("mnist conv1", 28, 5, 1, 1, 32, true),
    ("mnist conv2", 14, 5, 1, 32, 64, false),
];

/// How long a pass is repeated; its shortest time counts.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

fn main() -> anyhow::Result<()> {
    let isa = Isa::from_environment()?;
    let cpu = Cpu::new(isa, std::thread::available_parallelism()?.get())?;
    println!("{}, {} threads", isa.name(), cpu.threads());
    for batch in [1, 16, 128] {
        for (name, side, kernel, stride, in_channels, out_channels, is_first) in LAYERS {
            let shape = Shape {
                batch,
                height: side,
                width: side,
                in_channels,
                out_channels,
                kernel: [kernel; 2],
                stride: [stride; 2],
                padding: Padding::Same,
            };
            time(&cpu, name, shape, is_first);
        }
    }
    Ok(())
}

fn time(cpu: &Cpu, name: &str, shape: Shape, is_first: bool) {
    let random = |len: usize| {
        let mut buffer = Buffer::zeros(len);
        buffer.iter_mut().enumerate().for_each(|(i, x)| *x = (i as f32 * 0.7).sin());
        buffer
    };
    let (mut x, mut weight) = (random(shape.inputs()), random(shape.weights()));
    let (mut y, bias) = (random(shape.outputs()), vec![0.1; shape.out_channels]);
    let peak = peak::flops(cpu);
    let bytes = 4 * (shape.inputs() + shape.weights() + shape.outputs());
    let report = |pass: &str, seconds: f64| {
        let operations = shape.operations() as f64;
        let share = operations / seconds / peak;
        let counts = operations > 5e7 && operations / bytes as f64 > 30.0;
        println!(
            "{name:14} batch {:3} {pass:15} {:9.3} ms {:6.0} GFLOP/s {:4.0} %{}",
            shape.batch,
            seconds * 1e3,
            operations / seconds / 1e9,
            100.0 * share,
            if counts && share < 0.5 { "  below half" } else { "" }
        );
    };
    report(
        "forward",
        best(|| conv::forward(cpu, shape, &x, &weight, &bias, Rectifier::Relu, &mut y)),
    );
    if !is_first {
        report("input gradient", best(|| conv::backward_input(cpu, shape, &weight, &y, &mut x)));
    }
    let seconds = best(|| conv::backward_weight(cpu, shape, &x, &y, &mut weight));
    report("filter gradient", seconds);
}

fn best(mut work: impl FnMut()) -> f64 {
    let (begun, mut best) = (Instant::now(), f64::INFINITY);
    while begun.elapsed() < LONG_ENOUGH || best.is_infinite() {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
