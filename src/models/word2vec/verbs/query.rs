//! `tfm query word2vec`

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::super::ENTRY;
use super::super::experiment::Word2Vec;
use super::super::query::prompt::{self, Shell};
use super::super::query::{Answer, NEARBY, Query};
use super::super::vectors::UnitVectors;
use crate::models::Verb;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::output::{Reader, print};
use crate::models::session::Session;
use crate::ops::Cpu;

/// `tfm query word2vec`
pub const VERB: Verb =
    Verb { name: "query", about: "Answers which words are near others, and analogies", args, run };

#[derive(Args, Debug)]
struct QueryArgs {
    /// The question; without one, questions are read from standard input, a line each
    #[arg(value_name = "nearby WORD… | analogy A B C")]
    question: Vec<String>,
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// How many words nearby are named
    #[arg(short, long, value_name = "N", default_value_t = NEARBY as u32, value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
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

/// Answers in text or JSON, a line a question.
struct Printed<'a> {
    cpu: &'a Cpu,
    vectors: &'a UnitVectors,
    number: usize,
    json: bool,
}

impl Shell for Printed<'_> {
    fn answer(&self, query: &Query) -> Result<Answer> {
        query.answer(self.cpu, self.vectors, self.number)
    }

    fn print(&self, answer: &Answer) -> Result<bool> {
        let text = if self.json { serde_json::to_string(answer)? } else { answer.to_string() };
        Ok(print(text)? == Reader::Listening)
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
    let vectors = session.trained.clone().into_unit();
    let (number, json) = (args.number as usize, args.output.json);
    let Some(query) = query else {
        let shell = Printed { cpu: &cpu, vectors: &vectors, number, json };
        return prompt::run(&shell, vectors.vocabulary());
    };
    let answer = query.answer(&cpu, &vectors, number)?;
    args.output.report(&session.summary(json!(answer)), &answer)
}
