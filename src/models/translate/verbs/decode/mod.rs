//! `tfm decode translate`

mod chunks;
mod decoder;
mod pictures;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};

use self::decoder::Decoder;
use self::pictures::Pictures;
use super::super::ENTRY;
use super::super::experiment::Translate;
use super::search::SearchOptions;
use crate::data::input::{self, Input};
use crate::models::Verb;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::prompt::{self, Next, Prompt};
use crate::models::session::Session;
use crate::models::stdout::Reader;
use crate::train::ShutdownFlag;

/// The prompt at a terminal.
const SIGN: &str = "> ";

/// `tfm decode translate`
pub const VERB: Verb = Verb { name: "decode", about: "Translates text line by line", args, run };

#[derive(Args, Debug)]
struct DecodeArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The text, one sentence per line [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    search: SearchOptions,
    /// Prints the N best translations of a sentence, each as line number, tab, score, tab,
    /// translation; the beam is at least N wide
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    n_best: Option<usize>,
    /// Maximum length of a translation in tokens [default: the decoder length of the bucket; without
    /// buckets, twice the sentence length plus 11]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    max_length: Option<usize>,
    /// Replaces an unknown word by the source word with the highest attention
    #[arg(long)]
    replace_unk: bool,
    /// Draws the attention of the best translation, as line-N.svg in this folder
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    attention: Option<PathBuf>,
    /// Overwrites existing pictures in the folder of --attention
    #[arg(long, requires = "attention")]
    force: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Prints one line per input line, in order; an empty line stays empty, and has no line \
with --n-best. With --json every \
line is an object with the translations, their scores (log-probabilities in nats, divided by the length \
penalty) and alignments: for each of the translation's `tokens`, the index in `source_tokens`, counted from 0, \
of the one with the highest attention.

Text is translated as it arrives: all lines that are available, at most 512, are translated as one batch \
and printed. So a slow pipe, such as `tail -f`, gets each translation at once. At a terminal there is a \
prompt with a history; the end of input (Ctrl-D) leaves it.

The reference networks put a sentence into the first bucket that is longer, as in training (the reference \
itself also into one that it fills exactly). If a sentence is too long for all buckets, only its last words \
are translated, as in the reference. Translations never contain _PAD or _GO, which the reference prints if \
they are the most likely.

A picture of attention has the source words at the top and the translation on the left, with its end \
(_EOS) last. Models without a mask attend to padding too, which is not shown.";

fn args(command: Command) -> Command {
    DecodeArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = DecodeArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let session = Session::<Translate>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let translator = session.trained.translator(&session.config)?;
    let pictures = args.attention.as_ref().map(|folder| Pictures::open(folder, args.force));
    let is_input = args.file.as_deref() == Some(Path::new("-"));
    let is_prompt = args.file.is_none() && prompt::is_possible();
    // Nobody looks at the flag while a line is awaited: a signal then ends the program by itself.
    let shutdown = match is_prompt {
        true => ShutdownFlag::default(),
        false => ShutdownFlag::on_signals(["stopping the translation", "stopped at once"])?,
    };
    let mut decoder = Decoder {
        args: &args,
        cpu: &cpu,
        tokenizer: &session.trained.tokenizer,
        translator,
        lines: 0,
        pictures: pictures.transpose()?,
        shutdown: &shutdown,
    };
    match args.file.clone().filter(|_| !is_input) {
        Some(path) => {
            let open = path.clone();
            decoder.translate_all(&chunks::read(&path, move || Ok(Input::open(&open)?.reader))?)?;
        }
        None if is_prompt => at_prompt(&mut decoder)?,
        None => decoder.translate_all(&chunks::read(Path::new("standard input"), input::stdin)?)?,
    }
    if let Some(pictures) = &decoder.pictures {
        tracing::info!("{}", pictures.summary());
    }
    Ok(())
}

/// Translates each line that is typed.
fn at_prompt(decoder: &mut Decoder) -> Result<()> {
    let prompt = Prompt::new(ENTRY.name, SIGN, ())?;
    eprintln!("type a line to translate it; the end of input (Ctrl-D) leaves the prompt");
    prompt.for_each_line(|line| {
        if line.trim().is_empty() {
            return Ok(Next::Read);
        }
        Ok(match decoder.translate(&[line.to_owned()])? {
            Reader::Listening => Next::Read,
            Reader::Gone => Next::Stop,
        })
    })
}
