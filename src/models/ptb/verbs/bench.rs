//! `tfm bench ptb`

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::super::config::PtbConfig;
use super::super::corpus::Corpus;
use super::super::experiment::Ptb;
use super::super::model::{Architecture, LanguageModel, Window};
use super::super::reference::mean_loss;
use super::super::session::architecture;
use super::super::{DEFAULT_PRESET, PRESETS};
use crate::config;
use crate::data::batches::Batches;
use crate::models::Verb;
use crate::models::experiment::Experiment;
use crate::models::options::{ConfigOptions, DataOptions, DeviceOptions, OutputOptions};
use crate::ops::{Cpu, peak};
use crate::rng::Stream;

/// `tfm bench ptb`
pub const VERB: Verb = Verb { name: "bench", about: "Times training steps of a config", args, run };

/// Steps before the clock starts.
const WARM_UP: u64 = 3;

#[derive(Args, Debug)]
struct BenchArgs {
    #[command(flatten)]
    config: ConfigOptions,
    /// How many steps to time [default: about ten seconds of them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The loss is first compared with a plain computation in f64. Where the \
text of the config is not there, words are drawn at random, 10,000 of them or data.max_vocab.";

fn args(command: Command) -> Command {
    BenchArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = BenchArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let name = args.config.config.as_deref();
    let loaded = config::load::<PtbConfig>(name, DEFAULT_PRESET, PRESETS, &args.config.sets)?;
    let (config, cpu) = (&loaded.config, Ptb::cpu(&args.device, &loaded)?);
    compare_with_reference(&cpu)?;
    let (tokens, vocab_size) = tokens(config, &args);
    let (batch, steps) = (config.train.batch_size, config.train.num_steps);
    let batches = Batches::new(tokens.len(), batch, steps)?;
    let mut bench = Bench {
        cpu: &cpu,
        config,
        tokens: &tokens,
        batches,
        model: LanguageModel::new(architecture(config, vocab_size))?,
        step: 0,
    };
    let warm_up = bench.seconds(WARM_UP)?;
    let n = args.steps.unwrap_or_else(|| ((10.0 / warm_up) as u64).clamp(3, 5_000));
    let seconds = bench.seconds(n)?;

    let words = (batch * steps) as f64;
    let flops = flops_a_word(config, vocab_size) * words / seconds;
    let peak = peak::flops(&cpu);
    let json = json!({
        "model": "ptb",
        "preset": loaded.name,
        "device": "cpu",
        "isa": cpu.isa().name(),
        "threads": cpu.threads(),
        "item": "words",
        "items_per_second": words / seconds,
        "seconds_per_step": seconds,
        "gflops": flops / 1e9,
        "share_of_peak": flops / peak,
        "steps": n,
    });
    let text = format!(
        "{}: {:.0} words/s, {:.2} ms a step over {n} steps, {:.0} GFLOP/s, {:.0} % of this \
         machine's peak of {:.0} ({}, {} threads)",
        loaded.name,
        words / seconds,
        seconds * 1e3,
        flops / 1e9,
        100.0 * flops / peak,
        peak / 1e9,
        cpu.isa().name(),
        cpu.threads()
    );
    args.output.report(&json, text)
}

/// A model in training without a run folder.
struct Bench<'a> {
    cpu: &'a Cpu,
    config: &'a PtbConfig,
    tokens: &'a [u32],
    batches: Batches,
    model: LanguageModel,
    step: u64,
}

impl Bench<'_> {
    /// The mean seconds of the next `n` steps.
    fn seconds(&mut self, n: u64) -> Result<f64> {
        let train = &self.config.train;
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        let mut state = self.model.zero_state(train.batch_size);
        let start = Instant::now();
        for _ in 0..n {
            let index = self.step as usize % self.batches.windows();
            self.batches.copy(self.tokens, index, &mut inputs, &mut targets);
            let window = Window { batch: train.batch_size, inputs: &inputs, targets: &targets };
            let (rate, norm) = (train.learning_rate, train.max_grad_norm);
            let cost = self.model.train(self.cpu, window, &mut state, self.step, rate, norm)?;
            ensure!(cost.is_ok(), "step {} is not finite: {cost:?}", self.step);
            self.step += 1;
        }
        Ok(start.elapsed().as_secs_f64() / n as f64)
    }
}

/// Multiplications and additions of a direct computation: forward once, backward twice.
fn flops_a_word(config: &PtbConfig, vocab_size: usize) -> f64 {
    let (hidden, layers) = (config.network.hidden_size, config.network.num_layers);
    let weights = layers * 2 * hidden * 4 * hidden + hidden * vocab_size;
    6.0 * weights as f64
}

/// The text of the config, or random words with the same number of classes.
fn tokens(config: &PtbConfig, args: &BenchArgs) -> (Vec<u32>, usize) {
    match Corpus::load(config, &args.data.data_dir, None) {
        Ok(corpus) => {
            let vocab_size = corpus.vocabulary.len();
            (corpus.train, vocab_size)
        }
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            tracing::warn!("{reason}: timing random words instead");
            let vocab_size =
                if config.data.max_vocab == 0 { 10_000 } else { config.data.max_vocab };
            let needed = config.train.batch_size * (config.train.num_steps * 20 + 1);
            let mut numbers = Stream::new(config.seed, "bench").at(0);
            let word = |_| numbers.below(vocab_size as u32);
            ((0..needed).map(word).collect(), vocab_size)
        }
    }
}

/// Holds the fast model to the plain one on a small window.
fn compare_with_reference(cpu: &Cpu) -> Result<()> {
    let architecture = Architecture {
        vocab_size: 50,
        hidden_size: 40,
        num_layers: 2,
        init_scale: 0.3,
        keep_prob: 1.0,
        seed: 1,
    };
    let mut model = LanguageModel::new(architecture)?;
    let words: Vec<u32> = (0..30u32).map(|i| i * 7 % 50).collect();
    let (inputs, targets) = (&words[..25], &words[5..]);
    let want = mean_loss(&model, 5, inputs, targets);
    let mut state = model.zero_state(5);
    let losses = model.evaluate(cpu, Window { batch: 5, inputs, targets }, &mut state);
    let got = losses.iter().copied().map(f64::from).sum::<f64>() / losses.len() as f64;
    ensure!(
        (got - want).abs() < 1e-5 * want,
        "the loss {got} differs from the plain computation's {want} at {}",
        cpu.isa().name()
    );
    Ok(())
}
