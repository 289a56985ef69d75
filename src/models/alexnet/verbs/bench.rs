//! `tfm bench alexnet`

use std::fmt::Write;
use std::time::{Instant, SystemTime};

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::super::ENTRY;
use super::super::config::AlexnetConfig;
use super::super::layers::{Timing, time};
use super::super::network::{IMAGE, Network};
use crate::models::options::{ConfigOptions, DeviceOptions, OutputOptions};
use crate::models::plain::compare_convolution;
use crate::ops::{Buffer, Cpu, peak};
use crate::rng::Stream;
use crate::run::rfc3339;
use crate::version::{GIT_REVISION, VERSION};

/// Batches before the clock starts.
const WARM_UP: u64 = 10;

#[derive(Args, Debug)]
struct BenchArgs {
    #[command(flatten)]
    config: ConfigOptions,
    /// Images of a batch, as --set batch_size=N
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Batches that are timed, as --set num_batches=N
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Adds the paper's local response normalisation, as --set lrn=true
    #[arg(long)]
    lrn: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Each layer is first compared with plain sums in f64 on two images. GFLOP are \
those of the direct computation, so that a share of the peak may exceed 100 %.";

/// Adds the arguments.
pub fn args(command: Command) -> Command {
    BenchArgs::augment_args(command).after_long_help(LONG)
}

impl BenchArgs {
    fn sets(&self) -> Vec<String> {
        let batch = self.batch.map(|n| format!("batch_size={n}"));
        let steps = self.steps.map(|n| format!("num_batches={n}"));
        let lrn = self.lrn.then(|| "lrn=true".to_string());
        self.config.sets.iter().cloned().chain(batch).chain(steps).chain(lrn).collect()
    }
}

/// The mean seconds of a batch, and their standard deviation.
#[derive(Clone, Copy, Debug)]
struct Seconds {
    mean: f64,
    deviation: f64,
}

/// Times.
///
/// # Errors
/// A layer that differs from the plain computation.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let args = BenchArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let name = args.config.config.as_deref();
    let loaded = ENTRY.load::<AlexnetConfig>(name, &args.sets())?;
    let (config, cpu) = (&loaded.config, args.device.cpu(ENTRY.name)?);
    let mut network = Network::new(config.lrn, config.seed)?;
    let shapes = network.shapes(config.batch_size);
    for &(layer, shape) in &shapes {
        compare_convolution(&cpu, layer, shape)?;
    }
    for (name, shape) in network.activations(config.batch_size) {
        tracing::info!("{name}   {shape:?}");
    }
    let images = images(config);
    let forward = seconds(config.num_batches, "Forward", || {
        network.forward(&cpu, &images);
    });
    let both = seconds(config.num_batches, "Forward-backward", || {
        network.forward(&cpu, &images);
        network.backward(&cpu, &images);
    });
    drop(network);
    let peak = peak::flops(&cpu);
    let timings: Vec<Timing> = shapes
        .iter()
        .enumerate()
        .flat_map(|(i, &(layer, shape))| time(&cpu, layer, shape, i == 0))
        .collect();
    let json = in_json(&loaded.name, &cpu, config, [forward, both], &timings, peak);
    args.output.report(&json, in_words(&cpu, config, [forward, both], &timings, peak))
}

/// Images from a normal distribution of standard deviation 0.1, as the reference's.
fn images(config: &AlexnetConfig) -> Buffer {
    let mut numbers = Stream::new(config.seed, "images").at(0);
    let mut images = Buffer::zeros(config.batch_size * IMAGE);
    images.fill_with(|| 0.1 * numbers.normal() as f32);
    images
}

/// Times `work` on `n` batches, after some that do not count.
fn seconds(n: u64, what: &str, mut work: impl FnMut()) -> Seconds {
    let (mut sum, mut squares) = (0.0, 0.0);
    for i in 0..WARM_UP + n {
        let start = Instant::now();
        work();
        let duration = start.elapsed().as_secs_f64();
        if i < WARM_UP {
            continue;
        }
        if i % 10 == 0 {
            let now = rfc3339(SystemTime::now());
            tracing::info!("{now}: step {}, duration = {duration:.3}", i - WARM_UP);
        }
        sum += duration;
        squares += duration * duration;
    }
    let mean = sum / n as f64;
    let deviation = (squares / n as f64 - mean * mean).max(0.0).sqrt();
    let now = rfc3339(SystemTime::now());
    tracing::info!("{now}: {what} across {n} steps, {mean:.3} +/- {deviation:.3} sec / batch");
    Seconds { mean, deviation }
}

/// Operations of the direct computation of all layers: forward, and forward-backward without
/// the gradient of the images.
fn gflop(timings: &[Timing]) -> [f64; 2] {
    let forward = timings.iter().filter(|timing| timing.pass == "forward");
    [forward.map(|timing| timing.gflop).sum(), timings.iter().map(|timing| timing.gflop).sum()]
}

fn in_json(
    preset: &str,
    cpu: &Cpu,
    config: &AlexnetConfig,
    [forward, both]: [Seconds; 2],
    timings: &[Timing],
    peak: f64,
) -> Value {
    let [gflop_forward, gflop_both] = gflop(timings);
    let pass = |seconds: Seconds, gflop: f64| {
        json!({
            "seconds_per_step": seconds.mean,
            "deviation": seconds.deviation,
            "items_per_second": config.batch_size as f64 / seconds.mean,
            "gflops": gflop / seconds.mean,
            "share_of_peak": gflop * 1e9 / seconds.mean / peak,
        })
    };
    let layer = |timing: &Timing| {
        let mut layer = json!(timing);
        layer["gflops"] = json!(timing.gflop / timing.seconds);
        layer["share_of_peak"] = json!(timing.gflop * 1e9 / timing.seconds / peak);
        layer
    };
    json!({
        "model": ENTRY.name,
        "preset": preset,
        "device": "cpu",
        "isa": cpu.isa().name(),
        "threads": cpu.threads(),
        "item": "images",
        "items_per_second": config.batch_size as f64 / both.mean,
        "seconds_per_step": both.mean,
        "gflops": gflop_both / both.mean,
        "share_of_peak": gflop_both * 1e9 / both.mean / peak,
        "batch_size": config.batch_size,
        "steps": config.num_batches,
        "lrn": config.lrn,
        "forward": pass(forward, gflop_forward),
        "forward_backward": pass(both, gflop_both),
        "layers": timings.iter().map(layer).collect::<Vec<_>>(),
        "peak_gflops": peak / 1e9,
        "version": VERSION,
        "git_revision": GIT_REVISION,
    })
}

fn in_words(
    cpu: &Cpu,
    config: &AlexnetConfig,
    passes: [Seconds; 2],
    timings: &[Timing],
    peak: f64,
) -> String {
    let mut text = format!(
        "{:6} {:15} {:20} {:18} {:>8} {:>9} {:>9} {:>6}\n",
        "layer", "pass", "input", "filters", "GFLOP", "ms", "GFLOP/s", "peak"
    );
    let shape = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    let rates = |gflop: f64, seconds: f64| {
        let (rate, share) = (gflop / seconds, 100.0 * gflop * 1e9 / seconds / peak);
        format!("{gflop:>8.2} {:>9.2} {rate:>9.0} {share:>4.0} %\n", 1e3 * seconds)
    };
    for timing in timings {
        let (input, filters) = (shape(&timing.input), shape(&timing.filters));
        // Writing to a string cannot fail.
        let _ = write!(text, "{:6} {:15} {input:20} {filters:18} ", timing.layer, timing.pass);
        text += &rates(timing.gflop, timing.seconds);
    }
    for ((what, gflop), seconds) in
        ["Forward", "Forward-backward"].into_iter().zip(gflop(timings)).zip(passes)
    {
        let _ = write!(text, "{what:61} ");
        text += &rates(gflop, seconds.mean);
        let (n, Seconds { mean, deviation }) = (config.num_batches, seconds);
        let _ = writeln!(text, "  across {n} steps, {mean:.3} +/- {deviation:.3} sec / batch");
    }
    let _ = write!(
        text,
        "tfm {VERSION} ({GIT_REVISION}), {}, {} threads, peak {:.0} GFLOP/s",
        cpu.isa().name(),
        cpu.threads(),
        peak / 1e9
    );
    text
}
