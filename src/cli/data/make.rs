//! `tfm data make …`: the data sets that are generated.

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use crate::data::{grammar, synthetic_pairs};
use crate::models::inception::demo;
use crate::models::options::{DataOptions, OutputOptions};
use crate::system::wording::plural;

const GRAMMAR: &str = "grammar";
const TRANSLATION: &str = "translation";
const INCEPTION_DEMO: &str = "inception-demo";

/// The options of every generator.
#[derive(Args, Debug)]
struct Generator {
    /// The seed; the same seed always gives the same data
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// The output folder [default: a folder named after the set, in the data folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Overwrites existing files
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

impl Generator {
    /// The folder for the files of the set `name`.
    fn folder(&self, name: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| self.data.data_dir.join(name))
    }
}

#[derive(Args, Debug)]
struct Grammar {
    /// Words of the training text, counting each end of line
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    words: u32,

    #[command(flatten)]
    generator: Generator,
}

#[derive(Args, Debug)]
struct Translation {
    /// Sentence pairs of the training text
    #[arg(long, value_name = "N", default_value_t = 40_000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000_000))]
    pairs: usize,

    #[command(flatten)]
    generator: Generator,
}

#[derive(Args, Debug)]
struct InceptionDemo {
    /// Images per class
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pictures: usize,

    #[command(flatten)]
    generator: Generator,
}

/// A command for each set.
pub(super) fn commands() -> [Command; 3] {
    let grammar = Grammar::augment_args(Command::new(GRAMMAR))
        .about("English-like text with a known perplexity")
        .long_about(
            "Writes English-like text from a probabilistic grammar: grammar.train.txt, and \
            grammar.valid.txt and grammar.test.txt, each a twelfth of its size. Prints the \
            perplexity of the grammar itself, which models cannot beat on enough text.",
        )
        .after_long_help("Example:\n  tfm data make grammar --words 200000");
    let inception_demo = InceptionDemo::augment_args(Command::new(INCEPTION_DEMO))
        .about("A frozen graph in the style of 2015, and images")
        .long_about(
            "Writes a small frozen TensorFlow graph with the node types of the Inception-v3 of \
            2015, its labels, and images of the patterns that it classifies, one folder per class.",
        )
        .after_long_help(
            "Example:\n  tfm data make inception-demo --out demo\n  \
             tfm eval inception --graph demo/classify_image_graph_def.pb --images demo/pictures",
        );
    let translation = Translation::augment_args(Command::new(TRANSLATION))
        .about("English and an invented language")
        .long_about(
            "Writes English sentences and their translations into an invented language; every \
            sentence has exactly one translation. The files are train.src and train.tgt, and dev.* \
            and test.*, each a twentieth of their size but 200 to 2,000 pairs. No two of these \
            texts share a sentence.",
        )
        .after_long_help("Example:\n  tfm data make translation --pairs 20000");
    [grammar, inception_demo, translation]
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some((GRAMMAR, matches)) => make_grammar(&Grammar::from_arg_matches(matches)?),
        Some((TRANSLATION, matches)) => make_translation(&Translation::from_arg_matches(matches)?),
        Some((_, matches)) => make_inception_demo(&InceptionDemo::from_arg_matches(matches)?),
        // One of them is required.
        None => Ok(()),
    }
}

fn make_grammar(Grammar { words, generator }: &Grammar) -> Result<()> {
    let Generator { seed, force, output, .. } = generator;
    output.init_logging();
    let folder = generator.folder(GRAMMAR);
    let (mut lines, mut files) = (Vec::new(), Vec::new());
    for file in grammar::write_splits(&folder, *words as usize, *seed, *force)? {
        let (path, tokens, perplexity) =
            (&file.path, file.measure.tokens, file.measure.perplexity());
        lines.push(format!("{}: {tokens} words, perplexity {perplexity:.2}", path.display()));
        files.push(json!({
            "split": file.split.name(),
            "path": path.to_string_lossy(),
            "tokens": tokens,
            "perplexity": perplexity,
        }));
    }
    let json = json!({
        "folder": folder.to_string_lossy(), "words": words, "seed": seed, "files": files,
    });
    output.report(&json, lines.join("\n"))
}

fn make_translation(Translation { pairs, generator }: &Translation) -> Result<()> {
    let Generator { seed, force, output, .. } = generator;
    output.init_logging();
    let folder = generator.folder(TRANSLATION);
    let (mut lines, mut files) = (Vec::new(), Vec::new());
    for file in synthetic_pairs::write_splits(&folder, *pairs, *seed, *force)? {
        let (source, target, pairs) = (&file.source, &file.target, file.pairs);
        let noun = plural(pairs, "pair");
        lines.push(format!("{} and {}: {pairs} {noun}", source.display(), target.display()));
        files.push(json!({
            "split": file.split.name(),
            "source": source.to_string_lossy(),
            "target": target.to_string_lossy(),
            "pairs": pairs,
        }));
    }
    let json = json!({ "folder": folder.to_string_lossy(), "seed": seed, "files": files });
    output.report(&json, lines.join("\n"))
}

fn make_inception_demo(InceptionDemo { pictures, generator }: &InceptionDemo) -> Result<()> {
    let Generator { seed, force, output, .. } = generator;
    output.init_logging();
    let folder = generator.folder(INCEPTION_DEMO);
    let demo = demo::write(&folder, *pictures, *seed, *force)?;
    let json = json!({
        "graph": demo.graph.to_string_lossy(),
        "pictures": demo.pictures.to_string_lossy(),
        "count": demo.count,
        "seed": seed,
    });
    let (graph, pictures) = (demo.graph.display(), demo.pictures.display());
    output.report(&json, format!("{graph} and {} images in {pictures}", demo.count))
}
