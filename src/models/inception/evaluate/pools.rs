//! Maxima and means of windows of any size.

use anyhow::Result;

use super::arithmetic::maximum;
use super::call::{Call, Operation};
use super::data_format::DataFormat;
use super::numbers::{doubles, from_doubles, len};
use super::sliding_window::{SlidingWindow, windows};
use crate::data::graphdef::Tensor;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("MaxPool", 1, |call| pool(call, f64::NEG_INFINITY, maximum, |max, _| max)),
    Operation::one("AvgPool", 1, |call| pool(call, 0.0, |a, b| a + b, |sum, n| sum / n as f64)),
];

/// For each window and channel, what `finish` makes of the values that are joined one by one to
/// `first`, and of their number. The border is none of them.
fn pool(
    call: &Call<'_>,
    first: f64,
    join: fn(f64, f64) -> f64,
    finish: fn(f64, usize) -> f64,
) -> Result<Tensor> {
    let format = DataFormat::of(call.node)?;
    let input = format.channels_last(call.inputs[0])?;
    let (of, data_type) = (&input.shape, input.values.data_type());
    let kernel = format.rows_and_columns(call.node, "ksize", None)?;
    let [rows, columns] = windows(call.node, format, [of[1], of[2]], kernel)?;
    let (channels, shape) = (of[3], vec![of[0], rows.output, columns.output, of[3]]);
    let mut results = vec![first; len(&shape, data_type)?];
    let values = doubles(&input.values)?;
    if !results.is_empty() {
        for (index, results) in results.chunks_exact_mut(channels).enumerate() {
            let pixels = Pixels { rows, columns, index };
            let mut n = 0;
            pixels.visit(|pixel| {
                n += 1;
                let values = &values[pixel * channels..][..channels];
                results.iter_mut().zip(values).for_each(|(a, b)| *a = join(*a, *b));
            });
            results.iter_mut().for_each(|result| *result = finish(*result, n));
        }
    }
    format.restored(from_doubles(shape, results, data_type)?)
}

/// The pixels of one window, numbered through all images.
struct Pixels {
    rows: SlidingWindow,
    columns: SlidingWindow,
    index: usize,
}

impl Pixels {
    fn visit(&self, mut visit: impl FnMut(usize)) {
        let Self { rows, columns, index } = self;
        let (row, column) = (index / columns.output % rows.output, index % columns.output);
        let image = index / (rows.output * columns.output);
        for y in rows.inside(row) {
            let line = (image * rows.input + rows.position(row, y)) * columns.input;
            columns.inside(column).for_each(|x| visit(line + columns.position(column, x)));
        }
    }
}
