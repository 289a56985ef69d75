//! The protobuf messages of TensorBoard's event files: `tensorflow/core/util/event.proto` and
//! `tensorflow/core/framework/summary.proto`, with their names.

use prost::Message;

use super::summary::{self, Content};

#[derive(Clone, PartialEq, Message)]
pub struct Event {
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Values),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
pub struct Values {
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
    pub image: Option<Image>,
    #[prost(message, optional, tag = "5")]
    pub histo: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    #[prost(double, tag = "1")]
    pub min: f64,
    #[prost(double, tag = "2")]
    pub max: f64,
    #[prost(double, tag = "3")]
    pub num: f64,
    #[prost(double, tag = "4")]
    pub sum: f64,
    #[prost(double, tag = "5")]
    pub sum_squares: f64,
    #[prost(double, repeated, tag = "6")]
    pub bucket_limit: Vec<f64>,
    #[prost(double, repeated, tag = "7")]
    pub bucket: Vec<f64>,
}

impl Value {
    pub fn of(tag: String, content: &Content) -> Self {
        let mut value = Self { tag, ..Self::default() };
        match content {
            Content::Scalar(scalar) => value.simple_value = Some(*scalar as f32),
            Content::Histogram(histogram) => {
                let summary::Histogram { min, max, num, sum, sum_squares, .. } = *histogram;
                let (bucket_limit, bucket) =
                    (histogram.bucket_limit.clone(), histogram.bucket.clone());
                value.histo =
                    Some(Histogram { min, max, num, sum, sum_squares, bucket_limit, bucket });
            }
            Content::Picture(picture) => {
                // A PNG has no more than 2³¹ - 1 rows or columns.
                value.image = Some(Image {
                    height: picture.height as i32,
                    width: picture.width as i32,
                    colorspace: picture.channels as i32,
                    encoded_image_string: picture.png.clone(),
                });
            }
        }
        value
    }
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct SessionLog {
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Status {
    Unspecified = 0,
    Start = 1,
}
