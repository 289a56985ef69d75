//! Fetching the published data sets: `tfm data list|fetch|verify`.
//!
//! One table, `sets.toml`, names each set's mirrors and files with their hashes, or their lines
//! where no hash is known. [`fetch`] tries the mirrors in order, continues broken downloads, takes
//! only the files of the table out of an archive, checks each in a working folder, and only then
//! renames the files into `<data_dir>/<set>/`. Nothing wrong or hostile ever ends up there, and a
//! file that a person put there is not replaced unasked.
//!
//! ```text
//! <data_dir>/ptb/ptb.train.txt          checked files
//! <data_dir>/.partial/ptb/*.part        a download to be continued; gone after success
//! ```

mod archive;
mod download;
mod hash;
mod hub;
mod partial;
mod place;
mod sets;
mod source;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use download::Client;
use place::Workplace;
use source::{FetchJob, Origin, obtain};

use super::parallel;

pub use hub::{HubFile, local_file};
pub use sets::{DataFile, DataSet, Mirror, find, sets};
pub use sets::{command, command_for, default_dir, missing_help, or_help};
pub use verify::{FileCheck, FileState, Presence, SetStatus, list, verify};

/// How [`fetch`] departs from the table.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// Another source than the mirrors: an archive or a folder on this machine, the http(s) address
    /// of an archive or (ending with `/`) of the single files, or a file of the Hugging Face hub
    /// ([`HubFile`]), which is an archive or one of the files. Where it has some of the
    /// files, they are put in place, and the error says what is lacking: a set of two archives is
    /// brought by one after the other.
    pub from: Option<String>,
    /// Replace files in the data folder that have another content than the table says.
    pub force: bool,
}

/// What [`fetch`] tells while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// This source is tried now.
    Source {
        /// A web address or a path.
        address: &'a str,
    },
    /// A download makes progress. Sent at most once every few KiB, so a display should thin it out;
    /// a continued download begins above 0, and one that has to start again falls back to 0.
    Bytes {
        /// The address of the file that is downloaded.
        address: &'a str,
        /// Bytes that have arrived, earlier calls included.
        done: u64,
        /// Bytes of the whole, where the server says so.
        total: Option<u64>,
    },
    /// An archive is being unpacked. Comes as often as [`Event::Bytes`].
    Unpacked {
        /// Bytes of the archive that have been read.
        done: u64,
        /// Bytes of the archive.
        total: u64,
    },
    /// A download broke and is tried again.
    Retry {
        /// The address.
        address: &'a str,
        /// Why it broke.
        reason: &'a str,
    },
    /// A source is given up.
    Failed {
        /// A web address or a path.
        address: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// What [`fetch`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchReport {
    /// The set's folder.
    pub folder: PathBuf,
    /// Files that were put in place.
    pub placed: Vec<PathBuf>,
    /// Files that were there before, and right.
    pub already_there: Vec<PathBuf>,
    /// Files that were made of them: a training and a development text.
    pub made: Vec<PathBuf>,
    /// The source that completed the set; `None` where nothing had to be brought.
    pub source: Option<String>,
}

/// Brings what `data_dir` lacks of `set`. Downloads are continued where an earlier call broke off.
///
/// # Errors
/// * A file in place has another content, and `options.force` is not set.
/// * No source gives the files: the error lists each with its reason, and without
///   `options.from` ends with what to download by hand and where to put it. Off line this takes
///   seconds.
/// * The data folder cannot be written, or another process is fetching the same set.
pub fn fetch(
    set: &'static DataSet,
    data_dir: &Path,
    options: &FetchOptions,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<FetchReport> {
    fetch_with(&Client::new(), set, data_dir, options, on_event)
}

fn fetch_with(
    client: &Client,
    set: &'static DataSet,
    data_dir: &Path,
    options: &FetchOptions,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<FetchReport> {
    let checks = verify(set, data_dir)?;
    if !options.force {
        refuse_to_replace(set, data_dir, &checks)?;
    }
    let (right, lacking): (Vec<_>, Vec<_>) =
        checks.into_iter().partition(|check| check.state == FileState::Ok);
    let mut report = FetchReport {
        folder: data_dir.join(&set.name),
        placed: Vec::new(),
        already_there: right.into_iter().map(|check| check.path).collect(),
        made: Vec::new(),
        source: None,
    };
    if lacking.is_empty() {
        report.made = split(set, &report.folder)?;
        return Ok(report);
    }
    let sources: Vec<Origin> = match &options.from {
        Some(from) => vec![Origin::parse(from, set)?],
        None => set.mirrors.iter().cloned().map(Origin::Web).collect(),
    };
    let wanted: Vec<&'static DataFile> = lacking.iter().map(|check| check.file).collect();
    let place = Workplace::open(data_dir, set)?;
    let (partials, folder) = (place.partials(), place.unpack());
    let job = FetchJob { client, set, wanted: &wanted, partials, folder };
    let put = |files: &[&DataFile]| {
        // Somebody may have put another file there during the download.
        if !options.force {
            refuse_to_replace(set, data_dir, &verify(set, data_dir)?)?;
        }
        place.place(files, &data_dir.join(&set.name))
    };
    match first_that_gives(&job, &sources, on_event) {
        Ok(source) => report.source = Some(source),
        Err(error) if options.from.is_none() => return Err(hint(error, set, data_dir)),
        Err(error) => {
            // A set of two archives is brought by hand one after the other.
            if error.is::<Partly>() {
                let given: Vec<_> = wanted.iter().copied().filter(|file| job.has(file)).collect();
                put(&given)?;
            }
            return Err(error);
        }
    }
    report.placed = put(&wanted)?;
    place.finish();
    report.made = split(set, &report.folder)?;
    Ok(report)
}

/// Cuts a parallel text that comes in one piece.
fn split(set: &DataSet, folder: &Path) -> Result<Vec<PathBuf>> {
    match (&set.split, &set.files[..]) {
        (Some(sides), [file]) => parallel::split(&folder.join(&file.name), sides),
        _ => Ok(Vec::new()),
    }
}

fn refuse_to_replace(set: &DataSet, data_dir: &Path, checks: &[FileCheck]) -> Result<()> {
    let wrong = checks.iter().filter_map(|check| match &check.state {
        FileState::Wrong { found } => Some(format!(
            "{} has {found}, expected {}",
            check.path.display(),
            check.file.expectation()
        )),
        _ => None,
    });
    let wrong: Vec<String> = wrong.collect();
    if !wrong.is_empty() {
        let (wrong, command) = (wrong.join("\n"), command(&[set], data_dir));
        bail!("{wrong}\nnothing was replaced; run `{command} --force` to replace it");
    }
    Ok(())
}

/// Tries the sources in order, each for what is still lacking, and names the one that completed the
/// files.
fn first_that_gives(
    job: &FetchJob<'_>,
    sources: &[Origin],
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<String> {
    let (mut reasons, mut is_partly) = (Vec::new(), true);
    for source in sources {
        let address = source.to_string();
        on_event(Event::Source { address: &address });
        match obtain(job, source, on_event) {
            Ok(()) if job.open().is_empty() => return Ok(address),
            Ok(()) => {
                let lacking: Vec<_> = job.open().iter().map(|file| &*file.name).collect();
                reasons.push(format!("  {address}: it lacks {}", lacking.join(", ")));
            }
            Err(error) if error.is::<Local>() => {
                return Err(error).with_context(|| format!("cannot fetch {}", job.set.name));
            }
            Err(error) => {
                let reason = format!("{error:#}");
                on_event(Event::Failed { address: &address, reason: &reason });
                is_partly = false;
                reasons.push(format!("  {address}: {reason}"));
            }
        }
    }
    let text = format!("cannot fetch {}:\n{}", job.set.name, reasons.join("\n"));
    Err(if is_partly { Error::msg(Partly(text)) } else { Error::msg(text) })
}

fn hint(error: Error, set: &DataSet, data_dir: &Path) -> Error {
    anyhow!("{error:#}\n{}", sets::by_hand(set, data_dir))
}

/// Marks an error of this machine (a full disk, a missing permission): every source would fail
/// alike.
#[derive(Debug)]
struct Local(String);

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Marks the error of sources that are whole and have only some of the files.
#[derive(Debug)]
struct Partly(String);

impl fmt::Display for Partly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Turns the error of work on this machine's own files into one that is marked so.
trait LocalContext<T> {
    /// `what` completes the sentence "cannot …".
    fn local<D: fmt::Display>(self, what: impl FnOnce() -> D) -> anyhow::Result<T>;
}

impl<T, E> LocalContext<T> for Result<T, E>
where
    Self: Context<T, E>,
{
    fn local<D: fmt::Display>(self, what: impl FnOnce() -> D) -> anyhow::Result<T> {
        self.with_context(|| Local(format!("cannot {}", what())))
    }
}

#[cfg(test)]
mod tests;
