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

/// What stands before a line at a terminal.
const SIGN: &str = "> ";

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
    #[command(flatten)]
    search: SearchOptions,
    /// Prints the best N translations of a sentence, each as line number, tab, score, tab,
    /// translation
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    n_best: Option<usize>,
    /// The most words of a translation: by default those of the bucket's decoder, or where there are no
    /// buckets twice the sentence's and 11
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    max_length: Option<usize>,
    /// Puts the source's word with the highest attention in the place of an unknown one
    #[arg(long)]
    replace_unk: bool,
    /// Draws what each word of the best translation attended to, as line-N.svg in the folder
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    attention: Option<PathBuf>,
    /// Replaces pictures that are in the folder of --attention already
    #[arg(long, requires = "attention")]
    force: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "One line of output for each line of input, in their order; an empty line stays \
empty. With --json every line is an object with the translations, their scores (log-probabilities in \
nats, divided by the length penalty) and alignments: of each word of the translation the place of the \
source's word with the highest attention.

A text is translated as it comes: whenever a line is there, it and all lines that have come with it \
are translated side by side, 512 at most, and printed. So a pipe that is written to now and then, as \
by `tail -f`, has its translations at once. At a terminal there is a prompt, with the lines of earlier \
ones; the end of input (Ctrl-D) leaves it.

The reference's networks take a sentence in the first bucket that is longer, as in training (the \
reference also in one that it fills), and of a sentence too long for all buckets the last words, as the \
reference does. They never translate to _PAD or _GO, which the reference prints where it finds them \
likeliest.

A picture of attention has the source's words above and the translation's at the left, its end \
(_EOS) the last. Models that have no mask attend to padding too, which is not shown.";

fn args(command: Command) -> Command {
    DecodeArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = DecodeArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let session = Session::<Translate>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let translator = session.trained.translator(&session.config)?;
    let longest = translator.longest();
    let pictures = args.attention.as_ref().map(|folder| Pictures::open(folder, args.force));
    let shutdown = ShutdownFlag::on_signals(["stopping the translation", "stopped at once"])?;
    let mut decoder = Decoder {
        args: &args,
        cpu: &cpu,
        tokenizer: &session.trained.tokenizer,
        translator,
        longest,
        lines: 0,
        pictures: pictures.transpose()?,
        shutdown: &shutdown,
    };
    let is_input = args.file.as_deref() == Some(Path::new("-"));
    match args.file.clone().filter(|_| !is_input) {
        Some(path) => {
            let open = path.clone();
            decoder.translate_all(&chunks::read(&path, move || Ok(Input::open(&open)?.reader))?)?;
        }
        None if prompt::is_possible() && !is_input => at_prompt(&mut decoder)?,
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
    eprintln!("a line is translated at once; the end of input (Ctrl-D) leaves the prompt");
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
