//! `tfm query inception`: the images nearest to a given one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};
use safetensors::SafeTensors;
use serde_json::json;

use super::super::ENTRY;
use super::super::options::GraphOptions;
use super::super::pictures::PictureGraph;
use super::super::retrain::graph_checksum;
use crate::data::graphdef::TensorName;
use crate::models::Verb;
use crate::models::options::{DeviceOptions, OutputOptions};
use crate::system::wording::plural;

/// `tfm query inception`
pub const VERB: Verb =
    Verb { name: "query", about: "Finds the images nearest to a given one", args, run };

#[derive(Args, Debug)]
struct QueryArgs {
    /// The image
    #[arg(value_name = "PICTURE", value_hint = ValueHint::FilePath)]
    picture: PathBuf,
    /// The file of features that tfm embed inception wrote, as safetensors
    #[arg(long, value_name = "FILE", default_value = "features.safetensors", value_hint = ValueHint::FilePath)]
    features: PathBuf,
    /// How many images to list
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    top: usize,
    #[command(flatten)]
    graph: GraphOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The score is the cosine similarity of the features: 1 for the same image.

Example:
  tfm embed inception --images photos --out photos.safetensors
  tfm query inception --features photos.safetensors photo.jpg";

fn args(command: Command) -> Command {
    QueryArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = QueryArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let known = Features::read(&args.features)?;
    let path = args.graph.path()?;
    let graph = graph_checksum(&path)?;
    // Files of older versions do not say it.
    ensure!(
        known.graph.as_ref().is_none_or(|of| *of == graph),
        "{} was computed with another graph than {}: name its graph with --graph, or rewrite it with \
        tfm embed",
        args.features.display(),
        path.display()
    );
    let (preprocessing, options) = (args.graph.preprocessing(), known.preprocessing.as_deref());
    ensure!(
        options.is_none_or(|of| of == preprocessing),
        "the images of {} were preprocessed with{}, this one with{}; use the same options",
        args.features.display(),
        in_words(options.unwrap_or_default()),
        in_words(&preprocessing)
    );
    let mut graph = PictureGraph::open(&args.graph, Some(&known.tensor))?;
    let mut wanted = None;
    graph.each(&cpu, std::slice::from_ref(&args.picture), 1, |(_, row)| {
        wanted = Some(row);
        Ok(true)
    })?;
    let wanted = wanted.context("nothing was computed")?;
    let wanted = wanted.with_context(|| args.picture.display().to_string())?;
    let nearest = known.nearest(&wanted, args.top)?;
    let rows = nearest.iter().map(|(name, cosine)| json!({ "file": name, "cosine": cosine }));
    let json =
        json!({ "picture": args.picture.to_string_lossy(), "nearest": rows.collect::<Vec<_>>() });
    let words = nearest.iter().map(|(name, cosine)| format!("{cosine:.4}  {name}"));
    args.output.report(&json, words.collect::<Vec<_>>().join("\n"))
}

/// The options, each after a blank, or a note that there were none.
fn in_words(options: &str) -> &str {
    if options.is_empty() { " no options" } else { options }
}

/// The features of images, as written by `tfm embed`.
struct Features {
    tensor: TensorName,
    /// The checksum of their graph.
    graph: Option<String>,
    /// The preprocessing options, as given to the command.
    preprocessing: Option<String>,
    files: Vec<String>,
    width: usize,
    values: Vec<f32>,
}

impl Features {
    fn read(path: &Path) -> Result<Self> {
        let place = path.display();
        let bytes = fs::read(path).with_context(|| format!("cannot read {place}"))?;
        let wrong = || format!("{place} is not a file of tfm embed inception --format safetensors");
        let (_, header) = SafeTensors::read_metadata(&bytes).with_context(wrong)?;
        let entry = |key: &str| header.metadata().as_ref().and_then(|all| all.get(key)).cloned();
        let files: Vec<String> =
            serde_json::from_str(&entry("files").with_context(wrong)?).with_context(wrong)?;
        let tensor = entry("tensor").with_context(wrong)?.parse()?;
        let tensors = SafeTensors::deserialize(&bytes).with_context(wrong)?;
        let features = tensors.tensor("features").with_context(wrong)?;
        let [rows, width] = *features.shape() else { return Err(anyhow::anyhow!(wrong())) };
        let is_whole = rows == files.len() && features.dtype() == safetensors::Dtype::F32;
        ensure!(is_whole && width > 0, wrong());
        let values = features.data().chunks_exact(4);
        let values =
            values.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let (graph, preprocessing) = (entry("graph"), entry("preprocessing"));
        Ok(Self { tensor, graph, preprocessing, files, width, values: values.collect() })
    }

    /// The images whose features are nearest to a row, the nearest first.
    fn nearest(&self, wanted: &[f32], count: usize) -> Result<Vec<(&str, f64)>> {
        ensure!(
            wanted.len() == self.width,
            "the graph gives {} {} for {}, but the file has {}: does it come from another graph?",
            wanted.len(),
            plural(wanted.len(), "value"),
            self.tensor,
            self.width
        );
        let rows = self.values.chunks_exact(self.width);
        let mut all: Vec<_> = self
            .files
            .iter()
            .map(String::as_str)
            .zip(rows.map(|row| cosine(row, wanted)))
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(count);
        Ok(all)
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}
