//! `tfm score ptb`

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;
use serde_json::json;

use super::super::ENTRY;
use super::super::evaluate::Scored;
use super::super::experiment::{Ptb, Trained};
use super::super::model::LanguageModel;
use crate::data::input;
use crate::data::vocabulary::{UNKNOWN, Vocabulary};
use crate::data::words::{END_OF_SENTENCE, Space, Token, TokenStream};
use crate::models::Verb;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::session::Session;
use crate::models::stdout::{Reader, print};
use crate::ops::Cpu;
use crate::system::wording::counted;

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

const LONG: &str = "Every line is a sentence. It starts from the zero state after an end of sentence, and \
its own end is scored too. Words outside the vocabulary are read as <unk> and counted on stderr. An output \
line is the log-probability in nats, a tab, and the perplexity.";

fn args(command: Command) -> Command {
    ScoreArgs::augment_args(command).after_long_help(LONG)
}

/// The score of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct SentenceScore {
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
    let mut scorer = Scorer { cpu: &cpu, model, vocabulary, end, begun: None };
    scorer.for_each_sentence(|sentence| {
        unknown += sentence.unknown;
        let text = format!("{:.4}\t{:.3}", sentence.log_probability, sentence.perplexity);
        if args.output.json {
            sentences.push(sentence);
            return Ok(Reader::Listening);
        }
        print(text)
    })?;
    if unknown > 0 {
        let fate = match vocabulary.id(UNKNOWN) {
            Some(_) => "read as <unk>",
            None => "left out, since the vocabulary has no <unk>",
        };
        let unknown = counted(unknown, "word");
        tracing::warn!("outside the vocabulary: {unknown}, {fate}");
    }
    if args.output.json {
        let mut json = session.summary(json!({ "unknown": unknown }));
        json["sentences"] = json!(sentences);
        args.output.report(&json, "")?;
    }
    Ok(())
}

/// Scores the lines of standard input.
struct Scorer<'a> {
    cpu: &'a Cpu,
    model: &'a mut LanguageModel,
    vocabulary: &'a Vocabulary,
    end: u32,
    /// The sentence that is being read, and its words outside the vocabulary.
    begun: Option<(Scored, usize)>,
}

impl Scorer<'_> {
    /// Hands each sentence to `each` until there is none, or nobody listens any more.
    fn for_each_sentence(
        &mut self,
        mut each: impl FnMut(SentenceScore) -> Result<Reader>,
    ) -> Result<()> {
        let (path, mut stdin) = (Path::new("standard input"), input::stdin()?);
        let mut text = TokenStream { reader: &mut stdin, path, before: (Some(0), 0) };
        let mut reader = Reader::Listening;
        let read = text.for_each_token(Space::Unicode, |token| {
            match token {
                Token::Word(word) => self.add(word)?,
                Token::Newline => reader = each(self.finish()?)?,
            }
            ensure!(reader == Reader::Listening, "nobody reads on");
            Ok(())
        });
        match (reader, &self.begun) {
            (Reader::Gone, _) => return Ok(()),
            // The last line needs no end.
            (_, Some(_)) if read.is_ok() => drop(each(self.finish()?)?),
            _ => (),
        }
        read.map(|_| ())
    }

    fn begin(&mut self) -> Result<(Scored, usize)> {
        let mut scored = Scored::new(self.model);
        scored.add(self.cpu, self.model, self.end)?;
        Ok((scored, 0))
    }

    fn add(&mut self, word: &str) -> Result<()> {
        let (mut scored, mut unknown) = self.begun.take().map_or_else(|| self.begin(), Ok)?;
        let id = self.vocabulary.id(word);
        unknown += usize::from(id.is_none());
        if let Some(id) = id.or(self.vocabulary.id(UNKNOWN)) {
            scored.add(self.cpu, self.model, id)?;
        }
        self.begun = Some((scored, unknown));
        Ok(())
    }

    fn finish(&mut self) -> Result<SentenceScore> {
        let (mut scored, unknown) = self.begun.take().map_or_else(|| self.begin(), Ok)?;
        scored.add(self.cpu, self.model, self.end)?;
        let score = scored.finish(self.cpu, self.model)?;
        let (log_probability, perplexity) = (-score.loss, score.perplexity());
        Ok(SentenceScore { log_probability, perplexity, words: score.words as usize, unknown })
    }
}
