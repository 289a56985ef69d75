//! `tfm bench <model>`: the steps of a training run, without a run folder, against the clock.

use std::path::Path;
use std::time::Instant;

use anyhow::{Error, Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::layers;
use crate::data::is_missing;
use crate::models::Verb;
use crate::models::describe;
use crate::models::experiment::{Experiment, load};
use crate::models::options::{ConfigOptions, DataOptions, DeviceOptions, OutputOptions};
use crate::models::run_config::RunConfig;
use crate::ops::{Cpu, peak};
use crate::train::Task;

/// Steps before the clock starts.
const WARM_UP: u64 = 3;

/// A model whose training can be timed without its data.
pub trait Benchmark: Experiment {
    /// Compares the model's fast computation with a plain one.
    ///
    /// # Errors
    /// When they differ.
    fn compare(cpu: &Cpu, config: &RunConfig<Self::Settings>, data: &Self::Data) -> Result<()> {
        Self::describe(config, Some(data))?.map_or(Ok(()), |network| network.compare(cpu))
    }

    /// The config's data, as far as steps need it.
    ///
    /// # Errors
    /// As [`Experiment::data`].
    fn data_of_steps(
        cpu: &Cpu,
        config: &RunConfig<Self::Settings>,
        data_dir: &Path,
    ) -> Result<Self::Data> {
        Self::data(cpu, config, data_dir, None)
    }

    /// Random data of the same size as the config's, except for the number of examples.
    ///
    /// # Errors
    /// When it cannot be made.
    fn random_data(config: &RunConfig<Self::Settings>) -> Result<Self::Data>;

    /// Operations of an item of a step, forward and backward, counted as a direct
    /// computation would do them.
    ///
    /// # Errors
    /// As [`Experiment::describe`].
    fn operations(config: &RunConfig<Self::Settings>, data: &Self::Data) -> Result<f64> {
        let network = Self::describe(config, Some(data))?;
        Ok(network.map_or(f64::NAN, |network| network.operations()))
    }

    /// A second unit of throughput, and how many of it an item of a step has.
    fn second_item(_: &RunConfig<Self::Settings>, _: &Self::Data) -> Option<(&'static str, f64)> {
        None
    }
}

#[derive(Args, Debug)]
struct BenchArgs {
    #[command(flatten)]
    config: ConfigOptions,
    /// How many steps to time [default: as many as take about ten seconds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Also times every layer, forward and backward, on random data
    #[arg(long)]
    layers: bool,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The model is first checked against a plain f64 computation. If the config's data is \
missing, random data is timed; damaged data is an error.";

/// The verb of a model.
pub const fn verb<E: Benchmark>() -> Verb {
    Verb { name: "bench", about: "Times training steps", args, run: run::<E> }
}

fn args(command: Command) -> Command {
    BenchArgs::augment_args(command).after_long_help(LONG)
}

/// Times.
///
/// # Errors
/// An invalid config, an unavailable device, or a step that fails.
fn run<E: Benchmark>(matches: &ArgMatches) -> Result<()> {
    let args = BenchArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let loaded = load::<E>(args.config.config.as_deref(), &args.config.sets)?;
    let (config, cpu) = (&loaded.config, E::cpu(&args.device, &loaded)?);
    let data = match E::data_of_steps(&cpu, config, &args.data.data_dir) {
        Err(error) if is_missing(&error) => random_data::<E>(config, &error)?,
        data => data?,
    };
    describe::ensure_fits::<E>(config, &data)?;
    let network = E::describe(config, Some(&data))?.filter(|_| args.layers);
    ensure!(network.is_some() || !args.layers, "{} has no layers to time", E::ENTRY.name);
    E::compare(&cpu, config, &data)?;
    let mut task = E::task(&cpu, config, &data, None)?;
    task.begin_epoch(0);
    let warm_up = seconds(&mut task, 0, WARM_UP)?;
    let n = args.steps.unwrap_or_else(|| ((10.0 / warm_up) as u64).clamp(3, 5_000));
    let Timed { seconds, deviation } = timed(&mut task, n)?;
    let (item, items) = task.items_per_step();
    drop(task);

    let rate = items as f64 / seconds;
    let flops = E::operations(config, &data)? * rate;
    let peak = peak::flops(&cpu);
    warn_of_load(deviation / seconds);
    if flops > peak && !has_convolutions::<E>(config, &data)? {
        warn_of("the model was faster than the peak");
    }
    let mut json = json!({
        "model": E::ENTRY.name,
        "preset": loaded.name,
        "device": cpu.device(),
        "isa": cpu.isa().name(),
        "threads": cpu.threads(),
        "item": item,
        "items_per_second": rate,
        "seconds_per_step": seconds,
        "deviation": deviation,
        "gflops": flops / 1e9,
        "share_of_peak": flops / peak,
        "steps": n,
    });
    let second = E::second_item(config, &data).map(|(item, share)| (item, share * rate));
    if let Some((item, rate)) = second {
        json["second_item"] = item.into();
        json["second_items_per_second"] = rate.into();
    }
    let second = second.map_or_else(String::new, |(item, rate)| format!(" ({rate:.0} {item}/s)"));
    let mut text = format!(
        "{}: {rate:.0} {item}/s{second}, {:.2} ± {:.2} ms a step over {n} steps, {:.0} GFLOP/s, \
         {:.0} % of this machine's peak of {:.0} ({}, {} threads)",
        loaded.name,
        seconds * 1e3,
        deviation * 1e3,
        flops / 1e9,
        100.0 * flops / peak,
        peak / 1e9,
        cpu.isa().name(),
        cpu.threads()
    );
    if let Some(network) = network {
        let times = network.times(&cpu)?;
        json["layers"] = layers::in_json(&times, peak);
        text = format!("{}{text}", layers::in_words(&times, peak));
    }
    args.output.report(&json, text)
}

fn random_data<E: Benchmark>(config: &RunConfig<E::Settings>, error: &Error) -> Result<E::Data> {
    let reason = format!("{error:#}");
    let reason = reason.lines().next().unwrap_or_default();
    tracing::warn!("{reason}: timing random data instead");
    E::random_data(config)
}

/// Whether the operations of a direct computation are more than those that are done.
fn has_convolutions<E: Benchmark>(config: &RunConfig<E::Settings>, data: &E::Data) -> Result<bool> {
    let Some(network) = E::describe(config, Some(data))? else { return Ok(false) };
    let layers = network.graph.layers(network.batch, network.steps);
    Ok(layers.iter().any(|layer| layer.operator == "conv2d"))
}

/// The relative deviation from which on a machine is busy.
const BUSY: f64 = 0.05;

/// Warns of a busy machine if times deviate by a large share of their mean.
pub fn warn_of_load(deviation: f64) {
    if deviation > BUSY {
        warn_of(&format!("times differ by {:.0} %", 100.0 * deviation));
    }
}

/// Warns of a busy machine; `sign` is the evidence.
pub fn warn_of(sign: &str) {
    tracing::warn!("{sign}: the machine is busy; these timings are unreliable");
}

/// The mean seconds of a step, and their deviation.
struct Timed {
    seconds: f64,
    deviation: f64,
}

/// Times `n` steps in up to ten groups: single ones differ by what batches wait for.
fn timed(task: &mut impl Task, n: u64) -> Result<Timed> {
    let groups = n.min(10);
    let ends = (0..=groups).map(|group| WARM_UP + group * n / groups).collect::<Vec<_>>();
    let (mut sum, mut squares) = (0.0, 0.0);
    for ends in ends.windows(2) {
        let steps = ends[1] - ends[0];
        let mean = seconds(task, ends[0], steps)?;
        sum += steps as f64 * mean;
        squares += steps as f64 * mean * mean;
    }
    let seconds = sum / n as f64;
    Ok(Timed { seconds, deviation: (squares / n as f64 - seconds * seconds).max(0.0).sqrt() })
}

/// The mean seconds of `n` steps from `first` on.
fn seconds(task: &mut impl Task, first: u64, n: u64) -> Result<f64> {
    let start = Instant::now();
    for step in first..first + n {
        task.step(step)?;
    }
    Ok(start.elapsed().as_secs_f64() / n as f64)
}
