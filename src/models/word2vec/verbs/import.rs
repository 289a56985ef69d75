//! `tfm import word2vec`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Result, bail};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, json};

use super::super::ENTRY;
use super::super::config::Word2VecConfig;
use super::super::file::{self, Format, ImportOptions, Imported};
use super::super::skip_gram::vectors_name;
use crate::atomic;
use crate::checkpoint::{self, Meta, Retention};
use crate::config::{Config, Invalid, to_toml};
use crate::data::vocabulary::Vocabulary;
use crate::models::Verb;
use crate::models::options::OutputOptions;
use crate::models::session::{VOCABULARY, summary};
use crate::ops::Isa;
use crate::run::{self, Manifest, Provenance, RunDir};
use crate::system::wording::counted;
use crate::train::TrainState;
use crate::version::{GIT_REVISION, GIT_TREE, VERSION};

/// `tfm import word2vec`
pub const VERB: Verb =
    Verb { name: "import", about: "Creates a run from a file of vectors", args, run };

#[derive(Args, Debug)]
struct ImportArgs {
    /// A file in word2vec's text or binary format or GloVe's format, also as .gz, or an exported file
    file: PathBuf,
    /// The format [default: detected from the file]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Reads only the first N words, usually the most frequent ones
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Treats a malformed line or a repeated word as an error instead of skipping it
    #[arg(long)]
    strict: bool,
    /// The folder of the new run [default: runs/word2vec-<file>-<time>]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOptions,
}

const EXAMPLES: &str = "Examples:
  tfm import word2vec GoogleNews-vectors-negative300.bin.gz --run-dir google
  tfm query word2vec --run google nearby king
  tfm train word2vec --init-from google --set network.embedding_size=300 --set data.train=text.txt";

fn args(command: Command) -> Command {
    ImportArgs::augment_args(command).after_help(EXAMPLES)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = ImportArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let options = ImportOptions { format: args.format, limit: args.limit, strict: args.strict };
    let Imported { vectors, words, warnings } = file::read(&args.file, options)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let (width, vocabulary) = (vectors.width(), Arc::clone(vectors.vocabulary()));
    let mut config = Word2VecConfig::default();
    config.network.embedding_size = width;
    if let Err(Invalid { rule, .. }) = config.validate() {
        bail!("{} has vectors of {width} dimensions: this {rule}", args.file.display());
    }
    let manifest = manifest(&args.file, &vocabulary, config.seed)?;
    let text = vocabulary.to_counted_text();
    let files = [(VOCABULARY, text.as_bytes())];
    let toml = to_toml(&config)?;
    // The rows themselves: a copy of them would be as large.
    let rows = bytemuck::cast_slice(vectors.rows());
    let tensor = TensorView::new(Dtype::F32, vec![vocabulary.len(), width], rows)?;
    let mut meta = Meta::new(ENTRY.name, 0);
    meta.state = TrainState { finished: true, ..TrainState::default() }.to_state(Map::new());
    let name = vectors_name(config.train.algorithm).to_string();
    let path = run::folder(args.run_dir.as_deref(), &manifest)?;
    let run = RunDir::create(&path, &manifest, &toml, &files, |run| {
        let (dir, keep) = (run.checkpoints_dir(), Retention { last: 1 });
        atomic::create_folder(&dir)?;
        checkpoint::save(&dir, &meta, [(name, tensor)], keep, false).map(drop)
    })?;
    let metrics = json!({ "words": words, "width": width });
    let [in_words, long] =
        [(words, "word"), (width, "dimension")].map(|(n, what)| counted(n, what));
    let text = format!("{in_words} of {long}: {}", run.path().display());
    args.output.report(&summary(&run, 0, metrics), text)
}

fn manifest(path: &Path, vocabulary: &Vocabulary, seed: u64) -> Result<Manifest> {
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.split('.').next().unwrap_or_default();
    Ok(Manifest {
        format: run::FORMAT,
        model: ENTRY.name.to_string(),
        preset: format!("{}-{stem}", ENTRY.name),
        version: VERSION.to_string(),
        git_revision: GIT_REVISION.to_string(),
        device: "cpu".to_string(),
        isa: Isa::from_environment()?.name().to_string(),
        threads: 1,
        seed,
        init_from: String::new(),
        data: format!("{}, imported from {}", vocabulary.fingerprint(), path.display()),
        started: run::rfc3339(SystemTime::now()),
        command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        provenance: Provenance::of_process(GIT_TREE, None),
    })
}
