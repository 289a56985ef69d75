//! The protobuf messages of TensorBoard's event files: `tensorflow/core/util/event.proto` and
//! `tensorflow/core/framework/summary.proto`, with their names.

use prost::Message;

use super::summary::{Content, Histogram, Picture};

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
