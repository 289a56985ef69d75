//! What only TensorBoard shows of a step: distributions and pictures.

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// How many values there are.
    pub num: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
    /// The upper ends of the buckets.
    pub bucket_limit: Vec<f64>,
    /// How many values each bucket has.
    pub bucket: Vec<f64>,
}

/// A picture as PNG.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Channels: 1 for grey, 3 for RGB.
    pub channels: u32,
    /// The PNG file.
    pub png: Vec<u8>,
}
