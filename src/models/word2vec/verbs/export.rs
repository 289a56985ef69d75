//! `tfm export word2vec`

use std::path::PathBuf;

use anyhow::Result;
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
    /// The format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The file, for tsv the folder [default: vectors.txt, .bin, .safetensors or projector in the
    /// run's folder]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Takes the place of a file that is there
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
    let name = match args.format {
        Format::Text => "vectors.txt",
        Format::Bin => "vectors.bin",
        Format::Tsv => "projector",
        Format::Safetensors => "vectors.safetensors",
    };
    let out = args.out.unwrap_or_else(|| session.run.path().join(name));
    let vectors = session.trained.without_untrained(session.config.data.unk)?;
    let files = file::write(&vectors, args.format, &out, args.force)?;
    let text: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    let json = summary(&session.run, session.step, json!({ "files": text }));
    args.output.report(&json, text.join("\n"))
}
