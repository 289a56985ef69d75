//! `tfm score ptb`

use std::io::BufRead;

use anyhow::{Context, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;
use serde_json::json;

use super::super::ENTRY;
use super::super::experiment::Ptb;
use super::super::model::{LanguageModel, Window};
use super::super::trained::Trained;
use crate::data::vocabulary::{UNKNOWN, Vocabulary};
use crate::data::words::{END_OF_SENTENCE, Space};
use crate::models::Verb;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::output::{Reader, print};
use crate::models::session::Session;
use crate::ops::Cpu;

/// `tfm score ptb`
pub const VERB: Verb = Verb {
    name: "score",
    about: "Prints log-probability and perplexity of each sentence on standard input",
    args,
    run,
};

#[derive(Args, Debug)]
struct ScoreArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Every line is a sentence: read from the zero state after an end of \
sentence, its own end scored too. Words outside the vocabulary are read as <unk> and counted \
on standard error. A line of output is the log-probability in nats, a tab, the perplexity.";

fn args(command: Command) -> Command {
    ScoreArgs::augment_args(command).after_long_help(LONG)
}

/// The score of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Sentence {
    log_probability: f64,
    perplexity: f64,
    /// Words predicted, the end of the sentence among them.
    words: usize,
    /// Words outside the vocabulary.
    unknown: usize,
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = ScoreArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let mut session = Session::<Ptb>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let Trained { vocabulary, model } = &mut session.trained;
    let end = vocabulary
        .id(END_OF_SENTENCE)
        .with_context(|| format!("the vocabulary has no {END_OF_SENTENCE}: no sentence ends"))?;
    let mut sentences = Vec::new();
    let mut unknown = 0;
    for (i, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.with_context(|| format!("standard input, line {}", i + 1))?;
        let sentence = score(&cpu, model, vocabulary, end, &line)?;
        unknown += sentence.unknown;
        let text = format!("{:.4}\t{:.3}", sentence.log_probability, sentence.perplexity);
        if args.output.json {
            sentences.push(sentence);
        } else if print(text)? == Reader::Gone {
            return Ok(());
        }
    }
    if unknown > 0 {
        let fate = match vocabulary.id(UNKNOWN) {
            Some(_) => "read as <unk>",
            None => "left out, for the vocabulary has no <unk>",
        };
        tracing::warn!("{unknown} words outside the vocabulary were {fate}");
    }
    if args.output.json {
        let mut json = session.summary(json!({ "unknown": unknown }));
        json["sentences"] = json!(sentences);
        args.output.report(&json, "")?;
    }
    Ok(())
}

fn score(
    cpu: &Cpu,
    model: &mut LanguageModel,
    vocabulary: &Vocabulary,
    end: u32,
    line: &str,
) -> Result<Sentence> {
    let mut unknown = 0;
    let mut ids = vec![end];
    for word in Space::Unicode.words(line) {
        let id = vocabulary.id(word);
        unknown += usize::from(id.is_none());
        ids.extend(id.or(vocabulary.id(UNKNOWN)));
    }
    ids.push(end);
    let words = ids.len() - 1;
    let window = Window { batch: 1, inputs: &ids[..words], targets: &ids[1..] };
    let mut state = model.zero_state(1);
    let losses = model.evaluate(cpu, window, &mut state)?;
    let loss: f64 = losses.iter().copied().map(f64::from).sum();
    let perplexity = (loss / words as f64).exp();
    Ok(Sentence { log_probability: -loss, perplexity, words, unknown })
}
