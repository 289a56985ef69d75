//! `tfm data make inception-demo`: a frozen graph and pictures that it tells apart.

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use crate::models::inception::demo;
use crate::models::options::{DataOptions, OutputOptions};

pub(super) const NAME: &str = "inception-demo";

#[derive(Args, Debug)]
struct Demo {
    /// Pictures of each class
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pictures: usize,

    /// The seed: the same one always gives the same pictures
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// The folder for the files [default: inception-demo in the folder of the data sets]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replaces files that exist
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn command() -> Command {
    let command = Demo::augment_args(Command::new(NAME));
    let command = command.about("A frozen graph of the kind of 2015, and pictures").long_about(
        "Writes a small frozen TensorFlow graph with the nodes of the Inception-v3 of 2015, its \
         labels, and pictures of the patterns that it tells apart, a folder for each class.",
    );
    command.after_long_help(
        "Example:\n  tfm data make inception-demo --out demo\n  \
         tfm eval inception --graph demo/classify_image_graph_def.pb --images demo/pictures",
    )
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let Demo { pictures, seed, out, force, data, output } = Demo::from_arg_matches(matches)?;
    output.init_logging();
    let folder = out.unwrap_or_else(|| data.data_dir.join(NAME));
    let demo = demo::write(&folder, pictures, seed, force)?;
    let json = json!({
        "graph": demo.graph.to_string_lossy(),
        "pictures": demo.pictures.to_string_lossy(),
        "count": demo.count,
        "seed": seed,
    });
    let text = format!(
        "{} and {} pictures in {}",
        demo.graph.display(),
        demo.count,
        demo.pictures.display()
    );
    output.report(&json, text)
}
