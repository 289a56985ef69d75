//! `tfm eval <model>`: evaluation of a trained classifier.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::{Value, json};

use super::super::{Data, EVAL_BATCH, Examples, Input, PictureModel, Score, Trained, evaluate};
use crate::checkpoint;
use crate::console::COLUMNS;
use crate::data::Split;
use crate::data::augment::Shape;
use crate::metrics::Raster;
use crate::metrics::picture::write_sheet;
use crate::models::experiment::Experiment;
use crate::models::options::{
    CheckpointOption, DataOptions, DeviceOptions, OutputOptions, RunOption, split_parser,
};
use crate::models::session::Session;
use crate::models::{Interrupted, Verb};
use crate::ops::Cpu;
use crate::run::RunDir;
use crate::system::wording::plural;
use crate::train::ShutdownFlag;

/// The help texts of the splits.
const SPLITS: [&str; 3] =
    ["The training set", "The validation set, if there is one", "The test set"];

#[derive(Args, Debug)]
struct EvalArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The split to classify
    #[arg(long, value_parser = split_parser(SPLITS), default_value = "test")]
    split: Split,
    /// Checks for a new checkpoint every N seconds, and evaluates each one
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// The verb of a model.
pub const fn verb<M: PictureModel>() -> Verb {
    let about = "Evaluates a classifier: accuracy, recall per class, confusion matrix";
    Verb { name: "eval", about, args: EvalArgs::augment_args, run: run::<M> }
}

/// Evaluates.
///
/// # Errors
/// A run or data that cannot be read.
fn run<M: PictureModel>(matches: &ArgMatches) -> Result<()> {
    let args = EvalArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(M::ENTRY.name)?;
    let shutdown = ShutdownFlag::on_signals(["stopping the evaluation", "stopped at once"])?;
    let mut session = Session::<M>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let mut data = M::data(&cpu, &session.config, &args.data.data_dir, Some(&session.run))?;
    let fingerprint = M::fingerprint(&data);
    data.take_classes(&session.trained.classes)?;
    warn_of_other_data(&fingerprint, &session.run.manifest().data);
    loop {
        report::<M>(&cpu, &args, &mut session, &data, &shutdown)?;
        let Some(seconds) = args.watch else { return Ok(()) };
        session = next_session(&args, session, seconds, &shutdown)?;
    }
}

/// Waits for a newer checkpoint.
fn next_session<M: PictureModel>(
    args: &EvalArgs,
    old: Session<M>,
    seconds: u64,
    shutdown: &ShutdownFlag,
) -> Result<Session<M>> {
    loop {
        for _ in 0..seconds * 10 {
            if shutdown.requested() {
                bail!(Interrupted { message: "stopped watching".to_string() });
            }
            sleep(Duration::from_millis(100));
        }
        let newest = checkpoint::steps(&old.run.checkpoints_dir())?.into_iter().max();
        if newest.is_some_and(|newest| newest > old.step) {
            return Session::open(&args.run.run, args.checkpoint.checkpoint);
        }
    }
}

/// Warns if the data differs from the run's: a score on other images is not a score of the run.
fn warn_of_other_data(here: &str, run: &str) {
    if here != run {
        tracing::warn!("the data differs from the run's: {here} here, in run.json {run}");
    }
}

fn report<M: PictureModel>(
    cpu: &Cpu,
    args: &EvalArgs,
    session: &mut Session<M>,
    data: &Data<M>,
    shutdown: &ShutdownFlag,
) -> Result<()> {
    let examples = data
        .split(args.split)
        .with_context(|| format!("{} has no validation set; give --split test", M::ENTRY.name))?;
    let Trained { classifier, classes } = &mut session.trained;
    let score = evaluate(cpu, classifier, examples, classes, EVAL_BATCH, shutdown)?;
    let Some(score) = score else {
        bail!(Interrupted { message: "stopped before the last image".to_string() })
    };
    let split = args.split.name();
    // The figures are what was asked for.
    let drawn = draw(&session.run, &score, examples, split, session.step);
    let pictures = drawn.unwrap_or_else(|error| {
        tracing::warn!("the plots cannot be drawn: {error:#}");
        Vec::new()
    });
    for path in &pictures {
        tracing::info!("Drawn: {}", path.display());
    }
    let text = in_words(&score, split, session.step);
    args.output.report(&session.summary(in_json(&score, split, &pictures)), text)
}

/// Draws the confusion matrix, and a sheet of the worst mistakes if there are any, as PNG files next
/// to the curves.
fn draw(
    run: &RunDir,
    score: &Score,
    examples: &Examples<impl Input>,
    split: &str,
    step: u64,
) -> Result<Vec<PathBuf>> {
    let title = format!("{split}, step {step}: precision @ 1 = {:.4}", score.top1_accuracy());
    let folder = run.path().join("plots");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = |what: &str| folder.join(format!("{what}-{split}-{step:08}.png"));
    let confusion = path("confusion");
    score.confusion.write_png(&confusion, &title)?;
    let mistakes = score.worst.mistakes();
    if mistakes.is_empty() {
        return Ok(vec![confusion]);
    }
    let thumbnails: Vec<_> =
        mistakes.iter().map(|mistake| examples.thumbnail(mistake.index as usize)).collect();
    let Shape { height, width, .. } = examples.images.shape();
    let raster = |pixels| Raster { width, height, channels: 3, pixels };
    let shown: Vec<_> =
        mistakes.iter().cloned().zip(thumbnails.iter().map(|pixels| raster(&pixels[..]))).collect();
    let sheet = path("mistakes");
    let title = format!(
        "{split}, step {step}: the most confident mistakes (true class, predicted class, its \
        probability, index in the data)"
    );
    write_sheet(&sheet, &title, score.confusion.classes(), &shown)?;
    Ok(vec![confusion, sheet])
}

fn in_words(score: &Score, split: &str, step: u64) -> String {
    let text = format!(
        "precision @ 1 = {:.4} over {} {split} {} at step {step} ({:.2} % error)\n\n",
        score.top1_accuracy(),
        score.total(),
        plural(score.total(), "image"),
        score.error_rate()
    );
    text + &table(score)
}

/// A line a class: its recall and, where a window has room for it, what it was taken for. The
/// drawn matrix has room for all.
fn table(score: &Score) -> String {
    let (confusion, classes) = (&score.confusion, score.confusion.classes());
    let n = classes.len();
    let name = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    let largest = (0..n * n).map(|i| confusion.count(i / n, i % n)).max().unwrap_or(0);
    let cell = largest.max(n as u64).to_string().len() + 1;
    let has_matrix = 3 + name + 9 + cell * n <= COLUMNS;
    let row = |number: &str, name_of: &str, recall: &str, cells: &mut dyn Iterator<Item = u64>| {
        let cells: String = cells.map(|count| format!("{count:>cell$}")).collect();
        let cells = if has_matrix { cells } else { String::new() };
        format!("{number:>2} {name_of:name$} {recall:>8}{cells}\n")
    };
    let mut text = row("", "class", "recall", &mut (0..n as u64));
    for (i, name) in classes.iter().enumerate() {
        let recall = confusion.recall(i).map_or("-".to_string(), |r| format!("{:.1} %", 100.0 * r));
        let mut cells = (0..n).map(|j| confusion.count(i, j));
        text += &row(&i.to_string(), name, &recall, &mut cells);
    }
    if has_matrix {
        text += "Rows are true classes, columns predicted classes.";
    }
    text
}

fn in_json(score: &Score, split: &str, pictures: &[PathBuf]) -> Value {
    let classes = score.confusion.classes();
    let row = |i| (0..classes.len()).map(|j| score.confusion.count(i, j)).collect::<Vec<_>>();
    let recall: serde_json::Map<String, Value> = classes
        .iter()
        .enumerate()
        .map(|(i, name)| (name.clone(), json!(score.confusion.recall(i))))
        .collect();
    json!({
        "precision": score.top1_accuracy(),
        "error_rate": score.error_rate(),
        "cross_entropy": score.mean_loss(),
        "images": score.total(),
        "split": split,
        "recall": recall,
        "confusion": (0..classes.len()).map(row).collect::<Vec<_>>(),
        "pictures": pictures.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
    })
}
