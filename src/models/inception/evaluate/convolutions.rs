//! Convolutions: of all channels, of groups of them, and of each by itself.

use anyhow::{Result, ensure};

use super::call::{Call, Operation};
use super::data_format::DataFormat;
use super::numbers::{doubles, from_doubles, len, two_types};
use super::sliding_window::{SlidingWindow, windows};
use crate::data::graphdef::Tensor;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("Conv2D", 2, conv_2d),
    Operation::one("DepthwiseConv2dNative", 2, depthwise_conv_2d),
];

/// Filters (height, width, inputs, outputs) for each of `groups` equal parts of the channels, those of
/// the first group before those of the second along the last axis.
#[derive(Clone, Copy)]
struct Filters {
    inputs: usize,
    outputs: usize,
    groups: usize,
}

fn conv_2d(call: &Call<'_>) -> Result<Tensor> {
    convolution(call, |channels, [inputs, outputs]| {
        let groups = channels.checked_div(inputs)?;
        let fits = channels.is_multiple_of(inputs) && outputs.is_multiple_of(groups.max(1));
        fits.then_some(Filters { inputs, outputs: outputs / groups.max(1), groups })
    })
}

/// Output c · multiplier + m is the m-th filter of channel c, so each channel is a group.
fn depthwise_conv_2d(call: &Call<'_>) -> Result<Tensor> {
    convolution(call, |channels, [inputs, multiplier]| {
        (channels == inputs).then_some(Filters { inputs: 1, outputs: multiplier, groups: channels })
    })
}

/// The convolution with the filters that a function finds from the channels and the last two sizes
/// of the filters' tensor.
fn convolution(
    call: &Call<'_>,
    filters: impl Fn(usize, [usize; 2]) -> Option<Filters>,
) -> Result<Tensor> {
    let (format, weight) = (DataFormat::of(call.node)?, call.inputs[1]);
    let input = format.channels_last(call.inputs[0])?;
    let (of, by) = (&input.shape, &weight.shape);
    ensure!(by.len() == 4, "expected filters with 4 dimensions, got shape {by:?}");
    let filters = filters(of[3], [by[2], by[3]]).filter(|_| !by.contains(&0));
    let Some(filters) = filters else {
        anyhow::bail!(
            "filters of shape {by:?} do not match images of shape {:?}",
            call.inputs[0].shape
        );
    };
    let data_type = input.values.data_type();
    ensure!(data_type == weight.values.data_type(), two_types(&input.values, &weight.values));
    let windows = windows(call.node, format, [of[1], of[2]], [by[0], by[1]])?;
    let shape = vec![of[0], windows[0].output, windows[1].output, filters.groups * filters.outputs];
    let mut sums = vec![0.0; len(&shape, data_type)?];
    if !sums.is_empty() {
        let (input, weight) = (doubles(&input.values)?, doubles(&weight.values)?);
        convolve(windows, filters, &input, &weight, &mut sums);
    }
    format.restored(from_doubles(shape, sums, data_type)?)
}

/// Adds the convolution of `input` (batch, height, width, channels) to `sums` (batch, rows, columns,
/// channels).
fn convolve(
    [rows, columns]: [SlidingWindow; 2],
    filters: Filters,
    input: &[f64],
    weight: &[f64],
    sums: &mut [f64],
) {
    let Filters { inputs, outputs, groups } = filters;
    let (channels, of_tap) = (groups * inputs, inputs * groups * outputs);
    for (pixel, sums) in sums.chunks_exact_mut(groups * outputs).enumerate() {
        let (row, column) = (pixel / columns.output % rows.output, pixel % columns.output);
        let image = pixel / (rows.output * columns.output);
        for y in rows.inside(row) {
            let line = image * rows.input + rows.position(row, y);
            for x in columns.inside(column) {
                let at = line * columns.input + columns.position(column, x);
                let weight = &weight[(y * columns.kernel + x) * of_tap..][..of_tap];
                add_products(filters, &input[at * channels..][..channels], weight, sums);
            }
        }
    }
}

/// Adds what one pixel's channels give through one of the filters' positions (inputs, groups · outputs).
fn add_products(filters: Filters, values: &[f64], weight: &[f64], sums: &mut [f64]) {
    let Filters { inputs, outputs, groups } = filters;
    for (index, value) in values.iter().enumerate() {
        let (group, input) = (index / inputs, index % inputs);
        let line = &weight[(input * groups + group) * outputs..][..outputs];
        let sums = &mut sums[group * outputs..][..outputs];
        sums.iter_mut().zip(line).for_each(|(sum, weight)| *sum += value * weight);
    }
}
