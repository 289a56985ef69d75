//! `tfm eval ptb`

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::json;

use super::super::ENTRY;
use super::super::corpus::{Corpus, EncodedText, fate, text_fingerprint};
use super::super::evaluate::{every_word, in_batches};
use super::super::experiment::Ptb;
use crate::data::Split;
use crate::models::options::{
    CheckpointOption, DataOptions, DeviceOptions, OutputOptions, RunOption, split_parser,
};
use crate::models::session::Session;
use crate::models::{Interrupted, Verb};
use crate::system::wording::plural;
use crate::train::ShutdownFlag;

/// `tfm eval ptb`
pub const VERB: Verb = Verb {
    name: "eval",
    about: "Prints the perplexity of a run's model on a text",
    args: EvalArgs::augment_args,
    run,
};

/// The help texts of the splits.
const SPLITS: [&str; 3] = ["The training text", "The validation text", "The test text"];

#[derive(Args, Debug)]
struct EvalArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The split of the run's config
    ///
    /// test is read as one sequence, and every word except the first is predicted. valid and train
    /// are read in the batches of training, so valid gives the figure of the training log.
    #[arg(long, value_parser = split_parser(SPLITS), default_value = "test")]
    split: Split,
    /// Another text instead of the split's
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Predicts every word of any split, in one sequence
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = EvalArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let mut session = Session::<Ptb>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let EncodedText { tokens, coverage, perplexity_bound } = text(&args, &session)?;
    let shutdown = ShutdownFlag::on_signals(["stopping the evaluation", "stopped at once"])?;
    let train = &session.config.train;
    let score = if args.exact || args.split == Split::Test {
        ensure!(tokens.len() > 1, "the text has no word to predict");
        every_word(&cpu, &mut session.trained.model, &tokens, &shutdown)?
    } else {
        let (batch, steps) = (train.batch_size, train.num_steps);
        in_batches(&cpu, &mut session.trained.model, &tokens, batch, steps, &shutdown)?
    };
    let Some(score) = score else {
        bail!(Interrupted { message: "stopped before the end of the text".to_string() })
    };
    let split = match &args.text {
        Some(text) => text.display().to_string(),
        None => args.split.to_string(),
    };
    let perplexity = score.perplexity();
    let mut metrics = json!({
        "perplexity": perplexity,
        "loss": score.loss / score.words as f64,
        "words": score.words,
        "outside": coverage.outside,
        "outside_share": coverage.share_outside(),
        "split": split,
    });
    let mut text = format!(
        "{split} perplexity {perplexity:.3} over {} {} at step {}",
        score.words,
        plural(score.words, "word"),
        session.step
    );
    if coverage.outside > 0 {
        let (percent, fate) = (100.0 * coverage.share_outside(), fate(session.config.data.oov));
        text += &format!(", {percent:.1} % of the text {fate}");
    }
    if let Some(bound) = perplexity_bound {
        metrics["floor"] = bound.into();
        text += &format!(" (the grammar's own: {bound:.3})");
    }
    args.output.report(&session.summary(metrics), text)
}

/// The words to be predicted.
fn text(args: &EvalArgs, session: &Session<Ptb>) -> Result<EncodedText> {
    let (config, vocabulary) = (&session.config, &session.trained.vocabulary);
    if let Some(path) = &args.text {
        ensure!(path.exists(), "--text {}: there is no such file", path.display());
        return Corpus::load_file(path, config.data.oov, vocabulary);
    }
    let text = Corpus::load_split(config, &args.data.data_dir, args.split, vocabulary)?;
    warn_of_another_text(session, &text.tokens);
    Ok(text)
}

/// Warns if the text differs from the run's: a score on another text is not a score of the run.
fn warn_of_another_text(session: &Session<Ptb>, tokens: &[u32]) {
    let (here, run) = (text_fingerprint(tokens), &session.run.manifest().data);
    if !run.contains(&here) {
        tracing::warn!("the text differs from the run's: {here} here, in run.json {run}");
    }
}
