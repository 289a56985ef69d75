//! `metrics.jsonl`: one [`Record`] a line, appended as it happens.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use crc32c::crc32c_append;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

/// Reads the records of a `metrics.jsonl`, in order.
///
/// A last line without its line break was cut by a kill, or is being written now; where it is not
/// a whole record it is left out.
///
/// # Errors
/// When the file cannot be read, or a line of it is not a record: file and line are named.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Record>> {
    let path = path.as_ref();
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut records = Vec::new();
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(_) if !line.ends_with(b"\n") => break,
            Err(error) => {
                let place = format!("{}:{}", path.display(), index + 1);
                bail!("{place} is not a metrics record: {}", reason(&error));
            }
        }
    }
    Ok(records)
}

/// What a file holds: its number of lines, and the checksum of their content without the times,
/// which differ from run to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Whole lines.
    pub lines: u64,
    /// CRC-32C of what they say, one after the other.
    pub crc32c: u32,
}

impl Recorded {
    /// Summarises complete lines. A line that is not a record counts as its bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        lines.fold(Self::default(), |before, line| match serde_json::from_slice(line) {
            Ok(record) => before.and(&record),
            Err(_) => before.and_bytes(line),
        })
    }

    fn and(self, record: &Record) -> Self {
        let Record { step, epoch, phase, metrics, .. } = record;
        self.and_bytes(json!([step, epoch, phase, metrics]).to_string().as_bytes())
    }

    fn and_bytes(self, bytes: &[u8]) -> Self {
        Self { lines: self.lines + 1, crc32c: crc32c_append(self.crc32c, bytes) }
    }
}

/// The file while a run appends to it.
pub(super) struct Appender {
    path: PathBuf,
    file: File,
    bytes: u64,
    recorded: Recorded,
}

impl Appender {
    /// Starts a file that must not exist yet: a run's past is never overwritten.
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path, file, bytes: 0, recorded: Recorded::default() })
    }

    /// Reopens a log known to hold the whole lines `kept`. With none the file may be absent.
    pub(super) fn open(path: PathBuf, kept: &[u8]) -> Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .with_context(|| format!("cannot write to {}", path.display()))?;
        Ok(Self { path, file, bytes: kept.len() as u64, recorded: Recorded::of(kept) })
    }

    /// Hands one line to the operating system: after that, killing the process cannot lose it.
    pub(super) fn append(&mut self, record: &Record) -> Result<()> {
        let mut line = serde_json::to_vec(record).context("cannot write a record as JSON")?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // A full disk may take only part of a line; a resumed run must find complete lines.
            let _ = self.file.set_len(self.bytes);
            return Err(error).with_context(|| format!("cannot write to {}", self.path.display()));
        }
        self.bytes += line.len() as u64;
        self.recorded = self.recorded.and(record);
        Ok(())
    }

    pub(super) fn recorded(&self) -> Recorded {
        self.recorded
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().with_context(|| format!("cannot sync {}", self.path.display()))
    }
}

/// The parser's message without its own count of lines, which restarts at every record.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let end = message.rfind(" at line ").unwrap_or(message.len());
    format!("{} (column {})", &message[..end], error.column())
}

/// One line of `metrics.jsonl`.
///
/// Everything outside `timing` is a function of the run's configuration, seed and data, so two
/// runs of the same kind write the same bytes there. A number that is not finite is written as
/// `null`, which JSON lacks a number for, and read back as NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps that were complete when the record was made.
    pub step: u64,
    /// The epoch that the step belongs to, counted from 1.
    pub epoch: u64,
    /// What was measured: `train`, `epoch` (a whole epoch of training), `valid` or `test`.
    pub phase: String,
    /// What was measured, by name: `perplexity`, `learning_rate`, ….
    #[serde(deserialize_with = "null_as_nan")]
    pub metrics: BTreeMap<String, f64>,
    /// How long it took, by name: `seconds`, `words_per_second`, …. Differs from run to run.
    #[serde(default, deserialize_with = "null_as_nan")]
    pub timing: BTreeMap<String, f64>,
}

impl Record {
    /// A record without any measurement yet.
    pub fn new(step: u64, epoch: u64, phase: &str) -> Self {
        let (metrics, timing) = (BTreeMap::new(), BTreeMap::new());
        Self { step, epoch, phase: phase.to_owned(), metrics, timing }
    }

    /// Adds a measurement that is the same whenever the run is repeated.
    pub fn metric(mut self, name: &str, value: f64) -> Self {
        self.metrics.insert(name.to_owned(), value);
        self
    }

    /// Adds a measurement that depends on the machine and the moment.
    pub fn timing(mut self, name: &str, value: f64) -> Self {
        self.timing.insert(name.to_owned(), value);
        self
    }
}

fn null_as_nan<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(source)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"step":1,"epoch":1,"phase":"train","metrics":{"loss":2.5},"timing":{}}"#;

    fn read_text(text: &[u8]) -> Result<Vec<Record>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, text).unwrap();
        read(path)
    }

    #[test]
    fn reads_what_was_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let records: Vec<Record> =
            (1..=3).map(|step| Record::new(step, 1, "train").metric("loss", 1.5)).collect();
        let mut file = Appender::create(path.clone()).unwrap();
        for record in &records {
            file.append(record).unwrap();
        }
        assert_eq!(file.recorded(), Recorded::of(&fs::read(&path).unwrap()));
        assert_eq!(file.recorded().lines, 3);
        assert_eq!(file.bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(read(&path).unwrap(), records);
    }

    #[test]
    fn the_checksum_is_of_all_but_times() {
        let of = |line: &str| Recorded::of(format!("{LINE}\n{line}\n").as_bytes());
        let nan = Record::new(2, 1, "train").metric("loss", f64::NAN);
        let written = serde_json::to_string(&nan.clone().timing("seconds", 1.5)).unwrap();
        assert_eq!(of(&written), Recorded::of(format!("{LINE}\n").as_bytes()).and(&nan));
        assert_eq!(of(LINE).lines, 2);
        for changed in [LINE.replace("2.5", "2.6"), LINE.replace("train", "trail"), "{".into()] {
            assert_ne!(of(&changed), of(LINE), "{changed}");
            assert_eq!(of(&changed).lines, 2);
        }
    }

    #[test]
    fn a_cut_last_line_is_left_out_wherever_it_is_cut() {
        let cut = LINE.replace("train", "épreuve");
        for end in 0..cut.len() {
            let text = [LINE.as_bytes(), b"\n", &cut.as_bytes()[..end]].concat();
            assert_eq!(read_text(&text).unwrap().len(), 1, "cut at {end}");
        }
        assert_eq!(read_text(format!("{LINE}\n{LINE}").as_bytes()).unwrap().len(), 2);
        assert_eq!(read_text(b"").unwrap(), vec![]);
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = read_text(format!("{LINE}\n{{\"step\":-1}}\n{LINE}\n").as_bytes());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl:2 is not a metrics record: invalid"), "{error}");
        assert!(!error.contains("at line"), "{error}");
        let error = read_text(format!("{LINE}\n\n{LINE}\n").as_bytes()).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl:2 "), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read("no-such-folder/metrics.jsonl").unwrap_err().to_string();
        assert_eq!(
            error.replace('\\', "/"),
            "cannot read no-such-folder/metrics.jsonl",
            "the cause follows in the chain"
        );
    }

    #[test]
    fn a_write_error_names_the_file_and_counts_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, "").unwrap();
        // A handle that may only read refuses every write, on each system.
        let file = File::open(&path).unwrap();
        let mut appender = Appender { path, file, bytes: 0, recorded: Recorded::default() };
        let error = appender.append(&Record::new(1, 1, "train")).unwrap_err().to_string();
        assert!(error.contains("cannot write to") && error.contains("metrics.jsonl"), "{error}");
        assert_eq!(appender.recorded(), Recorded::default());
    }

    fn back(record: &Record) -> Record {
        serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
    }

    #[test]
    fn is_one_line_of_json_with_sorted_names() {
        let record = Record::new(1327, 1, "valid")
            .metric("perplexity", 183.1)
            .timing("words_per_second", 9100.0)
            .timing("seconds", 71.2);
        let line = concat!(
            r#"{"step":1327,"epoch":1,"phase":"valid","metrics":{"perplexity":183.1},"#,
            r#""timing":{"seconds":71.2,"words_per_second":9100.0}}"#
        );
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
    }

    #[test]
    fn numbers_come_back_to_the_bit() {
        let values =
            [0.1 + 0.2, 1.0 / 3.0, -0.0, 5e-324, f64::MAX, f64::from(116.97_f32), 1e21, 0.1];
        for value in values {
            let read = back(&Record::new(1, 1, "train").metric("x", value)).metrics["x"];
            assert_eq!(read.to_bits(), value.to_bits(), "{value}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_come_back_as_nan() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let read = back(&Record::new(1, 1, "train").metric("x", value).timing("y", value));
            assert!(read.metrics["x"].is_nan() && read.timing["y"].is_nan());
        }
    }
}
