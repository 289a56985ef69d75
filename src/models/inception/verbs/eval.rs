//! `tfm eval inception`: how often a graph, or what a run has learnt on top of it, is right.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};
use serde_json::{Value, json};

use super::super::ENTRY;
use super::super::labels::Labels;
use super::super::options::GraphOptions;
use super::super::pictures::{Tally, ensure_none_left_out};
use super::super::retrain::{FeatureDataset, Inception, class_folders};
use super::super::scorer::{LearntOptions, Scorer, run_config};
use super::drawing::{self, Plots};
use super::results::Results;
use crate::data::Split;
use crate::models::Verb;
use crate::models::options::{DeviceOptions, OutputOptions, split_parser};
use crate::models::session::Session;
use crate::ops::Cpu;
use crate::run;

/// `tfm eval inception`
pub const VERB: Verb = Verb {
    name: "eval",
    about: "Computes top-1 and top-5 accuracy of a graph or a run on labelled images",
    args,
    run,
};

/// The help texts of the splits.
const SPLITS: [&str; 3] = ["The training set", "The validation set", "The test set"];

#[derive(Args, Debug)]
struct EvalArgs {
    /// The folder of the images, with one folder per class [default: the images that --run holds out]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, required_unless_present = "run")]
    images: Option<PathBuf>,
    #[command(flatten)]
    learnt: LearntOptions,
    /// Which of the run's own images
    #[arg(long, value_parser = split_parser(SPLITS), default_value = "test", conflicts_with = "images")]
    split: Split,
    #[command(flatten)]
    graph: GraphOptions,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    batch: usize,
    /// How many of the most frequent confusions and of the worst mistakes to list
    #[arg(long, value_name = "N", default_value_t = 10)]
    worst: usize,
    /// Draws the worst mistakes, up to 36 [default with --run: RUN/plots/mistakes-SPLIT-STEP.png]
    #[arg(long, value_name = "FILE.png", value_hint = ValueHint::FilePath)]
    sheet: Option<PathBuf>,
    /// Overwrites an existing file of --sheet
    #[arg(long, requires = "sheet")]
    force: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Each folder is named after its class: a class of the run, or a WordNet id \
(n02510455), a name of the labels (giant_panda), or a number. Files that are not images are reported and \
skipped, and the exit code is 1.

Examples:
  tfm eval inception --images photos --sheet mistakes.png
  tfm eval inception --run RUN                       the images that the run holds out
  tfm eval inception --run RUN --images others";

fn args(command: Command) -> Command {
    EvalArgs::augment_args(command).after_long_help(LONG)
}

/// The evaluated images.
struct Evaluated {
    results: Results,
    labels: Labels,
    /// The images that could not be read.
    unreadable: Vec<String>,
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = EvalArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    if let Some(sheet) = &args.sheet {
        ensure_can_be_drawn(sheet, args.force)?;
    }
    let cpu = args.device.cpu(ENTRY.name)?;
    let Some(session) = args.learnt.session()? else {
        let evaluated = of_folder(&args, &cpu, Scorer::of_graph(&args.graph)?)?;
        let head = json!({ "model": ENTRY.name });
        return report(&args, evaluated, None, |metrics| merged(head, metrics));
    };
    let name = if args.images.is_some() { "images" } else { args.split.name() };
    let plots = Plots::of_run(&session, name);
    // The session is used up by its classifier.
    let head = session.summary(Value::Null);
    let evaluated = match &args.images {
        Some(_) => of_folder(&args, &cpu, Scorer::of_run(session, &args.graph)?)?,
        None => of_split(&args, &cpu, session)?,
    };
    report(&args, evaluated, Some(plots), |metrics| merged(head, json!({ "metrics": metrics })))
}

/// Says before anything is computed that a sheet cannot be drawn.
fn ensure_can_be_drawn(sheet: &Path, force: bool) -> Result<()> {
    let place = sheet.display();
    run::check_output(sheet, force)?;
    ensure!(!sheet.is_dir(), "--sheet {place} is a folder: give the name of a file in it");
    let is_png = sheet.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    ensure!(is_png, "--sheet {place} does not end in .png, and the sheet is a PNG file");
    let folder = sheet.parent().filter(|folder| !folder.as_os_str().is_empty());
    ensure!(
        folder.is_none_or(Path::is_dir),
        "--sheet {place} is in a folder that does not exist: make the folder, or name another file"
    );
    Ok(())
}

/// The fields of one object, followed by those of another.
fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

fn report(
    args: &EvalArgs,
    Evaluated { results, labels, unreadable }: Evaluated,
    plots: Option<Plots>,
    in_json: impl FnOnce(Value) -> Value,
) -> Result<()> {
    ensure!(
        !results.pictures.is_empty(),
        "no image could be read{}",
        unreadable.iter().map(|line| format!("\n  {line}")).collect::<String>()
    );
    // The figures come first: a picture that cannot be drawn does not keep them back.
    let drawn = drawing::draw(&results, &labels, plots.as_ref(), args.sheet.as_deref());
    let (drawn, failed) = match drawn {
        Ok(drawn) => (drawn, None),
        Err(error) if args.sheet.is_some() => (Vec::new(), Some(error)),
        Err(error) => {
            tracing::warn!("the plots cannot be drawn: {error:#}");
            (Vec::new(), None)
        }
    };
    drawn.iter().for_each(|path| tracing::info!("Drawn: {}", path.display()));
    let mut metrics = results.in_json(&labels, args.worst);
    metrics["drawn"] = drawn.iter().map(|path| path.to_string_lossy()).collect();
    args.output.report(&in_json(metrics), results.in_words(&labels, args.worst))?;
    failed.map_or(Ok(()), Err)?;
    ensure_none_left_out(&unreadable)
}

/// The images of the user's folders.
fn of_folder(args: &EvalArgs, cpu: &Cpu, mut scorer: Scorer) -> Result<Evaluated> {
    let folders = class_folders(args.images.as_deref().unwrap_or_else(|| ".".as_ref()))?;
    let classes = folders.iter().flat_map(|(class, files)| files.iter().map(move |_| class));
    let mut classes: Vec<&String> = classes.rev().collect();
    let pictures: Vec<PathBuf> = folders.values().flatten().cloned().collect();
    let (mut results, mut tally) = (Results::default(), Tally::of(&pictures));
    scorer.each(cpu, &pictures, args.batch, |labels, computed| {
        // They come in the order of the pictures.
        let class = classes.pop().map(String::as_str).unwrap_or_default();
        let path = computed.0;
        if let Some(scores) = tally.row(computed) {
            if results.pictures.is_empty() {
                // A folder that is not named after a class is reported before anything is computed.
                folders
                    .keys()
                    .try_for_each(|class| labels.class_of(class, scores.len()).map(drop))?;
            }
            results.add(path, labels.class_of(class, scores.len())?, &scores);
        }
        Ok(true)
    })?;
    Ok(Evaluated { results, labels: scorer.labels, unreadable: tally.end() })
}

/// A split of the run's own images.
fn of_split(args: &EvalArgs, cpu: &Cpu, session: Session<Inception>) -> Result<Evaluated> {
    let config = run_config(&session.config, &args.graph)?;
    let mut data = FeatureDataset::open(cpu, &config, args.graph.data_dir())?;
    let (here, run) = (data.fingerprint(), &session.run.manifest().data);
    if here != *run {
        tracing::warn!("the data differs from the run's: {here} here, in run.json {run}");
    }
    let mut layer = session.trained.layer;
    ensure!(
        data.source == session.trained.source,
        "the features come from another graph or tensor than the run's; name the run's graph with --graph"
    );
    data.take_classes(&layer.classes)?;
    let examples = data.split(args.split);
    ensure!(
        !examples.labels.is_empty(),
        "the run has no {} images; give another --split, or --images",
        args.split
    );
    let mut results = Results::default();
    for (example, (path, &class)) in examples.paths.iter().zip(&examples.labels).enumerate() {
        let scores = layer.classifier.probabilities(cpu, examples.row(example))?;
        results.add(path, class as usize, scores);
    }
    Ok(Evaluated { results, labels: Labels::learnt(layer.classes), unreadable: Vec::new() })
}
