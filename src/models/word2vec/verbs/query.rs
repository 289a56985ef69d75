//! `tfm query word2vec`

use std::num::NonZeroU32;

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::super::ENTRY;
use super::super::experiment::Word2Vec;
use super::super::query::prompt::{self, Shell};
use super::super::query::{Answer, Query};
use super::super::vectors::UnitVectors;
use crate::models::Verb;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::session::{Session, summary};
use crate::models::stdout::{Reader, print};
use crate::ops::Cpu;

/// `tfm query word2vec`
pub const VERB: Verb = Verb {
    name: "query",
    about: "Finds the nearest neighbours of words, and solves analogies",
    args,
    run,
};

#[derive(Args, Debug)]
struct QueryArgs {
    /// The question [default: questions from standard input, one per line]
    #[arg(value_name = "nearby WORD… | analogy A B C")]
    question: Vec<String>,
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// How many words to list [default: 20 for nearby, 1 for analogy]
    #[arg(short, long, value_name = "N")]
    number: Option<NonZeroU32>,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const EXAMPLES: &str = "Examples:
  tfm query word2vec --run RUN nearby proton elephant
  tfm query word2vec --run RUN analogy france paris russia
  tfm query word2vec --run RUN                              a prompt with history and completion";

fn args(command: Command) -> Command {
    QueryArgs::augment_args(command).after_help(EXAMPLES)
}

/// Answers in text or JSON, the same whether the question is an argument or a line.
struct Printed<'a> {
    cpu: &'a Cpu,
    vectors: &'a UnitVectors,
    number: Option<usize>,
    output: &'a OutputOptions,
    summary: &'a dyn Fn(Value) -> Value,
}

impl Shell for Printed<'_> {
    fn answer(&self, query: &Query) -> Result<Answer> {
        query.answer(self.cpu, self.vectors, self.number)
    }

    fn print(&self, answer: &Answer) -> Result<bool> {
        Ok(match self.output.json {
            true => print((self.summary)(json!(answer)))?,
            false => print(answer)?,
        } == Reader::Listening)
    }
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = QueryArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let words: Vec<&str> = args.question.iter().map(String::as_str).collect();
    let query = match words.split_first() {
        Some((command, words)) => Some(Query::parse(command, words)?),
        None => None,
    };
    let cpu = args.device.cpu(ENTRY.name)?;
    let session = Session::<Word2Vec>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let vectors = session.trained.without_untrained(session.config.data.unk)?.into_unit();
    let number = args.number.map(|number| number.get() as usize);
    let summary = |answer| summary(&session.run, session.step, answer);
    let shell =
        Printed { cpu: &cpu, vectors: &vectors, number, output: &args.output, summary: &summary };
    match query {
        Some(query) => shell.print(&shell.answer(&query)?).map(|_| ()),
        None => prompt::run(&shell, vectors.vocabulary()),
    }
}
