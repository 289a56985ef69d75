//! `tfm predict inception`: classifies images.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::builder::RangedU64ValueParser;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};
use serde_json::{Value, json};

use super::super::ENTRY;
use super::super::labels::Labels;
use super::super::options::{GraphOptions, local_path};
use super::super::pictures::{Tally, named};
use super::super::retrain::{Inception, graph_checksum};
use super::super::scorer::{LearntOptions, Scorer};
use super::super::scores::{Scored, top};
use crate::models::options::{DeviceOptions, OutputOptions};
use crate::models::session::Session;
use crate::models::stdout::{self, Reader};
use crate::models::{Interrupted, Verb};
use crate::system::wording::counted;
use crate::train::ShutdownFlag;

/// `tfm predict inception`
pub const VERB: Verb = Verb { name: "predict", about: "Classifies images", args, run };

#[derive(Args, Debug)]
struct PredictArgs {
    /// Images, folders of images, quoted glob patterns, or - for a list on standard input
    #[arg(required = true, value_name = "PICTURE", value_hint = ValueHint::AnyPath)]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    learnt: LearntOptions,
    #[command(flatten)]
    graph: GraphOptions,
    /// How many classes to list per image
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    top: usize,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    batch: usize,
    /// Appends the lines of --json to a file, skipping images that it already contains
    #[arg(long, value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    resume: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The classes are printed as in classify_image.py, the most probable first. JPEG files are \
decoded to TensorFlow's pixels, bit for bit; PNG, GIF, BMP and WebP files work too. An output that is not a \
probability distribution goes through a softmax.

With --json each image is one line, printed as soon as it is done: \
{\"file\", \"fingerprint\", \"predictions\": [{\"index\", \"label\", \"score\"}]}. The fingerprint identifies \
the graph or run, its labels and preprocessing, and --top; --resume does not mix lines of two fingerprints. \
An image that cannot be read is reported and skipped, and the exit code is 1.

Examples:
  tfm predict inception photo.jpg
  tfm predict inception --graph mobilenet.pb --labels labels.txt --top 3 photos/
  tfm predict inception --run runs/first photo.jpg
  find . -name '*.jpg' | tfm predict inception --json -";

fn args(command: Command) -> Command {
    PredictArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = PredictArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let cpu = args.device.cpu(ENTRY.name)?;
    let session = args.learnt.session()?;
    let fingerprint = fingerprint(&args, session.as_ref())?;
    let mut scorer = match session {
        Some(session) => Scorer::of_run(session, &args.graph)?,
        None => Scorer::of_graph(&args.graph)?,
    };
    let mut pictures = named(&args.pictures)?;
    let names = pictures.len() > 1;
    if let Some(path) = &args.resume {
        let done = done_before(path, &fingerprint)?;
        pictures.retain(|picture| !done.contains(&*picture.to_string_lossy()));
    }
    let printer = Printer::new(&args, names, fingerprint)?;
    let shutdown = ShutdownFlag::on_signals(["stopping after this batch", "stopped at once"])?;
    let (mut tally, batch) = (Tally::of(&pictures), args.batch.min(pictures.len()));
    scorer.each(&cpu, &pictures, batch, |labels, computed| {
        let path = computed.0;
        let is_read = match tally.row(computed) {
            Some(scores) => printer.print(path, &scores, labels)?,
            None => true,
        };
        Ok(is_read && !shutdown.requested())
    })?;
    let (done, total) = (tally.done(), pictures.len());
    match tally.end().as_slice() {
        [] if shutdown.requested() && done < total => {
            let total = counted(total, "image");
            bail!(Interrupted { message: format!("stopped after {done} of {total}") })
        }
        [] => Ok(()),
        [one] => bail!("cannot classify {one}"),
        several => bail!("cannot classify\n  {}", several.join("\n  ")),
    }
}

/// What the predictions depend on beside the image, in eight hexadecimal digits.
fn fingerprint(args: &PredictArgs, session: Option<&Session<Inception>>) -> Result<String> {
    let source = match session {
        Some(Session { run, step, .. }) => {
            let path = run.path().canonicalize();
            let path = path.with_context(|| format!("cannot find {}", run.path().display()))?;
            format!("{}, step {step}", path.display())
        }
        None => {
            let options = &args.graph;
            let checksum = |path: &PathBuf| graph_checksum(&local_path(path)?);
            let labels = options.labels.as_ref().map(checksum).transpose()?;
            let (graph, output) = (graph_checksum(&options.path()?)?, &options.output);
            format!("{graph}{} {output:?} {labels:?}", options.preprocessing())
        }
    };
    Ok(format!("{:08x}", crc32c::crc32c(format!("{source} --top {}", args.top).as_bytes())))
}

/// The beginnings of a line of results, and of what follows its file.
const START: &[u8] = b"{\"file\":";
const NEXT: &[u8] = b",\"fingerprint\":";

/// Whether `line` is the beginning of a line of results, and no whole line.
fn is_cut(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(START) else { return START.starts_with(line) };
    let mut file = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
    let is_whole = serde_json::from_slice::<Value>(line).is_ok();
    match file.next() {
        Some(Ok(_)) => {
            let rest = &rest[file.byte_offset()..];
            !is_whole && (rest.starts_with(NEXT) || NEXT.starts_with(rest))
        }
        Some(Err(error)) => error.is_eof(),
        None => true,
    }
}

/// The images that a file of results contains; none if there is no file yet. A last line without an
/// end was being written when the run stopped: it is removed, and its image is classified again.
fn done_before(path: &Path, fingerprint: &str) -> Result<HashSet<String>> {
    if !path.exists() {
        return Ok(HashSet::new());
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut file, mut line) = (BufReader::new(file), Vec::new());
    let (mut done, mut whole, mut is_ended) = (HashSet::new(), 0, true);
    for number in 1.. {
        line.clear();
        let len = file.read_until(b'\n', &mut line);
        let len = len.with_context(|| format!("cannot read {}", path.display()))?;
        if len == 0 {
            break;
        }
        // Nothing of another file is taken away.
        if line.last() != Some(&b'\n') && is_cut(&line) {
            cut(path, whole, number)?;
            break;
        }
        whole += len as u64;
        is_ended = line.last() == Some(&b'\n');
        let value: Value = serde_json::from_slice(&line).unwrap_or_default();
        let file = value["file"].as_str().filter(|_| value["predictions"].is_array());
        let why = match (file, value["fingerprint"].as_str()) {
            (Some(file), Some(found)) if found == fingerprint => {
                done.insert(file.to_owned());
                continue;
            }
            (Some(_), _) => "was predicted by another graph, run or options",
            (None, _) => "is not a line of predictions",
        };
        bail!("{}:{number} {why}: name another file with --resume", path.display());
    }
    if !is_ended {
        end_line(path)?;
    }
    Ok(done)
}

/// Ends the last line of a file of results, which is whole but for that.
fn end_line(path: &Path) -> Result<()> {
    let file = OpenOptions::new().append(true).open(path);
    let ended = file.and_then(|mut file| file.write_all(b"\n"));
    ended.with_context(|| format!("cannot write {}", path.display()))
}

/// Removes the last line of a file of results.
fn cut(path: &Path, len: u64, number: usize) -> Result<()> {
    let place = path.display();
    tracing::warn!("{place}:{number} was cut off and is removed: its image is classified again");
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.set_len(len)).with_context(|| format!("cannot shorten {place}"))
}

/// Prints results as they are done.
struct Printer<'a> {
    args: &'a PredictArgs,
    /// Whether each image's name is printed above its classes.
    names: bool,
    fingerprint: String,
    to: Option<File>,
}

impl<'a> Printer<'a> {
    fn new(args: &'a PredictArgs, names: bool, fingerprint: String) -> Result<Self> {
        let open = |path: &PathBuf| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.with_context(|| format!("cannot write {}", path.display()))
        };
        let to = args.resume.as_ref().map(open).transpose()?;
        Ok(Self { args, names, fingerprint, to })
    }

    /// Prints the result of one image and returns whether someone still reads.
    fn print(&self, path: &Path, scores: &[f32], labels: &Labels) -> Result<bool> {
        let best = top(scores, self.args.top);
        if let Some(mut to) = self.to.as_ref() {
            let line = format!("{}\n", self.in_json(path, &best, labels));
            to.write_all(line.as_bytes()).context("cannot write the predictions")?;
            return Ok(true);
        }
        let text = match self.args.output.json {
            true => self.in_json(path, &best, labels).to_string(),
            false => self.in_words(path, &best, labels),
        };
        Ok(stdout::print(text)? == Reader::Listening)
    }

    fn in_words(&self, path: &Path, best: &[Scored], labels: &Labels) -> String {
        let mut lines = Vec::new();
        if self.names {
            lines.push(format!("{}:", path.display()));
        }
        lines.extend(
            best.iter()
                .map(|(index, score)| format!("{} (score = {score:.5})", labels.name(*index))),
        );
        lines.join("\n")
    }

    fn in_json(&self, path: &Path, best: &[Scored], labels: &Labels) -> Value {
        let prediction = |(index, score): &Scored| json!({ "index": index, "label": labels.name(*index), "score": score });
        let predictions: Vec<_> = best.iter().map(prediction).collect();
        json!({
            "file": path.to_string_lossy(),
            "fingerprint": self.fingerprint,
            "predictions": predictions,
        })
    }
}
