//! `tfm bench inception`: a frozen graph against the clock.

use std::time::Instant;

use anyhow::Result;
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::super::ENTRY;
use super::super::options::GraphOptions;
use super::super::pictures::PictureGraph;
use crate::models::Verb;
use crate::models::options::{DeviceOptions, OutputOptions};
use crate::models::verbs::bench::warn_of_load;
use crate::models::verbs::layers;
use crate::ops::peak;
use crate::system::memory;

/// `tfm bench inception`
pub const VERB: Verb = Verb { name: "bench", about: "Times a graph on random images", args, run };

/// Runs before the clock starts.
const WARM_UP: usize = 2;

#[derive(Args, Debug)]
struct BenchArgs {
    #[command(flatten)]
    graph: GraphOptions,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    batch: usize,
    /// Number of batches to time
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    steps: usize,
    /// Also times every layer
    #[arg(long)]
    layers: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The images are random and have the graph's input size, so neither reading nor decoding \
files is timed. The time is the median of the runs. GFLOP are those of a direct convolution: Winograd convolution \
does fewer operations, so the share of the peak is overstated and may exceed 100 %.";

fn args(command: Command) -> Command {
    BenchArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = BenchArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let start = Instant::now();
    let mut graph = PictureGraph::open(&args.graph, None)?;
    let known = graph.random_batch(args.batch)?;
    let load = start.elapsed().as_secs_f64();
    let mut seconds = Vec::with_capacity(args.steps);
    for i in 0..WARM_UP + args.steps {
        let start = Instant::now();
        graph.finish(&cpu, known.clone())?;
        if i >= WARM_UP {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    let (median, deviation) = median_and_deviation(&mut seconds);
    warn_of_load(deviation / median);
    let times = graph.time_nodes(&cpu, args.batch)?;
    let gflop: f64 = times.iter().map(|time| time.gflop).sum();
    let (peak, rate) = (peak::flops(&cpu), args.batch as f64 / median);
    let mut json = json!({
        "model": ENTRY.name,
        "graph": graph.graph().place(),
        "device": cpu.device(),
        "isa": cpu.isa().name(),
        "threads": cpu.threads(),
        "batch": args.batch,
        "seconds": median,
        "deviation": deviation,
        "images_per_second": rate,
        "load_seconds": load,
        "gflop": gflop,
        "share_of_peak": gflop * 1e9 / median / peak,
        "peak_memory": memory::peak(),
    });
    let mut words = format!(
        "{} images of {}: {:.1} ms ± {:.1}, {rate:.2} images/s, {:.0} GFLOP/s, {:.0} % of the peak ({}, {} threads)",
        args.batch,
        graph.graph().place(),
        1e3 * median,
        1e3 * deviation,
        gflop / median,
        100.0 * gflop * 1e9 / median / peak,
        cpu.isa().name(),
        cpu.threads(),
    );
    if args.layers {
        json["layers"] = layers::in_json(&times, peak);
        words = format!("{}{words}", layers::in_words(&times, peak));
    }
    args.output.report(&json, words)
}

/// The median of some times, and their deviation from it.
fn median_and_deviation(seconds: &mut [f64]) -> (f64, f64) {
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let squares = seconds.iter().map(|s| (s - median).powi(2)).sum::<f64>();
    (median, (squares / seconds.len() as f64).sqrt())
}
