//! Pairs of lines out of files.

use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::Lines;
use super::reading::{Reading, Sentences};
use crate::system::mapped;
use crate::system::wording::plural;

/// Pairs between two reports of how far reading has come.
const REPORT: u64 = 1000;

/// The ways out of pairs that cannot be used: where a config names the text, and elsewhere.
const DROP: &str = "give data.invalid = \"drop\" to leave such pairs out";
const MEND: &str = "mend the text, or give another";

/// What becomes of a pair that cannot be used: a side that is empty or is not UTF-8, or a line
/// without a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Invalid {
    /// It is an error with its file and line.
    #[default]
    Error,
    /// It is left out and counted.
    Drop,
}

/// A sentence and its translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The number of the line, from 1.
    pub line: u64,
    /// What is translated, without the end of its line.
    pub source: &'a str,
    /// Its translation.
    pub target: &'a str,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Pairs so far.
    pub pairs: u64,
    /// The share of the text, where the size of its content is known: not of compressed files.
    pub share: Option<f64>,
}

/// A parallel text in files, each plain or compressed by gzip.
#[derive(Clone, Debug, PartialEq)]
pub struct ParallelText {
    paths: Vec<PathBuf>,
    invalid: Invalid,
    way_out: &'static str,
}

impl ParallelText {
    /// The text of two files, source and target, whose lines belong together by their numbers, or
    /// of one whose lines hold source, tab and target. The first line of such a file says how many
    /// columns there are; those behind the second are not read.
    ///
    /// # Errors
    /// Neither one nor two paths.
    pub fn new(paths: &[PathBuf], invalid: Invalid) -> Result<Self> {
        ensure!(
            (1..=2).contains(&paths.len()),
            "a parallel text is two files, source and target, or one with tabs; {} are given",
            paths.len()
        );
        Ok(Self { paths: paths.to_vec(), invalid, way_out: DROP })
    }

    /// The same of files that are arguments: no config says what becomes of their pairs.
    pub fn of_arguments(self) -> Self {
        Self { way_out: MEND, ..self }
    }

    /// Its files.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// What becomes of pairs that cannot be used.
    pub fn invalid(&self) -> Invalid {
        self.invalid
    }

    /// Calls `each` for every pair in order, and `progress` now and then. Memory is used for one
    /// pair.
    ///
    /// # Errors
    /// A file that cannot be read or can be read only once; with [`Invalid::Error`] also a file that
    /// is longer than the other, a line of a file with tabs that has another number of columns than
    /// the first, a line of more than 1 MiB, an empty side and one that is not UTF-8. File and line
    /// are named. Those of `each`.
    pub fn for_each(
        &self,
        progress: &mut dyn FnMut(Progress),
        each: impl FnMut(Pair) -> Result<()>,
    ) -> Result<Reading> {
        let reading = self.for_each_of_any(progress, each)?;
        let why = reading.dropped().map(|dropped| format!(": {dropped}")).unwrap_or_default();
        let is_one_of_two = self.paths.len() == 1 && reading.unpaired > 0;
        let hint = if is_one_of_two { "; two files are given as two names" } else { "" };
        ensure!(reading.pairs > 0, "no pair of sentences in {self}{why}{hint}");
        Ok(reading)
    }

    /// The same for a text that may have no pair.
    ///
    /// # Errors
    /// As [`ParallelText::for_each`].
    pub fn for_each_of_any(
        &self,
        progress: &mut dyn FnMut(Progress),
        mut each: impl FnMut(Pair) -> Result<()>,
    ) -> Result<Reading> {
        let files: Vec<Lines> =
            self.paths.iter().map(|path| Lines::open(path)).collect::<Result<_>>()?;
        let mut pairs = match <[Lines; 2]>::try_from(files) {
            Ok([source, target]) => Pairs::Two(source, target),
            Err(files) => Pairs::Columns(files, None),
        };
        let refused = |error: Error| anyhow!("{error:#}; {}", self.way_out);
        let mut reading = Reading::default();
        while pairs.advance()? {
            if let Err(error) = pairs.check_length() {
                if self.invalid == Invalid::Error {
                    return Err(refused(error));
                }
                reading.too_long += 1;
                continue;
            }
            if let Err(error) = pairs.check_columns() {
                if self.invalid == Invalid::Error {
                    return Err(refused(error));
                }
                reading.unpaired += 1;
                continue;
            }
            match pairs.pair() {
                Ok(pair) if is_empty(pair) => {
                    if self.invalid == Invalid::Error {
                        return Err(refused(pairs.empty(pair)));
                    }
                    reading.empty += 1;
                }
                Ok(pair) => {
                    each(pair)?;
                    reading.pairs += 1;
                }
                Err(error) if self.invalid == Invalid::Error => return Err(refused(error)),
                Err(_) => reading.not_utf8 += 1,
            }
            if pairs.line().is_multiple_of(REPORT) {
                progress(Progress { pairs: reading.pairs, share: pairs.share() });
            }
        }
        if let Some((error, lines)) = pairs.rest()? {
            if self.invalid == Invalid::Error {
                return Err(refused(error));
            }
            reading.unpaired += lines;
        }
        Ok(reading)
    }

    /// All pairs, for texts that are small: those that a model is evaluated on.
    ///
    /// # Errors
    /// As [`ParallelText::for_each`].
    pub fn read(&self) -> Result<Sentences> {
        let (mut pairs, mut lines) = (Vec::new(), Vec::new());
        let reading = self.for_each(&mut |_| (), |Pair { line, source, target }| {
            pairs.push([source.to_owned(), target.to_owned()]);
            lines.push(line);
            Ok(())
        })?;
        Ok(Sentences { pairs, lines, reading })
    }

    /// What tells its content from any other, in a line: bytes and checksum of every file as it
    /// lies there.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn fingerprint(&self) -> Result<String> {
        let part = |path: &PathBuf| {
            let bytes = mapped::open(path);
            let bytes = bytes.with_context(|| format!("cannot read {}", path.display()))?;
            Ok(format!("{} bytes {:08x}", bytes.len(), crc32c::crc32c(&bytes)))
        };
        let parts: Vec<String> = self.paths.iter().map(part).collect::<Result<_>>()?;
        let invalid = if self.invalid == Invalid::Drop { ", drop" } else { "" };
        Ok(format!("{}{invalid}", parts.join(", ")))
    }
}

impl fmt::Display for ParallelText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        f.write_str(&names.join(" and "))
    }
}

/// The files of a text, at one line.
enum Pairs {
    /// Source and target.
    Two(Lines, Lines),
    /// The file with tabs, and the columns of the first line that has a tab.
    Columns(Vec<Lines>, Option<usize>),
}

impl Pairs {
    /// Goes on to the next pair; false where a file has ended.
    fn advance(&mut self) -> Result<bool> {
        match self {
            Self::Two(source, target) => {
                let both = [source.advance()?, target.advance()?];
                Ok(both == [true; 2])
            }
            Self::Columns(files, columns) => {
                let Some(file) = files.first_mut() else { return Ok(false) };
                let is_there = file.advance()?;
                if is_there && columns.is_none() && file.check_length().is_ok() {
                    *columns = Some(file.columns()).filter(|&columns| columns >= 2);
                }
                Ok(is_there)
            }
        }
    }

    /// Holds the lines to the length of sentences.
    fn check_length(&self) -> Result<()> {
        match self {
            Self::Two(source, target) => source.check_length().and(target.check_length()),
            Self::Columns(files, _) => files.iter().try_for_each(Lines::check_length),
        }
    }

    /// Holds a line with tabs to the columns that the others have.
    fn check_columns(&self) -> Result<()> {
        let Self::Columns(files, columns) = self else { return Ok(()) };
        let Some(file) = files.first() else { return Ok(()) };
        let (place, found) = (file.place(), file.columns());
        ensure!(
            found >= 2,
            "{place}: there is no tab between source and target; two files are given as two names"
        );
        let expected = columns.unwrap_or(found);
        ensure!(
            found == expected,
            "{place}: there are {found} columns, and {expected} in the first line"
        );
        Ok(())
    }

    /// Reads the file that is longer than the other to its end: the error that names both counts,
    /// and its lines without a partner.
    fn rest(&mut self) -> Result<Option<(Error, u64)>> {
        let Self::Two(source, target) = self else { return Ok(None) };
        let [long, short] = match source.count.cmp(&target.count) {
            Ordering::Equal => return Ok(None),
            Ordering::Greater => [source, target],
            Ordering::Less => [target, source],
        };
        let first = long.place();
        while long.advance()? {}
        let error = anyhow!(
            "{first} has no partner: {} has {} {}, {} has {}",
            long.path().display(),
            long.count,
            plural(long.count, "line"),
            short.path().display(),
            short.count
        );
        Ok(Some((error, long.count - short.count)))
    }

    /// The two sides of the line.
    fn pair(&self) -> Result<Pair<'_>> {
        let line = self.line();
        let (source, target) = match self {
            Self::Two(source, target) => (source.text()?, target.text()?),
            Self::Columns(files, _) => {
                let text = files.first().map_or(Ok(""), Lines::text)?;
                let mut columns = text.split('\t');
                (columns.next().unwrap_or_default(), columns.next().unwrap_or_default())
            }
        };
        Ok(Pair { line, source, target })
    }

    fn first(&self) -> Option<&Lines> {
        match self {
            Self::Two(source, _) => Some(source),
            Self::Columns(files, _) => files.first(),
        }
    }

    fn line(&self) -> u64 {
        self.first().map_or(0, |file| file.count)
    }

    fn share(&self) -> Option<f64> {
        let file = self.first()?;
        file.size.map(|size| file.done as f64 / size.max(1) as f64)
    }

    /// The error of an empty side.
    fn empty(&self, pair: Pair) -> Error {
        let is_source = pair.source.trim().is_empty();
        let (side, place) = match self {
            Self::Two(source, target) if is_source => ("line", source.place() + &of(target)),
            Self::Two(source, target) => ("line", target.place() + &of(source)),
            Self::Columns(files, _) => {
                let place = files.first().map(Lines::place).unwrap_or_default();
                (if is_source { "source" } else { "target" }, place)
            }
        };
        anyhow!("{place}: the {side} is empty")
    }
}

/// The other file of a pair, for an error.
fn of(other: &Lines) -> String {
    let name = other.path().file_name().unwrap_or_default();
    format!(" (the partner of {}:{})", Path::new(name).display(), other.count)
}

fn is_empty(pair: Pair) -> bool {
    pair.source.trim().is_empty() || pair.target.trim().is_empty()
}
