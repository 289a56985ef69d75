//! `tfm bench alexnet`

use std::fmt::Write;
use std::time::{Instant, SystemTime};

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::AlexnetConfig;
use super::ENTRY;
use super::network::describe;
use crate::models::describe::Description;
use crate::models::options::{ConfigOptions, DeviceOptions, OutputOptions};
use crate::models::verbs::bench::warn_of_load;
use crate::models::verbs::layers;
use crate::nn::{Mode, Network, NodeTime, RandomFeed};
use crate::ops::{Cpu, peak};
use crate::run::rfc3339;
use crate::version::{GIT_REVISION, VERSION};

/// Batches before the clock starts.
const WARM_UP: u64 = 10;

#[derive(Args, Debug)]
struct BenchArgs {
    #[command(flatten)]
    config: ConfigOptions,
    /// Batch size; same as --set batch_size=N
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Number of batches to time; same as --set num_batches=N
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Adds the paper's local response normalisation; same as --set lrn=true
    #[arg(long)]
    lrn: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The network is first checked against plain f64 sums on two images. GFLOP are those of a \
direct convolution, so the share of the peak may exceed 100 %.";

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
    let description = describe(config)?;
    description.compare(&cpu)?;
    let layers = description.graph.layers(config.batch_size, 1);
    for layer in layers.iter().filter(|layer| ["conv2d", "max_pool"].contains(&&layer.operator[..]))
    {
        tracing::info!("{}   {:?}", layer.name, layer.output);
    }
    let Description { graph, output, loss, batch, seed, .. } = description;
    let mut network = Network::new(graph, seed)?;
    let mut random = RandomFeed::new(&network, batch, 1, seed);
    let forward = seconds(config.num_batches, "Forward", || {
        network.run(&cpu, Mode::Inference, output, random.feed())?;
        Ok(())
    })?;
    let gradients = Mode::Gradients { step: 0, scale: 1.0 };
    let both = seconds(config.num_batches, "Forward-backward", || {
        network.run(&cpu, gradients, loss, random.feed())?;
        Ok(())
    })?;
    let times = network.time_nodes(&cpu, gradients, loss, &mut random)?;
    let peak = peak::flops(&cpu);
    let json = in_json(&loaded.name, &cpu, config, [forward, both], &times, peak);
    args.output.report(&json, in_words(&cpu, config, [forward, both], &times, peak))
}

/// Times `work` on `n` batches, after some that do not count.
fn seconds(n: u64, what: &str, mut work: impl FnMut() -> Result<()>) -> Result<Seconds> {
    let (mut sum, mut squares) = (0.0, 0.0);
    for i in 0..WARM_UP + n {
        let start = Instant::now();
        work()?;
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
    warn_of_load(deviation / mean);
    let now = rfc3339(SystemTime::now());
    tracing::info!("{now}: {what} across {n} steps, {mean:.3} +/- {deviation:.3} sec / batch");
    Ok(Seconds { mean, deviation })
}

/// Operations of the direct computation of all layers: forward, and forward-backward without
/// the gradient of the images.
fn gflop(times: &[NodeTime]) -> [f64; 2] {
    let forward = times.iter().filter(|time| time.pass == "forward");
    [forward.map(|time| time.gflop).sum(), times.iter().map(|time| time.gflop).sum()]
}

fn in_json(
    preset: &str,
    cpu: &Cpu,
    config: &AlexnetConfig,
    [forward, both]: [Seconds; 2],
    times: &[NodeTime],
    peak: f64,
) -> Value {
    let [gflop_forward, gflop_both] = gflop(times);
    let pass = |seconds: Seconds, gflop: f64| {
        json!({
            "seconds_per_step": seconds.mean,
            "deviation": seconds.deviation,
            "items_per_second": config.batch_size as f64 / seconds.mean,
            "gflops": gflop / seconds.mean,
            "share_of_peak": gflop * 1e9 / seconds.mean / peak,
        })
    };
    json!({
        "model": ENTRY.name,
        "preset": preset,
        "device": cpu.device(),
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
        "layers": layers::in_json(times, peak),
        "peak_gflops": peak / 1e9,
        "version": VERSION,
        "git_revision": GIT_REVISION,
    })
}

fn in_words(
    cpu: &Cpu,
    config: &AlexnetConfig,
    passes: [Seconds; 2],
    times: &[NodeTime],
    peak: f64,
) -> String {
    let mut text = layers::in_words(times, peak);
    for ((what, gflop), seconds) in
        ["Forward", "Forward-backward"].into_iter().zip(gflop(times)).zip(passes)
    {
        // Writing to a string cannot fail.
        let _ = write!(text, "{what:18} ");
        text += &layers::rates(gflop, seconds.mean, peak);
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
