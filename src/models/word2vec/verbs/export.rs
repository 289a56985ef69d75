//! `tfm export word2vec`

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::super::experiment::Word2Vec;
use super::super::file::{self, Format};
use crate::models::Verb;
use crate::models::options::{CheckpointOption, OutputOptions, RunOption};
use crate::models::session::{Session, summary};

/// `tfm export word2vec`
pub const VERB: Verb =
    Verb { name: "export", about: "Writes a run's vectors for other programs", args, run };

#[derive(Args, Debug)]
struct ExportArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The format [default: from the extension of --out: .bin, .safetensors, else text]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The output file, or for tsv the folder [default: vectors.txt, .bin, .safetensors or projector
    /// in the run's folder]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Overwrites an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: OutputOptions,
}

const EXAMPLES: &str = "Examples:
  tfm export word2vec --run RUN --format bin --out vectors.bin
  python -c \"from gensim.models import KeyedVectors as K; \\
             print(K.load_word2vec_format('vectors.bin', binary=True).most_similar('one'))\"
  tfm export word2vec --run RUN --format tsv      for projector.tensorflow.org";

fn args(command: Command) -> Command {
    ExportArgs::augment_args(command).after_help(EXAMPLES)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = ExportArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let session = Session::<Word2Vec>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let ending = args.out.as_deref().and_then(Path::extension);
    ensure!(
        ending.is_none_or(|ending| !ending.eq_ignore_ascii_case("gz")),
        "vectors are written uncompressed: give --out a name without .gz, and compress the file afterwards"
    );
    ensure!(
        args.format.is_some() || ending.is_none_or(|ending| ending != "tsv"),
        "a .tsv file could be the words or the vectors of the projector: --format tsv writes both, \
        --format text a file in the common text format"
    );
    let format = args.format.unwrap_or_else(|| of_ending(args.out.as_deref()));
    let name = match format {
        Format::Text => "vectors.txt",
        Format::Bin => "vectors.bin",
        Format::Tsv => "projector",
        Format::Safetensors => "vectors.safetensors",
    };
    let out = args.out.unwrap_or_else(|| session.run.path().join(name));
    let vectors = session.trained.without_untrained(session.config.data.unk)?;
    let files = file::write(&vectors, format, &out, args.force)?;
    let text: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    let json = summary(&session.run, session.step, json!({ "files": text }));
    args.output.report(&json, text.join("\n"))
}

/// The format that a file's name asks for.
fn of_ending(out: Option<&Path>) -> Format {
    match out.and_then(Path::extension).and_then(OsStr::to_str) {
        Some("bin") => Format::Bin,
        Some("safetensors") => Format::Safetensors,
        _ => Format::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_chooses_the_format() {
        let of = |out: &str| of_ending(Some(Path::new(out)));
        assert!(matches!(of("a/v.bin"), Format::Bin));
        assert!(matches!(of("v.safetensors"), Format::Safetensors));
        assert!(matches!(of("v.vec"), Format::Text) && matches!(of_ending(None), Format::Text));
    }
}
