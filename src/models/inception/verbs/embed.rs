//! `tfm embed inception`: a row of features for each image.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum, ValueHint};
use serde_json::json;

use super::super::ENTRY;
use super::super::options::GraphOptions;
use super::super::pictures::{PictureGraph, Tally, ensure_none_left_out, named};
use super::super::retrain::{features_of, graph_checksum};
use crate::atomic;
use crate::data::graphdef::{FrozenGraph, TensorName};
use crate::models::Verb;
use crate::models::options::{DeviceOptions, OutputOptions};
use crate::run;
use crate::system::wording::plural;

/// `tfm embed inception`
pub const VERB: Verb =
    Verb { name: "embed", about: "Writes the features of images, one row each", args, run };

/// A file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// `features` (images, values), with the file names in the header
    Safetensors,
    /// Tab-separated numbers, with NAME.names.tsv next to NAME.tsv, for the TensorFlow projector
    Tsv,
    /// A numpy array, with NAME.names.txt next to NAME.npy, one name per line
    Npy,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Tsv => "tsv",
            Self::Npy => "npy",
        }
    }

    /// The one whose ending a file has.
    fn of(file: &Path) -> Option<Self> {
        let ending = file.extension()?;
        Self::value_variants().iter().copied().find(|format| ending == format.ending())
    }
}

#[derive(Args, Debug)]
struct EmbedArgs {
    /// Images, folders of images, quoted glob patterns, or - for a list on standard input
    #[arg(long, required = true, num_args = 1.., value_name = "DIR|FILE", value_hint = ValueHint::AnyPath)]
    images: Vec<PathBuf>,
    /// The file to write [default: features.FORMAT]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// The format [default: from the extension of FILE, else safetensors]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Overwrites an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    graph: GraphOptions,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    batch: usize,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The features are the input of the last layer: pool_3:0 in the Inception-v3 of 2015, \
2,048 values; --output names any other tensor. Rows are in the order of the images. An \
image that cannot be read is reported and skipped, and the exit code is 1.";

fn args(command: Command) -> Command {
    EmbedArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = EmbedArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let format = args.format.or_else(|| Format::of(args.out.as_deref()?));
    let format = format.unwrap_or(Format::Safetensors);
    let default = || format!("features.{}", format.ending()).into();
    let out = args.out.clone().unwrap_or_else(default);
    let all = [Some(out.clone()), names_file(&out, format)];
    // A file that cannot be written is refused before all is computed.
    for file in all.iter().flatten() {
        run::check_output(file, args.force)?;
        atomic::expect_plain(file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        ensure!(
            folder.is_none_or(Path::is_dir),
            "{} is in a folder that does not exist: make the folder, or name another file in --out",
            file.display()
        );
    }
    let output = match &args.graph.output {
        Some(output) => output.clone(),
        None => features_of(&FrozenGraph::open(&args.graph.path()?)?)
            .context("--output names the tensor to write")?,
    };
    let mut graph = PictureGraph::open(&args.graph, Some(&output))?;
    let pictures = named(&args.images)?;
    let (mut rows, mut names, mut tally) = (Vec::new(), Vec::new(), Tally::of(&pictures));
    graph.each(&cpu, &pictures, args.batch, |computed| {
        let path = computed.0;
        if let Some(row) = tally.row(computed) {
            rows.push(row);
            names.push(path.to_string_lossy().into_owned());
        }
        Ok(true)
    })?;
    let unreadable = tally.end();
    let width = rows.first().map_or(0, Vec::len);
    ensure!(!rows.is_empty(), "no image could be read:\n  {}", unreadable.join("\n  "));
    ensure!(rows.iter().all(|row| row.len() == width), "the rows of the images differ in length");
    let graph = graph_checksum(&args.graph.path()?)?;
    let source = Source { tensor: &output, graph, preprocessing: args.graph.preprocessing() };
    write(&out, format, &source, &rows, &names)?;
    let json = json!({
        "model": ENTRY.name,
        "file": out.to_string_lossy(),
        "tensor": output.to_string(),
        "pictures": rows.len(),
        "values": width,
    });
    let words = format!(
        "{}: {} {} of {width} {} ({output})",
        out.display(),
        rows.len(),
        plural(rows.len(), "row"),
        plural(width, "value")
    );
    args.output.report(&json, words)?;
    ensure_none_left_out(&unreadable)
}

/// The file of names that belongs to a file of rows.
fn names_file(out: &Path, format: Format) -> Option<PathBuf> {
    let ending = match format {
        Format::Safetensors => return None,
        Format::Tsv => "names.tsv",
        Format::Npy => "names.txt",
    };
    Some(out.with_extension(ending))
}

/// The source of the rows.
struct Source<'a> {
    tensor: &'a TensorName,
    /// The checksum of the graph.
    graph: String,
    /// The preprocessing options.
    preprocessing: String,
}

fn write(
    out: &Path,
    format: Format,
    source: &Source,
    rows: &[Vec<f32>],
    names: &[String],
) -> Result<()> {
    let bytes = match format {
        Format::Safetensors => in_safetensors(source, rows, names)?,
        Format::Tsv => in_tsv(rows),
        Format::Npy => in_npy(rows),
    };
    atomic::write(out, &bytes)?;
    match names_file(out, format) {
        Some(file) => {
            // A name must stay on one line, whatever it contains.
            let line = |name: &String| {
                let name = name.replace('\\', r"\\").replace('\n', r"\n").replace('\t', r"\t");
                name.replace('\r', r"\r") + "\n"
            };
            let lines: String = names.iter().map(line).collect();
            atomic::write(&file, lines.as_bytes())
        }
        None => Ok(()),
    }
}

fn little_endian(rows: &[Vec<f32>]) -> Vec<u8> {
    rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect()
}

fn in_safetensors(source: &Source, rows: &[Vec<f32>], names: &[String]) -> Result<Vec<u8>> {
    let bytes = little_endian(rows);
    let shape = vec![rows.len(), rows[0].len()];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes)?;
    let names = serde_json::to_string(names)?;
    let metadata = std::collections::HashMap::from([
        ("files".to_owned(), names),
        ("tensor".to_owned(), source.tensor.to_string()),
        ("graph".to_owned(), source.graph.clone()),
        ("preprocessing".to_owned(), source.preprocessing.clone()),
    ]);
    Ok(safetensors::serialize([("features", view)], Some(metadata))?)
}

fn in_tsv(rows: &[Vec<f32>]) -> Vec<u8> {
    let line = |row: &Vec<f32>| {
        let values: Vec<_> = row.iter().map(f32::to_string).collect();
        values.join("\t") + "\n"
    };
    rows.iter().map(line).collect::<String>().into_bytes()
}

/// Version 1.0 of numpy's format: a header whose length makes the values start at a multiple of 64.
fn in_npy(rows: &[Vec<f32>]) -> Vec<u8> {
    let (count, width) = (rows.len(), rows[0].len());
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, {width}), }}");
    let before = b"\x93NUMPY\x01\x00".len() + 2;
    let len = (before + header.len() + 1).next_multiple_of(64) - before;
    header += &" ".repeat(len - header.len() - 1);
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((len as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(little_endian(rows));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// import io, numpy as np
    /// b = io.BytesIO(); np.save(b, np.array([[1, 2, 3]], "f")); print(len(b.getvalue()), b.getvalue()[:75])
    /// ```
    #[test]
    fn arrays_are_numpy_s() {
        let bytes = in_npy(&[vec![1.0, 2.0, 3.0]]);
        assert_eq!(bytes.len(), 140);
        let start =
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }   ";
        assert_eq!(&bytes[..start.len()], start);
        assert_eq!(bytes[127], b'\n');
    }
}
