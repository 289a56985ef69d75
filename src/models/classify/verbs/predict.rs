//! `tfm predict <model>`: classifies the user's own images.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::{Value, json};

use super::super::{EVAL_BATCH, Input, PictureModel, Trained};
use crate::data::Labelled;
use crate::models::Verb;
use crate::models::experiment::Experiment;
use crate::models::options::{CheckpointOption, DeviceOptions, OutputOptions, RunOption};
use crate::models::session::Session;
use crate::ops::Cpu;

#[derive(Args, Debug)]
struct PredictArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// PNG or JPEG files
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// How many classes to list per image
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    top: usize,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// The verb of a model.
pub const fn verb<M: PictureModel>() -> Verb {
    let about = "Classifies images";
    Verb { name: "predict", about, args: PredictArgs::augment_args, run: run::<M> }
}

/// Classifies.
///
/// # Errors
/// A run that cannot be read, or images that cannot, each named. The other images are still
/// classified.
fn run<M: PictureModel>(matches: &ArgMatches) -> Result<()> {
    let args = PredictArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(M::ENTRY.name)?;
    let mut session = Session::<M>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let (mut lines, mut predictions, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for paths in args.images.chunks(EVAL_BATCH) {
        let (paths, images) = read::<M>(paths, &mut unreadable);
        for (path, classes) in paths.iter().zip(classes_of(&cpu, &mut session, &images, args.top)?)
        {
            lines.push(format!("{}: {}", path.display(), in_words(&classes)));
            predictions.push(in_json(path, &classes));
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

/// The images that can be read; the errors of the others are added to `unreadable`.
fn read<'a, M: PictureModel>(
    paths: &'a [PathBuf],
    unreadable: &mut Vec<String>,
) -> (Vec<&'a Path>, Labelled) {
    let (mut readable, mut images) = (Vec::new(), Labelled::empty(M::PICTURE));
    for path in paths {
        match M::read_picture(path) {
            Ok(picture) => {
                readable.push(path.as_path());
                images.push(0, &picture);
            }
            Err(error) => unreadable.push(format!("{}: {error:#}", path.display())),
        }
    }
    (readable, images)
}

/// The most probable classes of each image by name, the most probable first.
fn classes_of<M: PictureModel>(
    cpu: &Cpu,
    session: &mut Session<M>,
    images: &Labelled,
    top: usize,
) -> Result<Vec<Vec<(String, f32)>>> {
    let input = M::input(&session.config)?;
    let mut inputs = vec![0.0; images.len() * input.shape().values()];
    input.write(images, 0..images.len(), &mut inputs);
    let Trained { classifier, classes } = &mut session.trained;
    let named = |row: &[f32]| {
        let mut named: Vec<_> = classes.iter().cloned().zip(row.iter().copied()).collect();
        named.sort_by(|a, b| b.1.total_cmp(&a.1));
        named.truncate(top.max(1));
        named
    };
    if images.is_empty() {
        return Ok(Vec::new());
    }
    Ok(classifier.probabilities(cpu, &inputs)?.chunks(classes.len()).map(named).collect())
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
