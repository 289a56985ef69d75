//! `tfm eval word2vec`

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::json;

use super::super::ENTRY;
use super::super::analogies::{self, Questions};
use super::super::dataset;
use super::super::experiment::Word2Vec;
use super::super::similarity::{self, Pairs};
use crate::models::Verb;
use crate::models::options::{
    CheckpointOption, DataOptions, DeviceOptions, OutputOptions, RunOption,
};
use crate::models::session::{Session, summary};

/// `tfm eval word2vec`
pub const VERB: Verb = Verb {
    name: "eval",
    about: "Evaluates a run's vectors on analogies and word similarity",
    args: EvalArgs::augment_args,
    run,
};

#[derive(Args, Debug)]
struct EvalArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// A file of analogies, such as questions-words.txt [default: the file in the run's config]
    ///
    /// A line of four words a b c d asks: a is to b as c is to which word? The correct answer is d. A
    /// line that begins with a colon names a section. Words are looked up as written, then
    /// case-insensitively.
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    /// A file of word pairs and scores, such as wordsim353.tsv
    ///
    /// Prints Spearman's rho between the scores and the cosines of the vectors.
    #[arg(long, value_name = "FILE")]
    similarity: Option<PathBuf>,
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
    // Errors in the small files appear before the large one is read.
    let data_dir = &args.data.data_dir;
    let file = |path: &PathBuf| dataset::given_file(path, data_dir);
    let pairs = args.similarity.as_ref().map(|path| Pairs::read(&file(path))).transpose()?;
    let questions = args.questions.as_ref().map(|path| Questions::read(&file(path))).transpose()?;
    let session = Session::<Word2Vec>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let (questions, pairs) = match (questions, pairs) {
        (None, None) => {
            let config = &session.config;
            (dataset::questions(config, data_dir)?, dataset::pairs(config, data_dir)?)
        }
        given => given,
    };
    ensure!(
        questions.is_some() || pairs.is_some(),
        "there is nothing to evaluate: the run's config has neither eval.questions nor eval.similarity; give \
        --questions FILE or --similarity FILE"
    );
    let unit = session.trained.without_untrained(session.config.data.unk)?.into_unit();
    let (mut metrics, mut text) = (json!({}), Vec::new());
    if let Some(questions) = questions {
        let score = analogies::score(&cpu, &unit, &questions.resolve(unit.vocabulary())?);
        metrics["analogy"] = score.precision.into();
        metrics["analogies"] = json!(score);
        text.push(score.to_string());
    }
    if let Some(pairs) = pairs {
        let score = similarity::score(&unit, &pairs)?;
        metrics["similarity"] = score.spearman.into();
        metrics["similarities"] = json!(score);
        text.push(score.to_string());
    }
    args.output.report(&summary(&session.run, session.step, metrics), text.join("\n"))
}
