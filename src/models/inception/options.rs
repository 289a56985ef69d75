//! The options that say which graph is used, and how.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint};

use super::feeds::Given;
use crate::data::fetch::{HubFile, local_file};
use crate::data::graphdef::TensorName;
use crate::data::jpeg::Dct;
use crate::models::options::DataOptions;
use crate::system::shell::quoted;

/// The graph that the reference downloads, inside the data folder.
const GRAPH_OF_2015: &str = "inception/classify_image_graph_def.pb";

/// `--graph` and what belongs to it.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub struct GraphOptions {
    /// A frozen TensorFlow graph [default: inception/classify_image_graph_def.pb of the data folder]
    ///
    /// A file, or hf:OWNER/REPO[@REVISION]/FILE for a file on the Hugging Face Hub.
    /// `tfm data fetch inception` downloads the default, the Inception-v3 of 2015.
    #[arg(long, value_name = "FILE.pb", value_hint = ValueHint::FilePath)]
    pub graph: Option<PathBuf>,

    /// A file with the class names [default: found next to the graph]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub labels: Option<PathBuf>,

    /// The tensor that images are fed to [default: the decoder's input, else the placeholder]
    #[arg(long, value_name = "TENSOR")]
    pub input: Option<TensorName>,

    /// The tensor to compute [default: the last softmax]
    #[arg(long, value_name = "TENSOR")]
    pub output: Option<TensorName>,

    /// Feeds another tensor: a number, true or false, or several separated by commas
    ///
    /// Graphs frozen with a placeholder for the training phase need it: --feed phase_train=false.
    #[arg(long, value_name = "TENSOR=VALUE")]
    pub feed: Vec<Given>,

    /// The size of the graph's input images
    #[arg(long, value_name = "N|HEIGHTxWIDTH", value_parser = size)]
    pub size: Option<[usize; 2]>,

    /// Mean subtracted from the pixels (range 0–255): one number, or one per channel
    #[arg(long, value_name = "M|R,G,B", value_parser = mean, allow_hyphen_values = true)]
    pub mean: Option<[f32; 3]>,

    /// Scale applied after subtracting the mean
    #[arg(long, value_name = "FACTOR", value_parser = factor, allow_hyphen_values = true)]
    pub scale: Option<f32>,

    /// Central crop: the fraction of an image's height and width that is kept
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    pub crop: f32,

    /// Inverse DCT for JPEG files [default: the graph's own, else fast]
    ///
    /// fast matches TensorFlow's default bit for bit.
    #[arg(long, value_name = "fast|accurate", value_parser = dct())]
    pub decode: Option<Dct>,

    /// Applies the Exif orientation of photographs, which TensorFlow ignores
    #[arg(long)]
    pub exif: bool,

    /// The data folder, which has the default graph.
    #[command(flatten)]
    pub data: DataOptions,
}

impl GraphOptions {
    /// The options of a graph alone.
    pub fn of(graph: &Path) -> Self {
        Self {
            graph: Some(graph.to_owned()),
            labels: None,
            input: None,
            output: None,
            feed: Vec::new(),
            size: None,
            mean: None,
            scale: None,
            crop: 1.0,
            decode: None,
            exif: false,
            data: DataOptions { data_dir: PathBuf::new() },
        }
    }

    /// The options of a graph alone, or of the default graph in the data folder.
    pub fn at(graph: Option<PathBuf>, data_dir: &Path) -> Self {
        let data = DataOptions { data_dir: data_dir.to_owned() };
        Self { graph, data, ..Self::of(Path::new("")) }
    }

    /// The file of the graph.
    ///
    /// # Errors
    /// None is given and the default is missing, or a file on the Hugging Face Hub is not available.
    pub fn path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.graph {
            return local_path(path);
        }
        default_graph(&self.data.data_dir)
    }

    /// The preprocessing as command-line options, each after a blank.
    pub fn preprocessing(&self) -> String {
        let numbers = |of: &[f32; 3]| of.map(|number| number.to_string()).join(",");
        let given = [
            self.input.as_ref().map(|input| format!("--input {}", quoted(input.to_string()))),
            self.size.map(|[height, width]| format!("--size {height}x{width}")),
            self.mean.map(|mean| format!("--mean {}", numbers(&mean))),
            self.scale.map(|scale| format!("--scale {scale}")),
            (self.crop != 1.0).then(|| format!("--crop {}", self.crop)),
            self.decode.map(|dct| {
                let name = if dct == Dct::Fast { "fast" } else { "accurate" };
                format!("--decode {name}")
            }),
            self.exif.then(|| "--exif".to_owned()),
        ];
        let feeds = self.feed.iter().map(|given| format!("--feed {}", quoted(given.to_string())));
        let all = given.into_iter().flatten().chain(feeds);
        all.map(|option| format!(" {option}")).collect()
    }

    /// The folder of the data sets.
    pub fn data_dir(&self) -> &Path {
        &self.data.data_dir
    }
}

/// The graph that `tfm data fetch inception` downloads.
///
/// # Errors
/// It is not there.
pub fn default_graph(data_dir: &Path) -> Result<PathBuf> {
    let default = data_dir.join(GRAPH_OF_2015);
    ensure!(
        default.exists(),
        "there is no {}: fetch it with \"tfm data fetch inception\", or name a graph with --graph \
         (in a config: data.graph)",
        default.display()
    );
    Ok(default)
}

/// A local file, or one on the Hugging Face Hub, which is downloaded unless it is in the cache.
pub fn local_path(path: &Path) -> Result<PathBuf> {
    match path.to_str() {
        Some(text) if HubFile::is_meant(text) => local_file(text, &mut |_| ()),
        _ => Ok(path.to_owned()),
    }
}

/// The largest side that images can be resized to.
pub(super) const MAX_SIDE: usize = 8192;

fn size(text: &str) -> Result<[usize; 2]> {
    let sides = text.split_once('x').unwrap_or((text, text));
    match (sides.0.parse(), sides.1.parse()) {
        (Ok(height), Ok(width)) if [height, width].iter().all(|s| (1..=MAX_SIDE).contains(s)) => {
            Ok([height, width])
        }
        _ => bail!("give a side from 1 to {MAX_SIDE}, or HEIGHTxWIDTH"),
    }
}

fn mean(text: &str) -> Result<[f32; 3]> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(str::parse).collect();
    match numbers.as_deref() {
        Ok([one]) => Ok([*one; 3]),
        Ok([red, green, blue]) => Ok([*red, *green, *blue]),
        _ => bail!("give one number, or three separated by commas"),
    }
}

fn factor(text: &str) -> Result<f32> {
    match text.parse::<f32>() {
        Ok(factor) if factor.is_normal() => Ok(factor),
        _ => bail!("give a number other than 0"),
    }
}

fn share(text: &str) -> Result<f32> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => bail!("give a fraction above 0 and at most 1"),
    }
}

fn dct() -> impl TypedValueParser<Value = Dct> {
    let parse = |name: String| if name == "fast" { Dct::Fast } else { Dct::Accurate };
    PossibleValuesParser::new(["fast", "accurate"]).map(parse)
}
