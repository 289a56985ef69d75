//! What only TensorBoard shows of a step: distributions and pictures, which are messages of its
//! files (`tensorflow/core/framework/summary.proto`).

use prost::Message;

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
