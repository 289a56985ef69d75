//! `tfm predict <model>`: what the user's own pictures show.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::super::{Input, PictureModel};
use crate::data::Labelled;
use crate::models::Verb;
use crate::models::experiment::Experiment;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::session::Session;
use crate::ops::{Cpu, softmax};

#[derive(Args, Debug)]
struct PredictArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// PNG or JPEG files
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// How many classes to name for each picture
    #[arg(long, value_name = "N", default_value_t = 3)]
    top: usize,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// The verb of a model.
pub const fn verb<M: PictureModel>() -> Verb {
    Verb { name: "predict", about: "Says what pictures show", args, run: run::<M> }
}

fn args(command: Command) -> Command {
    PredictArgs::augment_args(command)
}

/// Classifies.
///
/// # Errors
/// A run that cannot be read; pictures that cannot, each named. Those that can are classified all
/// the same.
fn run<M: PictureModel>(matches: &ArgMatches) -> Result<()> {
    let args = PredictArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(M::ENTRY.name)?;
    let mut session = Session::<M>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let (mut lines, mut predictions, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for path in &args.images {
        match classes_of::<M>(&cpu, &mut session, path, args.top) {
            Ok(classes) => {
                lines.push(format!("{}: {}", path.display(), in_words(&classes)));
                predictions.push(in_json(path, &classes));
            }
            Err(error) => unreadable.push(format!("{}: {error:#}", path.display())),
        }
    }
    let json = session.summary(json!({ "predictions": predictions }));
    args.output.report(&json, lines.join("\n"))?;
    match unreadable.as_slice() {
        [] => Ok(()),
        [one] => bail!("cannot classify {one}"),
        several => bail!("cannot classify\n  {}", several.join("\n  ")),
    }
}

/// The most probable classes of a picture by name, the first one first.
fn classes_of<M: PictureModel>(
    cpu: &Cpu,
    session: &mut Session<M>,
    path: &Path,
    top: usize,
) -> Result<Vec<(String, f32)>> {
    let input = M::input(&session.config)?;
    let images = Labelled::new(M::PICTURE, M::read_picture(path)?, vec![0]);
    let mut image = vec![0.0; input.shape().values()];
    input.write(&images, 0..1, &mut image);
    let logits = session.trained.classifier.logits(cpu, &image)?.to_vec();
    let mut classes: Vec<_> = probabilities(cpu, &logits).into_iter().enumerate().collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes.truncate(top.max(1));
    Ok(classes.into_iter().map(|(class, p)| (session.trained.classes[class].clone(), p)).collect())
}

/// The softmax of one row of logits.
fn probabilities(cpu: &Cpu, logits: &[f32]) -> Vec<f32> {
    let of = |class| {
        // The probability of a class is e to the power of minus its cross-entropy.
        let mut loss = [0.0];
        softmax::cross_entropy(cpu, &mut logits.to_vec(), &[class], None, &mut loss);
        (-loss[0]).exp()
    };
    (0..logits.len() as u32).map(of).collect()
}

fn in_words(classes: &[(String, f32)]) -> String {
    let words = classes.iter().map(|(name, p)| format!("{name} {:.1} %", 100.0 * p));
    words.collect::<Vec<_>>().join(", ")
}

fn in_json(path: &Path, classes: &[(String, f32)]) -> Value {
    let classes: Vec<_> =
        classes.iter().map(|(name, p)| json!({ "class": name, "probability": p })).collect();
    json!({ "image": path.to_string_lossy(), "classes": classes })
}
