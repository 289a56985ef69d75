//! `tfm score translate`

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::super::ENTRY;
use super::super::experiment::{Trained, Translate};
use super::super::model::TranslationModel;
use super::super::pair_scores::{PairScore, score, unknown};
use crate::console;
use crate::data::parallel::{Bucket, Invalid, Pair, ParallelText, Progress};
use crate::data::tokenizer::{SPECIAL, Side, Tokenizer, UNK};
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::session::Session;
use crate::models::stdout::{Reader, print};
use crate::models::{Interrupted, Verb};
use crate::ops::Cpu;
use crate::system::wording::{counted, plural};
use crate::train::ShutdownFlag;

/// Pairs that are scored before any of them is printed.
const CHUNK: usize = 2048;

/// `tfm score translate`
pub const VERB: Verb = Verb {
    name: "score",
    about: "Prints log-probability and perplexity of each given translation",
    args,
    run,
};

#[derive(Args, Debug)]
struct ScoreArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The text, one sentence per line
    #[arg(long, value_name = "FILE")]
    source: PathBuf,
    /// The translations, one per line
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Prints one line per pair of lines: the log-probability in nats of the translation and \
its end, under the full softmax, a tab, and the perplexity. A pair that fits no bucket of the model, or \
has an empty side, prints `-` for both and a warning with the line number on stderr. The total over the \
other pairs is printed there at the end. With --json every line is an object, and such pairs have null.";

fn args(command: Command) -> Command {
    ScoreArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = ScoreArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let mut session = Session::<Translate>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let sizes = session.config.buckets();
    let Trained { tokenizer, model } = &mut session.trained;
    // Lines that cannot be scored keep their place in the output.
    let text = ParallelText::new(&[args.source.clone(), args.target.clone()], Invalid::Drop)?;
    let shutdown = ShutdownFlag::on_signals(["stopping the scoring", "stopped at once"])?;
    let (cpu, tokenizer, shutdown) = (&cpu, &*tokenizer, &shutdown);
    let output = args.output;
    let mut scorer = Scorer {
        cpu,
        model,
        tokenizer,
        sizes,
        shutdown,
        output,
        waiting: Vec::new(),
        lines: 0,
        total: Total::default(),
    };
    let mut reader = Reader::Listening;
    let mut progress = |Progress { share, .. }: Progress| {
        if let Some(share) = share {
            console::progress("scoring", (1000.0 * share) as u64, 1000);
        }
    };
    let read = text.for_each_of_any(&mut progress, |pair| {
        reader = scorer.add(pair)?;
        ensure!(reader == Reader::Listening, "nobody reads on");
        Ok(())
    });
    if reader == Reader::Gone {
        return Ok(());
    }
    let reading = match read {
        Ok(reading) => reading,
        // The lines before the error are printed.
        Err(error) => return scorer.flush().and(Err(error)),
    };
    let lines = reading.pairs + reading.empty + reading.not_utf8 + reading.too_long;
    if scorer.finish(lines)? == Reader::Listening {
        scorer.total.say(scorer.tokenizer.unit());
    }
    reading.expect_partners(text)
}

/// Scores pairs and prints their scores.
struct Scorer<'a> {
    cpu: &'a Cpu,
    model: &'a mut TranslationModel,
    tokenizer: &'a Tokenizer,
    sizes: Vec<Bucket>,
    shutdown: &'a ShutdownFlag,
    output: OutputOptions,
    /// The ids of the pairs after the last one printed.
    waiting: Vec<[Vec<u32>; 2]>,
    /// Lines that are printed.
    lines: u64,
    total: Total,
}

/// The sums over all pairs.
#[derive(Debug, Default)]
struct Total {
    log_probability: f64,
    words: usize,
    pairs: usize,
    without_score: usize,
    unknown: usize,
}

impl Total {
    /// Says what the sums are on standard error.
    fn say(&self, unit: &str) {
        let Self { log_probability, words, pairs, without_score, unknown } = *self;
        if unknown > 0 {
            let name = SPECIAL[UNK as usize];
            let unknown = counted(unknown as u64, unit.trim_end_matches('s'));
            tracing::warn!("outside the vocabularies: {unknown}, read as {name}");
        }
        if pairs == 0 {
            return;
        }
        let left_out = match without_score {
            0 => String::new(),
            count => format!("; {count} without a score"),
        };
        let perplexity = (-log_probability / words as f64).exp();
        tracing::info!(
            "all: log-probability {log_probability:.4}, perplexity {perplexity:.3} over {words} \
             {unit} of {pairs} {}{left_out}",
            plural(pairs, "pair")
        );
    }
}

impl Scorer<'_> {
    /// Takes a pair. The lines before it that are none have an empty side.
    fn add(&mut self, pair: Pair) -> Result<Reader> {
        self.skip_to(pair.line - 1);
        let ids = Side::ALL.map(|side| {
            let text = if side == Side::Source { pair.source } else { pair.target };
            self.tokenizer.encode(side, text)
        });
        self.waiting.push(ids);
        if self.waiting.len() < CHUNK { Ok(Reader::Listening) } else { self.flush() }
    }

    /// Prints the rest of a text of this many lines.
    fn finish(&mut self, lines: u64) -> Result<Reader> {
        self.skip_to(lines);
        self.flush()
    }

    /// Adds entries for the skipped lines up to number `line`.
    fn skip_to(&mut self, line: u64) {
        while self.lines + (self.waiting.len() as u64) < line {
            self.waiting.push(<[Vec<u32>; 2]>::default());
        }
    }

    fn flush(&mut self) -> Result<Reader> {
        let pairs = std::mem::take(&mut self.waiting);
        let first = self.lines + 1;
        let found = score(self.cpu, self.model, &self.sizes, &pairs, first, self.shutdown)?;
        let Some(scores) = found else {
            bail!(Interrupted { message: format!("stopped after line {}", self.lines) })
        };
        console::clear();
        for (ids, score) in pairs.iter().zip(scores) {
            self.lines += 1;
            self.count(ids, score);
            if self.print(ids, score)? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::Listening)
    }

    fn count(&mut self, ids: &[Vec<u32>; 2], score: Option<PairScore>) {
        let Some(score) = score else {
            self.total.without_score += 1;
            tracing::warn!("line {} has no score: {}", self.lines, self.reason(ids));
            return;
        };
        self.total.pairs += 1;
        self.total.words += score.words;
        self.total.log_probability += score.log_probability;
        self.total.unknown += unknown(ids);
    }

    /// Why a pair has no score.
    fn reason(&self, [source, target]: &[Vec<u32>; 2]) -> String {
        if source.is_empty() || target.is_empty() {
            return "a side is empty, not UTF-8 or longer than 1 MiB".to_owned();
        }
        let (own, unit) = ([source.len(), target.len()], self.tokenizer.unit());
        // Without buckets any pair has a score.
        let most = self.sizes.last().map_or([0; 2], |size| [size.source - 1, size.target - 2]);
        format!(
            "it has {} and {} {unit}, but the largest bucket takes {} and {}",
            own[0], own[1], most[0], most[1]
        )
    }

    fn print(&self, ids: &[Vec<u32>; 2], score: Option<PairScore>) -> Result<Reader> {
        if self.output.json {
            return print(json!({
                "line": self.lines,
                "log_probability": score.map(|score| score.log_probability),
                "perplexity": score.map(|score| score.perplexity),
                "words": score.map(|score| score.words),
                "unknown": unknown(ids),
            }));
        }
        print(match score {
            Some(PairScore { log_probability, perplexity, .. }) => {
                format!("{log_probability:.4}\t{perplexity:.3}")
            }
            None => "-\t-".to_owned(),
        })
    }
}
