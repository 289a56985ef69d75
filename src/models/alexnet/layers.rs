//! One layer at a time against the clock.

use std::time::Instant;

use serde::Serialize;

use crate::ops::conv::{self, Shape};
use crate::ops::{Buffer, Cpu};
use crate::rng::Stream;

/// How often a pass is timed; the shortest time counts.
const REPEATS: usize = 3;

/// The time of one pass of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// The layer.
    pub layer: &'static str,
    /// "forward", "input gradient" or "filter gradient".
    pub pass: &'static str,
    /// The input (batch, height, width, channels).
    pub input: [usize; 4],
    /// The filters (height, width, in, out).
    pub filters: [usize; 4],
    /// Operations of the direct computation, in 10⁹.
    pub gflop: f64,
    /// Seconds.
    pub seconds: f64,
}

/// What a pass reads and writes.
struct Tensors {
    x: Buffer,
    weight: Buffer,
    bias: Vec<f32>,
    y: Buffer,
}

impl Tensors {
    fn random(shape: Shape) -> Self {
        let fill = |len: usize, name: &str| {
            let mut numbers = Stream::new(1, name).at(0);
            let mut buffer = Buffer::zeros(len);
            buffer.fill_with(|| numbers.uniform_between(-1.0, 1.0));
            buffer
        };
        Self {
            x: fill(shape.inputs(), "bench/x"),
            weight: fill(shape.weights(), "bench/weight"),
            bias: fill(shape.out_channels, "bench/bias").to_vec(),
            y: fill(shape.outputs(), "bench/y"),
        }
    }
}

/// Times the passes of a layer; the first one has no gradient of its input.
pub fn time(cpu: &Cpu, layer: &'static str, shape: Shape, is_first: bool) -> Vec<Timing> {
    let Tensors { mut x, mut weight, bias, mut y } = Tensors::random(shape);
    let forward = best_of(|| conv::forward(cpu, shape, &x, &weight, &bias, true, &mut y));
    let filters = best_of(|| conv::backward_weight(cpu, shape, &x, &y, &mut weight));
    let timing = |pass, seconds| Timing {
        layer,
        pass,
        input: [shape.batch, shape.height, shape.width, shape.in_channels],
        filters: [shape.kernel[0], shape.kernel[1], shape.in_channels, shape.out_channels],
        gflop: shape.operations() as f64 / 1e9,
        seconds,
    };
    let mut timings = vec![timing("forward", forward)];
    if !is_first {
        let seconds = best_of(|| conv::backward_input(cpu, shape, &weight, &y, &mut x));
        timings.push(timing("input gradient", seconds));
    }
    timings.push(timing("filter gradient", filters));
    timings
}

fn best_of(mut work: impl FnMut()) -> f64 {
    work();
    let seconds = (0..REPEATS).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min)
}
