//! `tfm eval translate`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::super::ENTRY;
use super::super::beam::Search;
use super::super::dataset::Dataset;
use super::super::evaluate::{BucketScore, bleu, perplexity};
use super::super::experiment::Translate;
use crate::models::options::{
    CheckpointOption, DataOptions, DeviceOptions, OutputOptions, RunOption,
};
use crate::models::session::Session;
use crate::models::{Interrupted, Verb};
use crate::train::ShutdownFlag;

/// `tfm eval translate`
pub const VERB: Verb = Verb {
    name: "eval",
    about: "Prints perplexity by bucket and BLEU of a run's model on a parallel text",
    args,
    run,
};

#[derive(Args, Debug)]
struct EvalArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// Sentences of another text, with their translations in --target
    #[arg(long, value_name = "FILE", requires = "target")]
    source: Option<PathBuf>,
    /// The translations of the sentences in --source
    #[arg(long, value_name = "FILE", requires = "source")]
    target: Option<PathBuf>,
    /// Hypotheses that are followed at a time; 1 takes the likeliest word every time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    beam: usize,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

fn args(command: Command) -> Command {
    EvalArgs::augment_args(command)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = EvalArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let mut session = Session::<Translate>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let tokenizer = session.trained.tokenizer.clone();
    let (name, (text, sentences)) = match (&args.source, &args.target) {
        (Some(source), Some(target)) => {
            let files = [source.clone(), target.clone()];
            let name = format!("{} and {}", source.display(), target.display());
            (name, Dataset::read_pairs(&session.config, &files, &tokenizer)?)
        }
        _ => ("dev".to_string(), Dataset::dev(&session.config, &args.data.data_dir, &tokenizer)?),
    };
    let shutdown = ShutdownFlag::on_signals(["stopping the evaluation", "stopped at once"])?;
    let stopped = || Interrupted { message: "stopped before the end of the text".to_string() };
    let Some(scores) = perplexity(&cpu, &mut session.trained.model, &text, &shutdown)? else {
        bail!(stopped())
    };
    let mut translator = session.trained.translator(&session.config)?;
    let search = Search { beam: args.beam, ..Search::GREEDY };
    let found = bleu(&cpu, &mut translator, &tokenizer, &sentences, search, &shutdown)?;
    let Some((bleu, _)) = found else { bail!(stopped()) };
    let total = BucketScore::total(&scores);
    let mut lines = vec![format!(
        "{name}: perplexity {:.3} over {} words, BLEU {bleu:.2} at step {}",
        total.perplexity(),
        total.words,
        session.step
    )];
    let mut buckets = Vec::new();
    for (group, score) in text.groups().iter().zip(&scores) {
        let bucket = group.size;
        let (size, perplexity) = ([bucket.source, bucket.target], score.perplexity());
        if score.words > 0 {
            lines.push(format!(
                "  bucket {size:?}: perplexity {perplexity:.3}, {} pairs",
                score.pairs
            ));
        }
        let perplexity = (score.words > 0).then_some(perplexity);
        buckets.push(json!({ "bucket": size, "pairs": score.pairs, "perplexity": perplexity }));
    }
    let metrics: Value = json!({
        "perplexity": total.perplexity(),
        "words": total.words,
        "bleu": bleu,
        "text": name,
        "buckets": buckets,
    });
    args.output.report(&session.summary(metrics), lines.join("\n"))
}
