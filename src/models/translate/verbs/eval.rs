//! `tfm eval translate`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::{Value, json};

use super::super::ENTRY;
use super::super::dataset::{Dataset, HeldOut};
use super::super::evaluate::{BucketScore, perplexity, statistics, translations};
use super::super::experiment::Translate;
use super::search::SearchOptions;
use super::worst::worst;
use crate::data::Split;
use crate::data::parallel::Sentences;
use crate::metrics::bleu::{Bleu, Statistics};
use crate::metrics::corpus::{Signature, sum};
use crate::models::options::{
    CheckpointOption, DataOptions, DeviceOptions, OutputOptions, RunOption,
};
use crate::models::session::Session;
use crate::models::{Interrupted, Verb};
use crate::system::wording::{by_number, plural};
use crate::train::ShutdownFlag;

/// `tfm eval translate`
pub const VERB: Verb = Verb {
    name: "eval",
    about: "Prints the perplexity (also by bucket) and BLEU of a run's model on a parallel text",
    args: EvalArgs::augment_args,
    run,
};

#[derive(Args, Debug)]
struct EvalArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The text of the run's config
    #[arg(long, value_parser = split_parser(), default_value = "dev")]
    split: Split,
    /// The source sentences of another text, with their translations in --target
    #[arg(long, value_name = "FILE", requires = "target", conflicts_with = "split")]
    source: Option<PathBuf>,
    /// The translations of the sentences in --source
    #[arg(long, value_name = "FILE", requires = "source")]
    target: Option<PathBuf>,
    /// How many of the worst translations to show, by sentence BLEU
    #[arg(long, value_name = "N", default_value_t = 3)]
    worst: usize,
    #[command(flatten)]
    search: SearchOptions,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// The names of the texts in the config.
fn split_parser() -> impl TypedValueParser<Value = Split> {
    let dev = PossibleValue::new("dev").help("The development text, data.dev");
    let test = PossibleValue::new("test").help("The test text, data.test");
    let split = |name: String| if name == "test" { Split::Test } else { Split::Valid };
    PossibleValuesParser::new([dev, test]).map(split)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = EvalArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let mut session = Session::<Translate>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let tokenizer = session.trained.tokenizer.clone();
    let (name, HeldOut { text, sentences }) = text(&args, &session)?;
    if let Some(dropped) = sentences.reading.dropped() {
        tracing::warn!("{name}: {dropped}");
    }
    let Sentences { pairs: sentences, lines: numbers, .. } = sentences;
    let (here, of_run) = (text.pairs.fingerprint(), &session.run.manifest().data);
    if args.source.is_none() && args.split == Split::Valid && !of_run.ends_with(&here) {
        tracing::warn!(
            "the development text differs from the run's: {here} here, but run.json has {of_run}"
        );
    }
    let (dropped, all) = (text.dropped(), text.pairs.len());
    if dropped > 0 {
        let (fit, them) = (by_number(dropped, "fits", "fit"), by_number(dropped, "it", "them"));
        tracing::warn!("{dropped} of {all} pairs {fit} no bucket: the perplexity excludes {them}");
    }
    let shutdown = ShutdownFlag::on_signals(["stopping the evaluation", "stopped at once"])?;
    let stopped = || Interrupted { message: "stopped before the end of the text".to_string() };
    let Some(scores) = perplexity(&cpu, &mut session.trained.model, &text, &shutdown)? else {
        bail!(stopped())
    };
    let mut translator = session.trained.translator(&session.config)?;
    let search = args.search.search();
    let found = translations(&cpu, &mut translator, &tokenizer, &sentences, search, &shutdown)?;
    let Some(translations) = found else { bail!(stopped()) };
    let total = BucketScore::total(&scores);
    let scored = Scored::of(&sentences, &translations);
    let mut lines = vec![format!(
        "{name}: perplexity {:.3} over {} {}, BLEU {:.2} at step {}",
        total.perplexity(),
        total.words,
        tokenizer.unit(),
        scored.score,
        session.step
    )];
    let mut buckets = Vec::new();
    for (group, score) in text.groups().iter().zip(&scores) {
        let bucket = group.size;
        let (size, perplexity) = ([bucket.source, bucket.target], score.perplexity());
        if score.words > 0 && !session.config.is_bidirectional() {
            lines.push(format!(
                "  bucket {size:?}: perplexity {perplexity:.3}, {} {}",
                score.pairs,
                plural(score.pairs, "pair")
            ));
        }
        let perplexity = (score.words > 0).then_some(perplexity);
        if !session.config.is_bidirectional() {
            buckets.push(json!({ "bucket": size, "pairs": score.pairs, "perplexity": perplexity }));
        }
    }
    lines.push(format!("  BLEU|{} = {}", scored.signature, scored.details));
    let worst = worst(&sentences, &numbers, &translations, &scored.statistics, args.worst);
    if !worst.is_empty() {
        lines.push("Worst translations:".to_owned());
        lines.extend(worst.iter().flat_map(|one| one.lines()));
    }
    let metrics: Value = json!({
        "perplexity": total.perplexity(),
        "words": total.words,
        "bleu": scored.score,
        "signature": scored.signature,
        "text": name,
        "buckets": buckets,
        "worst": worst,
    });
    args.output.report(&session.summary(metrics), lines.join("\n"))
}

/// The name of the text, its pairs and its sentences.
fn text(args: &EvalArgs, session: &Session<Translate>) -> Result<(String, HeldOut)> {
    let (config, tokenizer) = (&session.config, &session.trained.tokenizer);
    if let (Some(source), Some(target)) = (&args.source, &args.target) {
        let files = [source.clone(), target.clone()];
        let name = format!("{} and {}", source.display(), target.display());
        let text = Dataset::read_pairs(config, &files, tokenizer)?;
        text.sentences.reading.expect_partners(&name)?;
        return Ok((name, text));
    }
    let name = if args.split == Split::Test { "test" } else { "dev" };
    let pairs = Dataset::held_out(config, &args.data.data_dir, tokenizer, args.split)?;
    Ok((name.to_owned(), pairs))
}

/// sacreBLEU's score of translations.
struct Scored {
    statistics: Vec<Statistics>,
    score: f64,
    /// The score in one decimal and what it consists of.
    details: String,
    signature: String,
}

impl Scored {
    fn of(pairs: &[[String; 2]], translations: &[String]) -> Self {
        let bleu = Bleu::default();
        let statistics = statistics(&bleu, pairs, translations);
        let evaluated = bleu.evaluate(&sum(&statistics));
        Self {
            score: evaluated.score,
            details: format!("{:.1} {evaluated}", evaluated.score),
            signature: Signature::new(&bleu, 1, None).to_string(),
            statistics,
        }
    }
}
