//! `tfm data list|fetch|verify|make`: the data sets' files.

mod make;
mod progress;

use anyhow::{Result, bail, ensure};
use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::{Fixed, Registry};
use crate::console;
use crate::data::fetch::{self, DataSet, FetchOptions, FileCheck, FileState, Presence, sets};
use crate::models::options::{DataOptions, OutputOptions};
use crate::system::wording::{by_number, counted};
use progress::Progress;

pub(super) const FIXED: Fixed = Fixed { command, run };

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args, Debug)]
#[command(after_long_help = FETCH_EXAMPLES)]
struct Fetch {
    /// The data sets; `tfm data list` lists them
    #[arg(value_name = "SET", required = true, value_parser = sets_parser())]
    sets: Vec<String>,

    /// Downloads from here instead of the default addresses
    ///
    /// An archive or a folder on this machine, the http(s) address of an archive or, ending with a
    /// slash, of the single files, or `hf:OWNER/REPO[@REVISION]/FILE`: an archive or one of the files
    /// on the Hugging Face Hub. Checksums must still match. For a set of two archives, run the command
    /// once per archive.
    #[arg(long, value_name = "FILE|URL|hf:…")]
    from: Option<String>,

    /// Replaces existing files whose contents differ
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const FETCH_EXAMPLES: &str = "Examples:\n  tfm data fetch ptb\n  \
     tfm data fetch text8 word2vec-eval\n  \
     tfm data fetch ptb --from ~/Downloads/simple-examples.tgz\n  \
     HF_TOKEN=hf_… tfm data fetch inception --from hf:me/models/classify_image_graph_def.pb";

#[derive(Args, Debug)]
#[command(after_long_help = "Exits with code 1 if a file is wrong or missing.")]
struct Verify {
    /// The data sets [default: those with any file in the data folder]
    #[arg(value_name = "SET", value_parser = sets_parser())]
    sets: Vec<String>,

    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

fn command() -> Command {
    let list = List::augment_args(Command::new("list"))
        .about("Lists the data sets and which of them are downloaded");
    let fetch = Fetch::augment_args(Command::new("fetch"))
        .about("Downloads a data set and checks its files");
    let verify = Verify::augment_args(Command::new("verify"))
        .about("Checks the data sets' files against their checksums");
    let group = |name: &'static str, about: &'static str| {
        let group = Command::new(name).about(about).subcommand_required(true);
        group.arg_required_else_help(true).disable_help_subcommand(true)
    };
    let make = group("make", "Generates a data set");
    let make = make.subcommands(make::commands());
    group("data", "Lists, downloads, checks and generates data sets")
        .subcommands([list, fetch, verify, make])
}

/// The names of the data sets.
fn sets_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(sets().iter().map(|set| &*set.name))
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("list", matches)) => list(&List::from_arg_matches(matches)?),
        Some(("fetch", matches)) => fetch(Fetch::from_arg_matches(matches)?),
        Some(("verify", matches)) => verify(&Verify::from_arg_matches(matches)?),
        Some(("make", matches)) => make::run(matches),
        _ => Ok(()),
    }
}

fn list(args: &List) -> Result<()> {
    args.output.init_logging();
    let (mut lines, mut listed) = (Vec::new(), Vec::new());
    for status in fetch::list(&args.data.data_dir) {
        let (set, path, presence) = (status.set, &status.path, status.presence.as_str());
        let DataSet { name, about, terms, .. } = set;
        lines.push(format!("{name:<14} {presence:<8} {}\n{:24}{about}", path.display(), ""));
        listed.push(json!({
            "name": name,
            "about": about,
            "terms": terms,
            "presence": presence,
            "path": path.to_string_lossy(),
            "bytes": status.bytes,
        }));
    }
    let json = json!({ "data_dir": args.data.data_dir.to_string_lossy(), "sets": listed });
    args.output.report(&json, lines.join("\n"))
}

fn fetch(args: Fetch) -> Result<()> {
    let Fetch { sets, from, force, data, output } = args;
    output.init_logging();
    let sets = sets.iter().map(|set| fetch::find(set)).collect::<Result<Vec<_>>>()?;
    ensure!(from.is_none() || sets.len() == 1, "--from is the source of a single set; name one");
    let options = FetchOptions { from, force };
    for set in sets {
        let mut progress = Progress::new(output.quiet);
        let report = fetch::fetch(set, &data.data_dir, &options, &mut |event| progress.show(event));
        console::clear();
        let report = report?;
        let placed = report.placed.iter().map(|path| format!("fetched  {}", path.display()));
        let there = report.already_there.iter().map(|path| format!("there    {}", path.display()));
        let made = report.made.iter().map(|path| format!("made     {}", path.display()));
        let json = json!({
            "set": set.name,
            "folder": report.folder.to_string_lossy(),
            "placed": console::paths(&report.placed),
            "already_there": console::paths(&report.already_there),
            "made": console::paths(&report.made),
            "source": report.source,
        });
        output.report(&json, placed.chain(there).chain(made).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(())
}

fn verify(args: &Verify) -> Result<()> {
    args.output.init_logging();
    let data_dir = &args.data.data_dir;
    // Without an option and a variable nothing says that there are data.
    let is_named = data_dir.as_os_str() != "data" && args.sets.is_empty();
    ensure!(!is_named || data_dir.is_dir(), "there is no data folder {}", data_dir.display());
    let sets: Vec<&'static DataSet> = if args.sets.is_empty() {
        let statuses = fetch::list(data_dir).into_iter();
        let there = statuses.filter(|status| status.presence != Presence::Missing);
        there.map(|status| status.set).collect()
    } else {
        args.sets.iter().map(|name| fetch::find(name)).collect::<Result<_>>()?
    };
    let (mut lines, mut files, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut n_failed = 0;
    for set in sets {
        for check in fetch::verify(set, data_dir)? {
            if check.state != FileState::Ok {
                n_failed += 1;
                failed.push(set);
            }
            let (line, json) = checked(set, &check);
            lines.push(line);
            files.push(json);
        }
    }
    if files.is_empty() {
        lines.push(format!("no data set is in {}", data_dir.display()));
    }
    let n_files = files.len();
    args.output.report(&json!({ "ok": failed.is_empty(), "files": files }), lines.join("\n"))?;
    failed.dedup_by_key(|set| &set.name);
    if !failed.is_empty() {
        bail!(
            "{n_failed} of {} {} wrong or missing; run `{}` to download the missing files; add --force to \
            replace wrong ones too",
            counted(n_files, "file"),
            by_number(n_failed, "is", "are"),
            fetch::command(&failed, data_dir)
        );
    }
    Ok(())
}

/// A checked file as a line and as JSON.
fn checked(set: &DataSet, check: &FileCheck) -> (String, Value) {
    let (state, found) = match &check.state {
        FileState::Ok => ("ok", None),
        FileState::Missing => ("missing", None),
        FileState::Wrong { found } => ("wrong", Some(found)),
    };
    let (path, expected) = (&check.path, check.file.expectation());
    let more = found.map(|found| format!(": {found}, expected {expected}")).unwrap_or_default();
    let line = format!("{state:<8} {}{more}", path.display());
    let json = json!({
        "set": set.name,
        "path": path.to_string_lossy(),
        "state": state,
        "found": found,
        // Where it is known.
        "md5": check.file.md5,
        "sha256": check.file.sha256,
        "expected": expected,
    });
    (line, json)
}
