//! `tfm plot word2vec`: the curves of runs as for every model, or a map of a run's words.

use std::num::NonZeroUsize;

use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command, FromArgMatches, value_parser};
use serde_json::json;

use super::super::ENTRY;
use super::super::experiment::Word2Vec;
use super::super::map;
use crate::atomic;
use crate::checkpoint::Selector;
use crate::console;
use crate::metrics::picture::{write_map_png, write_map_svg};
use crate::models::Verb;
use crate::models::options::DeviceOptions;
use crate::models::session::{Session, summary};
use crate::models::verbs::plot::{self, Plot};
use crate::system::wording::{by_number, counted};

/// `tfm plot word2vec`
pub const VERB: Verb =
    Verb { name: "plot", about: "Plots the curves of runs, or a map of a run's words", args, run };

fn args(command: Command) -> Command {
    let words = Arg::new("words")
        .long("words")
        .value_name("N")
        .value_parser(value_parser!(NonZeroUsize))
        .help("Plots a t-SNE map of the N most frequent words instead");
    plot::args(command.arg(words))
}

fn run(matches: &ArgMatches) -> Result<()> {
    let Some(words) = matches.get_one::<NonZeroUsize>("words") else {
        return plot::run(&ENTRY, matches);
    };
    let plot = Plot::from_arg_matches(matches)?;
    plot.output.init_logging();
    let [run] = &plot.runs[..] else { bail!("a map shows only one run; give --run once") };
    let files = ["words.png", "words.svg"].map(|name| plot.folder().join(name));
    plot.check_replaced(&files)?;
    let cpu = DeviceOptions::default().cpu(ENTRY.name)?;
    let session = Session::<Word2Vec>::open(run, Selector::Last)?;
    let seed = session.config.seed;
    let unit = session.trained.without_untrained(session.config.data.unk)?.into_unit();
    let what = format!("placing {}", counted(words.get(), "word"));
    let places = console::busy(&what, || map::tsne(&cpu, &unit, words.get(), seed))?;
    let title = format!("{} words of {}", places.len(), run.display());
    atomic::create_folder(&plot.folder())?;
    let undrawable = write_map_png(&files[0], &title, &places)?;
    write_map_svg(&files[1], &title, &places)?;
    if undrawable > 0 {
        tracing::warn!(
            "{undrawable} of {} words {} letters that {} cannot show; {} has them",
            places.len(),
            by_number(undrawable, "has", "have"),
            files[0].display(),
            files[1].display()
        );
    }
    let text: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    let json = json!({ "files": text, "undrawable": undrawable });
    plot.output.report(&summary(&session.run, session.step, json), text.join("\n"))
}
