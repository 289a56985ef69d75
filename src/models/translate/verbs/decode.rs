//! `tfm decode translate`

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;
use serde_json::json;

use super::super::ENTRY;
use super::super::beam::{Hypothesis, Search};
use super::super::decode::Translator;
use super::super::experiment::{Trained, Translate};
use crate::data::input;
use crate::data::tokenizer::{Side, Tokenizer, UNK};
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::session::Session;
use crate::models::stdout::{Reader, print};
use crate::models::{Interrupted, Verb};
use crate::ops::Cpu;
use crate::train::ShutdownFlag;

/// Lines that are translated before any of them is printed.
const CHUNK: usize = 512;

/// `tfm decode translate`
pub const VERB: Verb =
    Verb { name: "decode", about: "Translates the lines of standard input", args, run };

#[derive(Args, Debug)]
struct DecodeArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The text, a sentence a line, in place of standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Hypotheses that are followed at a time; 1 takes the likeliest word every time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    beam: usize,
    /// The exponent of the length that log-probabilities are divided by; 0 prefers short
    /// translations
    #[arg(long, value_name = "EXPONENT", default_value_t = 0.6)]
    length_penalty: f64,
    /// Prints the best N translations of a sentence, each as line number, tab, score, tab,
    /// translation
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    n_best: Option<usize>,
    /// The most words of a translation
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    max_length: Option<usize>,
    /// Puts the source's word with the highest attention in the place of an unknown one
    #[arg(long)]
    replace_unk: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "One line of output for each line of input, in their order; an empty line stays \
empty. With --json every line is an object with the translations, their scores (log-probabilities in \
nats, divided by the length penalty) and alignments: of each word of the translation the place of the \
source's word with the highest attention.";

fn args(command: Command) -> Command {
    DecodeArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = DecodeArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let session = Session::<Translate>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let Trained { tokenizer, .. } = &session.trained;
    let translator = session.trained.translator(&session.config)?;
    let longest = translator.longest();
    let shutdown = ShutdownFlag::on_signals(["stopping the translation", "stopped at once"])?;
    let mut decoder = Decoder {
        args: &args,
        cpu: &cpu,
        tokenizer,
        translator,
        longest,
        lines: 0,
        shutdown: &shutdown,
    };
    let mut lines = Vec::new();
    let text = match &args.file {
        Some(path) => input::read_to_string(path)?,
        None => input::whole_text(&mut input::stdin()?, Path::new("standard input"))?,
    };
    for line in text.lines() {
        lines.push(line.to_string());
        if lines.len() == CHUNK && decoder.translate(&std::mem::take(&mut lines))? == Reader::Gone {
            return Ok(());
        }
    }
    decoder.translate(&lines).map(drop)
}

/// A translation as it is printed.
#[derive(Debug, Serialize)]
struct Printed {
    translation: String,
    score: f64,
    log_probability: f64,
    alignment: Vec<usize>,
}

/// Translates lines and prints them.
struct Decoder<'a> {
    args: &'a DecodeArgs,
    cpu: &'a Cpu,
    tokenizer: &'a Tokenizer,
    translator: Translator,
    /// The most words of a sentence.
    longest: usize,
    /// Lines that are printed.
    lines: u64,
    shutdown: &'a ShutdownFlag,
}

impl Decoder<'_> {
    fn translate(&mut self, lines: &[String]) -> Result<Reader> {
        let sources: Vec<Vec<u32>> =
            lines.iter().map(|line| self.tokenizer.encode(Side::Source, line)).collect();
        for (source, number) in sources.iter().zip(self.lines + 1..) {
            if source.len() > self.longest {
                let (words, longest) = (source.len(), self.longest);
                tracing::warn!(
                    "line {number} has {words} words: the first {longest} are translated"
                );
            }
        }
        let search = Search {
            beam: self.args.beam.max(self.args.n_best.unwrap_or(1)),
            length_penalty: self.args.length_penalty,
            max_length: self.args.max_length,
        };
        let words: Vec<Vec<u32>> =
            sources.iter().filter(|words| !words.is_empty()).cloned().collect();
        let Some(found) = self.translator.translate_all(self.cpu, &words, search, self.shutdown)?
        else {
            bail!(Interrupted { message: format!("stopped after line {}", self.lines) })
        };
        let mut found = found.into_iter();
        for (line, source) in lines.iter().zip(&sources) {
            self.lines += 1;
            let best =
                if source.is_empty() { Vec::new() } else { found.next().unwrap_or_default() };
            if self.print(line, best)? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::Listening)
    }

    fn print(&self, line: &str, found: Vec<Hypothesis>) -> Result<Reader> {
        let count = self.args.n_best.unwrap_or(1);
        let found: Vec<Printed> =
            found.into_iter().take(count).map(|one| self.printed(line, &one)).collect();
        if self.args.output.json {
            let json = json!({ "line": self.lines, "source": line, "translations": found });
            return print(json.to_string());
        }
        if self.args.n_best.is_none() {
            return print(found.into_iter().next().map_or_else(String::new, |one| one.translation));
        }
        for Printed { translation, score, .. } in found {
            if print(format!("{}\t{score:.4}\t{translation}", self.lines))? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::Listening)
    }

    fn printed(&self, line: &str, found: &Hypothesis) -> Printed {
        let highest = |weights: &Vec<f32>| {
            let places = weights.iter().enumerate();
            places.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(place, _)| place)
        };
        let alignment: Vec<usize> =
            found.attention[..found.words.len()].iter().map(highest).collect();
        let translation = match self.args.replace_unk {
            false => self.tokenizer.decode(Side::Target, &found.words),
            true => self.replaced(line, &found.words, &alignment),
        };
        let Hypothesis { score, log_probability, .. } = *found;
        Printed { translation, score, log_probability, alignment }
    }

    /// The translation with the source's words in the place of unknown ones.
    fn replaced(&self, line: &str, words: &[u32], alignment: &[usize]) -> String {
        let source = self.tokenizer.words(Side::Source, line);
        let word = |(&word, &place): (&u32, &usize)| match (word == UNK, source.get(place)) {
            (true, Some(copied)) => copied.clone(),
            _ => self.tokenizer.decode(Side::Target, &[word]),
        };
        words.iter().zip(alignment).map(word).collect::<Vec<_>>().join(" ")
    }
}
