//! `tfm generate ptb`

use std::ops::ControlFlow;

use anyhow::{Context, Result, ensure};
use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::json;

use super::super::ENTRY;
use super::super::experiment::{Ptb, Trained};
use super::super::generate::Sampler;
use crate::data::vocabulary::{UNKNOWN, Vocabulary};
use crate::data::words::{END_OF_SENTENCE, Space};
use crate::models::Verb;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::session::Session;
use crate::models::stdout::{Reader, print, write};

/// `tfm generate ptb`
pub const VERB: Verb = Verb {
    name: "generate",
    about: "Generates text with a run's model",
    args: GenerateArgs::augment_args,
    run,
};

#[derive(Args, Debug)]
struct GenerateArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The start of the text [default: the start of a sentence]
    #[arg(long, value_name = "TEXT", default_value = "")]
    prompt: String,
    /// How many words to add, counting ends of sentences
    #[arg(long, value_name = "N", default_value_t = 40)]
    tokens: usize,
    /// Softmax temperature: below 1 sharpens the distribution, above 1 flattens it; 0 is greedy (argmax)
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f64,
    /// Sample from the K most likely words (0 = all)
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// The seed for sampling
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Allows <unk> in the text
    #[arg(long)]
    allow_unk: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = GenerateArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    ensure!(
        args.temperature.is_finite() && args.temperature >= 0.0,
        "--temperature {} must be 0 or more",
        args.temperature
    );
    let cpu = args.device.cpu(ENTRY.name)?;
    let mut session = Session::<Ptb>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let vocabulary = &session.trained.vocabulary;
    let prompt = prompt_ids(vocabulary, &args.prompt)?;
    let suppressed = if args.allow_unk { None } else { vocabulary.id(UNKNOWN) };
    let (temperature, top_k, seed) = (args.temperature, args.top_k, args.seed);
    let sampler = Sampler { temperature, top_k, seed, suppressed };
    let Trained { vocabulary, model } = &mut session.trained;
    let mut text = Detokenizer::default();
    let mut begin: String =
        Space::Unicode.words(&args.prompt).map(|word| text.next(word)).collect();
    let mut words = Vec::new();
    sampler.generate(&cpu, model, &prompt, args.tokens, |id| {
        let word = vocabulary.word(id);
        begin += &text.next(word);
        if args.output.json {
            words.push(word);
            return Ok(ControlFlow::Continue(()));
        }
        match write(&std::mem::take(&mut begin))? {
            Reader::Listening => Ok(ControlFlow::Continue(())),
            Reader::Gone => Ok(ControlFlow::Break(())),
        }
    })?;
    if !args.output.json {
        return print(begin).map(|_| ());
    }
    let (tokens, mut json) = (json!(words), session.head());
    json["prompt"] = json!(args.prompt);
    json["tokens"] = tokens;
    json["text"] = json!(begin);
    args.output.report(&json, "")
}

/// The prompt after an end of sentence, as all text is read.
fn prompt_ids(vocabulary: &Vocabulary, prompt: &str) -> Result<Vec<u32>> {
    let mut ids: Vec<u32> = vocabulary.id(END_OF_SENTENCE).into_iter().collect();
    for word in Space::Unicode.words(prompt) {
        let id = vocabulary.id(word).or_else(|| {
            let unknown = vocabulary.id(UNKNOWN)?;
            tracing::warn!("{word:?} is not in the vocabulary and is read as {UNKNOWN}");
            Some(unknown)
        });
        ids.push(id.with_context(|| {
            format!("the vocabulary has neither {word:?} nor {UNKNOWN}; use other words")
        })?);
    }
    ensure!(!ids.is_empty(), "the vocabulary has no {END_OF_SENTENCE}: give a --prompt");
    Ok(ids)
}

/// A growing text, one sentence per line. The end marker itself is not written.
#[derive(Default)]
struct Detokenizer {
    /// The separator before the next word.
    before: String,
}

impl Detokenizer {
    /// The text that the next word adds.
    fn next(&mut self, word: &str) -> String {
        if word == END_OF_SENTENCE {
            self.before = self.before.replace(' ', "") + "\n";
            return String::new();
        }
        std::mem::replace(&mut self.before, " ".to_owned()) + word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_become_lines() {
        let of = |words: &[&str]| -> String {
            let mut text = Detokenizer::default();
            words.iter().map(|word| text.next(word)).collect()
        };
        assert_eq!(of(&["a", "b", "<eos>", "c", "<eos>"]), "a b\nc");
        assert_eq!(of(&["<eos>", "a", "<eos>", "<eos>", "b"]), "\na\n\nb");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn unknown_words_of_a_prompt_are_unk_or_an_error() {
        let with = Vocabulary::new(["<eos>", "a", "<unk>"]).unwrap();
        assert_eq!(prompt_ids(&with, "a zzz").unwrap(), [0, 1, 2]);
        let without = Vocabulary::new(["<eos>", "a"]).unwrap();
        assert!(prompt_ids(&without, "zzz").unwrap_err().to_string().contains("neither \"zzz\""));
    }
}
