//! TensorBoard event files: protobuf messages of `tensorflow/core/util/event.proto`, framed as
//! TFRecords (`tensorflow/core/lib/io/record_writer.cc`).

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use prost::Message;

const PREFIX: &str = "events.out.tfevents.";

/// One event file of a run folder, while a run appends to it.
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Starts a new event file in `folder`. With a `restart_step`, TensorBoard drops what earlier
    /// files say of this step and of later ones.
    pub(super) fn create(folder: &Path, restart_step: Option<u64>) -> Result<Self> {
        let path = folder.join(file_name(folder)?);
        let file =
            File::create_new(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut events = Self { path, file };
        events.append(0, EventKind::FileVersion("brain.Event:2".to_owned()))?;
        if let Some(step) = restart_step {
            events.append(
                step,
                EventKind::SessionLog(SessionLog { status: SessionStatus::Start.into() }),
            )?;
        }
        Ok(events)
    }

    /// Appends tagged values of one step, and hands them to the operating system.
    pub(super) fn scalars(
        &mut self,
        step: u64,
        scalars: impl Iterator<Item = (String, f64)>,
    ) -> Result<()> {
        let value = scalars.map(|(tag, value)| Value::of(tag, &Content::Scalar(value))).collect();
        self.append(step, EventKind::Summary(SummaryMessage { value }))
    }

    /// Appends distributions and pictures of one step.
    pub(super) fn summaries(&mut self, step: u64, summaries: &[Summary]) -> Result<()> {
        let value = summaries.iter().map(|s| Value::of(s.tag.clone(), &s.content)).collect();
        self.append(step, EventKind::Summary(SummaryMessage { value }))
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().with_context(|| format!("cannot sync {}", self.path.display()))
    }

    fn append(&mut self, step: u64, what: EventKind) -> Result<()> {
        let step = i64::try_from(step)
            .with_context(|| format!("step {step} does not fit into an event file"))?;
        let event = Event { wall_time: unix_seconds(), step, what: Some(what) };
        self.file
            .write_all(&frame(&event.encode_to_vec()))
            .with_context(|| format!("cannot write to {}", self.path.display()))
    }
}

/// The name of the next event file.
///
/// TensorBoard reads a folder's event files in the order of their names and never goes back, so a
/// new one must sort after those that are there: a run resumed within a second, or after the clock
/// was set back, takes the second after the newest file's.
fn file_name(folder: &Path) -> Result<String> {
    let mut seconds = unix_seconds() as u64;
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        if let Some(taken) = seconds_in(&entry.file_name().to_string_lossy()) {
            seconds = seconds.max(taken.saturating_add(1));
        }
    }
    Ok(format!("{PREFIX}{seconds:010}.tfm.{}.0", std::process::id()))
}

fn seconds_in(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.split('.').next()?.parse().ok()
}

fn unix_seconds() -> f64 {
    // A clock before 1970 is wrong, but no reason to stop a run.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A TFRecord: length, its checksum, data, its checksum, all little-endian.
fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let checks = [masked_crc32c(&length).to_le_bytes(), masked_crc32c(data).to_le_bytes()];
    [length.as_slice(), &checks[0], data, &checks[1]].concat()
}

/// The checksum of data that may hold checksums itself, as TensorFlow masks it.
fn masked_crc32c(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[derive(Clone, PartialEq, Message)]
pub struct Event {
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(oneof = "EventKind", tags = "3, 5, 7")]
    pub what: Option<EventKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum EventKind {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(SummaryMessage),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
pub struct SummaryMessage {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    pub image: Option<Picture>,
    #[prost(message, optional, tag = "5")]
    pub histo: Option<Histogram>,
}

impl Value {
    pub fn of(tag: String, content: &Content) -> Self {
        let mut value = Self { tag, ..Self::default() };
        match content {
            Content::Scalar(scalar) => value.simple_value = Some(*scalar as f32),
            Content::Histogram(histogram) => value.histo = Some(histogram.clone()),
            Content::Picture(picture) => value.image = Some(picture.clone()),
        }
        value
    }
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct SessionLog {
    #[prost(enumeration = "SessionStatus", tag = "1")]
    pub status: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum SessionStatus {
    Unspecified = 0,
    Start = 1,
}

/// A histogram or a picture, with its name in TensorBoard.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The name, such as `conv1/weights`.
    pub tag: String,
    /// What is shown under it.
    pub content: Content,
}

/// What a [`Summary`] shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A number.
    Scalar(f64),
    /// The distribution of a tensor's values.
    Histogram(Histogram),
    /// A picture.
    Picture(Picture),
}

/// The fields of TensorFlow's `HistogramProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// The smallest value.
    #[prost(double, tag = "1")]
    pub min: f64,
    /// The largest value.
    #[prost(double, tag = "2")]
    pub max: f64,
    /// How many values there are.
    #[prost(double, tag = "3")]
    pub num: f64,
    /// Their sum.
    #[prost(double, tag = "4")]
    pub sum: f64,
    /// The sum of their squares.
    #[prost(double, tag = "5")]
    pub sum_squares: f64,
    /// The upper ends of the buckets.
    #[prost(double, repeated, tag = "6")]
    pub bucket_limit: Vec<f64>,
    /// How many values each bucket has.
    #[prost(double, repeated, tag = "7")]
    pub bucket: Vec<f64>,
}

/// A picture as PNG.
#[derive(Clone, PartialEq, Message)]
pub struct Picture {
    /// Columns.
    #[prost(uint32, tag = "2")]
    pub width: u32,
    /// Rows.
    #[prost(uint32, tag = "1")]
    pub height: u32,
    /// Channels: 1 for grey, 3 for RGB.
    #[prost(uint32, tag = "3")]
    pub channels: u32,
    /// The PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub png: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Histogram, Picture};

    /// Takes a file apart again, checking every length and checksum.
    fn parse(mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_at(8);
            let (check, rest) = rest.split_at(4);
            assert_eq!(masked_crc32c(length).to_le_bytes(), check);
            let (data, rest) =
                rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            let (check, rest) = rest.split_at(4);
            assert_eq!(masked_crc32c(data).to_le_bytes(), check);
            events.push(Event::decode(data).unwrap());
            bytes = rest;
        }
        events
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The bytes of TensorBoard 2.21's own writer:
    ///
    /// ```python
    /// f = io.BytesIO(); w = RecordWriter(f)  # tensorboard.summary.writer.record_writer
    /// w.write(Event(wall_time=1700000000.25, step=1327, summary=Summary(value=[
    ///     Summary.Value(tag="valid/perplexity", simple_value=183.1),
    ///     Summary.Value(tag="valid/loss", simple_value=0.0)])).SerializeToString())
    /// w.write(Event(wall_time=1700000000.25, step=1328,
    ///     session_log=SessionLog(status=SessionLog.START)).SerializeToString())
    /// print(f.getvalue().hex())
    /// ```
    #[test]
    fn writes_the_bytes_that_tensorboard_writes() {
        let wall_time = 1_700_000_000.25;
        let value = |tag: &str, value| Value::of(tag.to_owned(), &Content::Scalar(value));
        let value = vec![value("valid/perplexity", 183.1), value("valid/loss", 0.0)];
        let what = Some(EventKind::Summary(SummaryMessage { value }));
        let scalars = Event { wall_time, step: 1327, what };
        let what = Some(EventKind::SessionLog(SessionLog { status: SessionStatus::Start.into() }));
        let start = Event { wall_time, step: 1328, what };
        let golden = concat!(
            "3a000000000000001295eae20900001040fc54d94110af0a2a2c0a170a1076616c69642f706572706c",
            "6578697479159a1937430a110a0a76616c69642f6c6f737315000000000776857f",
            "100000000000000095fbfe180900001040fc54d94110b00a3a0208017bea0d09",
        );
        let written = [frame(&scalars.encode_to_vec()), frame(&start.encode_to_vec())].concat();
        assert_eq!(hex(&written), golden);
    }

    /// The bytes of TensorFlow 2.15:
    ///
    /// ```python
    /// from tensorflow.compat.v1 import Summary, Event, HistogramProto
    /// s = Summary(value=[
    ///     Summary.Value(tag="conv1/weights", histo=HistogramProto(
    ///         min=-1.5, max=2, num=3, sum=0.5, sum_squares=6.25,
    ///         bucket_limit=[-1, 0, 2.5], bucket=[1, 0, 2])),
    ///     Summary.Value(tag="images/0", image=Summary.Image(
    ///         height=2, width=3, colorspace=3, encoded_image_string=b"\x89PNG"))])
    /// print(Event(wall_time=1700000000.25, step=1327, summary=s).SerializeToString().hex())
    /// ```
    #[test]
    fn writes_distributions_and_pictures_as_tensorflow_does() {
        let histogram = Histogram {
            min: -1.5,
            max: 2.0,
            num: 3.0,
            sum: 0.5,
            sum_squares: 6.25,
            bucket_limit: vec![-1.0, 0.0, 2.5],
            bucket: vec![1.0, 0.0, 2.0],
        };
        let png = b"\x89PNG".to_vec();
        let picture = Picture { width: 3, height: 2, channels: 3, png };
        let value = vec![
            Value::of("conv1/weights".to_owned(), &Content::Histogram(histogram)),
            Value::of("images/0".to_owned(), &Content::Picture(picture)),
        ];
        let what = Some(EventKind::Summary(SummaryMessage { value }));
        let event = Event { wall_time: 1_700_000_000.25, step: 1327, what };
        let golden = concat!(
            "0900001040fc54d94110af0a2a8e010a720a0d636f6e76312f776569676874732a6109000000000000",
            "f8bf11000000000000004019000000000000084021000000000000e03f290000000000001940321800",
            "0000000000f0bf000000000000000000000000000004403a18000000000000f03f0000000000000000",
            "00000000000000400a180a08696d616765732f30220c080210031803220489504e47",
        );
        assert_eq!(hex(&event.encode_to_vec()), golden);
    }

    /// The files of this test, read by TensorBoard 2.21 itself, give perplexities of 5 and 3 at
    /// steps 1 and 2 and nothing of the 9 at step 2 that the resumed run wrote anew:
    ///
    /// ```python
    /// from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    /// events = EventAccumulator(folder); events.Reload()
    /// print([(e.step, e.value) for e in events.Scalars("train/perplexity")])
    /// ```
    #[test]
    fn a_resumed_run_goes_on_in_a_later_file_with_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = EventFile::create(folder.path(), None).unwrap();
        let scalar = |value| [("train/perplexity".to_owned(), value)].into_iter();
        first.scalars(1, scalar(5.0)).unwrap();
        first.scalars(2, scalar(9.0)).unwrap();
        let mut second = EventFile::create(folder.path(), Some(2)).unwrap();
        second.scalars(2, scalar(3.0)).unwrap();
        second.sync().unwrap();
        assert!(first.path < second.path, "{:?} {:?}", first.path, second.path);

        let whats = |events: &EventFile| -> Vec<(i64, EventKind)> {
            let events = parse(&fs::read(&events.path).unwrap());
            assert!(events.iter().all(|event| event.wall_time > 1.7e9));
            events.into_iter().map(|event| (event.step, event.what.unwrap())).collect()
        };
        let version = (0, EventKind::FileVersion("brain.Event:2".to_owned()));
        let perplexity = |step, value| {
            let value = Value::of("train/perplexity".to_owned(), &Content::Scalar(value));
            (step, EventKind::Summary(SummaryMessage { value: vec![value] }))
        };
        let start = (2, EventKind::SessionLog(SessionLog { status: 1 }));
        assert_eq!(whats(&first), [version.clone(), perplexity(1, 5.0), perplexity(2, 9.0)]);
        assert_eq!(whats(&second), [version, start, perplexity(2, 3.0)]);
    }

    #[test]
    fn a_new_file_sorts_behind_files_from_the_future() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["events.out.tfevents.4000000000.host.7.0", "events.out.tfevents.x", "log"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let name = file_name(folder.path()).unwrap();
        assert!(name.starts_with("events.out.tfevents.4000000001.tfm."), "{name}");
    }
}
