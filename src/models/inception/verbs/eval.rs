//! `tfm eval inception`: how often a graph is right.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};
use serde_json::{Value, json};

use super::super::ENTRY;
use super::super::labels::Labels;
use super::super::options::GraphOptions;
use super::super::pictures::{PictureGraph, named};
use super::super::scores::{Scored, top};
use crate::console;
use crate::models::Verb;
use crate::models::options::{DeviceOptions, OutputOptions};

/// `tfm eval inception`
pub const VERB: Verb = Verb {
    name: "eval",
    about: "Counts how often a graph is right on labelled pictures",
    args,
    run,
};

/// Classes that count as right for the top-5 accuracy.
const TOP: usize = 5;

#[derive(Args, Debug)]
struct EvalArgs {
    /// The folder of the pictures: in it a folder for each class
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    images: PathBuf,
    #[command(flatten)]
    graph: GraphOptions,
    /// Pictures that are computed at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    batch: usize,
    /// How many of the most frequent confusions and of the worst mistakes to list
    #[arg(long, value_name = "N", default_value_t = 10)]
    worst: usize,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "Each folder is called after its class: a WordNet id (n02510455), a name of the \
labels (giant_panda), or a number. Files that are no pictures are named and left out, and the exit \
code is 1.";

fn args(command: Command) -> Command {
    EvalArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = EvalArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let mut graph = PictureGraph::open(&args.graph, None)?;
    let mut labels = Labels::open(&args.graph)?;
    let folders = folders(&args.images)?;
    let pictures: Vec<PathBuf> = folders.values().flatten().cloned().collect();
    let mut results = Results::default();
    let mut unreadable = Vec::new();
    let (mut done, total) = (0, pictures.len() as u64);
    graph.each(&cpu, &pictures, args.batch, |(path, scores)| {
        done += 1;
        console::progress("pictures", done, total);
        match scores {
            Ok(scores) => {
                labels.fit(scores.len())?;
                results.add(path, labels.class_of(&folder_of(path), scores.len())?, &scores);
            }
            Err(error) => unreadable.push(format!("{}: {error:#}", path.display())),
        }
        Ok(true)
    })?;
    ensure!(!results.pictures.is_empty(), "no picture of {} can be read", args.images.display());
    let json = results.in_json(&labels, args.worst);
    args.output.report(&json, results.in_words(&labels, args.worst))?;
    match unreadable.as_slice() {
        [] => Ok(()),
        all => bail!("{} pictures were left out:\n  {}", all.len(), all.join("\n  ")),
    }
}

/// The pictures of each folder of a folder, by its name.
fn folders(dir: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let cannot = || format!("cannot list {}", dir.display());
    let mut folders = BTreeMap::new();
    for entry in fs::read_dir(dir).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            folders.insert(name, named(&[path])?);
        }
    }
    ensure!(
        !folders.is_empty(),
        "{} has no folders: it needs one for each class, with its pictures",
        dir.display()
    );
    Ok(folders)
}

/// The name of the folder that a picture is in.
fn folder_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

/// A picture with its class and what the graph said.
#[derive(Debug)]
struct Judged {
    path: PathBuf,
    class: usize,
    best: Vec<Scored>,
    /// The probability of its class.
    probability: f32,
}

/// What the graph said of all pictures.
#[derive(Debug, Default)]
struct Results {
    pictures: Vec<Judged>,
}

impl Results {
    fn add(&mut self, path: &Path, class: usize, scores: &[f32]) {
        let all = top(scores, scores.len());
        let probability =
            all.iter().find(|scored| scored.0 == class).map_or(0.0, |scored| scored.1);
        let best = all.into_iter().take(TOP).collect();
        self.pictures.push(Judged { path: path.to_owned(), class, best, probability });
    }

    /// The share of pictures whose class is among the `count` most probable.
    fn accuracy<'a>(pictures: impl Iterator<Item = &'a Judged>, count: usize) -> f64 {
        let (mut right, mut all) = (0, 0);
        for picture in pictures {
            all += 1;
            right +=
                usize::from(picture.best.iter().take(count).any(|best| best.0 == picture.class));
        }
        f64::from(right as u32) / f64::from(all.max(1) as u32)
    }

    /// Pairs of a class and another that it was taken for, the most frequent first.
    fn confusions(&self) -> Vec<((usize, usize), usize)> {
        let mut counts = BTreeMap::new();
        for picture in self.wrong() {
            *counts.entry((picture.class, picture.best[0].0)).or_insert(0) += 1;
        }
        let mut pairs: Vec<_> = counts.into_iter().collect();
        pairs.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        pairs
    }

    fn wrong(&self) -> impl Iterator<Item = &Judged> {
        self.pictures.iter().filter(|picture| picture.best[0].0 != picture.class)
    }

    /// The mistakes that the graph was surest of.
    fn worst(&self, count: usize) -> Vec<&Judged> {
        let mut wrong: Vec<_> = self.wrong().collect();
        wrong.sort_by(|a, b| b.best[0].1.total_cmp(&a.best[0].1));
        wrong.truncate(count);
        wrong
    }

    /// Pictures and accuracy of each class.
    fn classes(&self) -> Vec<(usize, usize, f64)> {
        let mut classes: Vec<usize> = self.pictures.iter().map(|picture| picture.class).collect();
        classes.sort_unstable();
        classes.dedup();
        let of = |class| {
            let own = || self.pictures.iter().filter(move |picture| picture.class == class);
            (class, own().count(), Self::accuracy(own(), 1))
        };
        classes.into_iter().map(of).collect()
    }

    fn in_words(&self, labels: &Labels, worst: usize) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (class, count, accuracy) in self.classes() {
            let _ =
                writeln!(text, "{:>6.1} % of {count:>4}  {}", 100.0 * accuracy, labels.name(class));
        }
        for ((class, other), count) in self.confusions().into_iter().take(worst) {
            let (class, other) = (labels.name(class), labels.name(other));
            let _ = writeln!(text, "{count} × {class} taken for {other}");
        }
        for picture in self.worst(worst) {
            let (other, probability) = picture.best[0];
            let path = picture.path.display();
            let _ = writeln!(
                text,
                "{path}: {} at {probability:.3}, its own class at {:.3}",
                labels.name(other),
                picture.probability
            );
        }
        let accuracy = |count| 100.0 * Self::accuracy(self.pictures.iter(), count);
        let _ = write!(
            text,
            "{} pictures: top-1 accuracy {:.2} %, top-{TOP} accuracy {:.2} %",
            self.pictures.len(),
            accuracy(1),
            accuracy(TOP)
        );
        text
    }

    fn in_json(&self, labels: &Labels, worst: usize) -> Value {
        let classes = self.classes().into_iter().map(|(class, pictures, accuracy)| {
            json!({ "class": class, "label": labels.name(class), "pictures": pictures, "top_1": accuracy })
        });
        let confusions = self.confusions().into_iter().map(|((class, other), count)| {
            json!({ "class": class, "taken_for": other, "pictures": count })
        });
        let mistakes = self.worst(worst).into_iter().map(|picture| {
            let (other, score) = picture.best[0];
            json!({
                "file": picture.path.to_string_lossy(),
                "class": picture.class,
                "taken_for": other,
                "score": score,
                "score_of_class": picture.probability,
            })
        });
        json!({
            "model": ENTRY.name,
            "pictures": self.pictures.len(),
            "top_1": Self::accuracy(self.pictures.iter(), 1),
            "top_5": Self::accuracy(self.pictures.iter(), TOP),
            "classes": classes.collect::<Vec<_>>(),
            "confusions": confusions.take(worst).collect::<Vec<_>>(),
            "worst": mistakes.collect::<Vec<_>>(),
        })
    }
}
