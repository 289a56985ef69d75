//! Pictures of another size, in TensorFlow's order of operations in `f32`: equal to the last bit.

use anyhow::{Result, bail, ensure};

use super::call::{Call, Operation};
use super::numbers::{Numbers, len, not_taken};
use super::rearrange::{rearranged, strides};
use crate::data::graphdef::{DataType, Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("ResizeBilinear", 2, bilinear),
    Operation::one("ResizeNearestNeighbor", 2, nearest_neighbor),
];

/// The largest height and width, as TensorFlow has it.
const MAX_SIZE: usize = i32::MAX as usize;

/// One axis of pictures that are resized.
struct Scaled {
    input: usize,
    output: usize,
    /// The distance of an output's neighbours in the input.
    scale: f32,
    align_corners: bool,
    half_pixel_centers: bool,
}

/// The two values between which one of the output lies.
struct Between {
    lower: usize,
    upper: usize,
    /// The share of the upper one.
    share: f32,
}

impl Scaled {
    /// Where an output lies in the input, if both have their zero at the same place.
    fn at(&self, index: usize) -> f32 {
        let position = index as f32;
        if self.half_pixel_centers { (position + 0.5) * self.scale } else { position * self.scale }
    }

    fn between(&self, index: usize) -> Between {
        let position = if self.half_pixel_centers { self.at(index) - 0.5 } else { self.at(index) };
        let below = position.floor();
        Between {
            lower: (below as usize).min(self.input - 1),
            upper: (position.ceil() as usize).min(self.input - 1),
            share: position - below,
        }
    }

    fn nearest(&self, index: usize) -> usize {
        let position = self.at(index);
        let nearest = if self.align_corners { position.round() } else { position.floor() };
        (nearest as usize).min(self.input - 1)
    }
}

/// The rows and the columns of a node that resizes.
fn scaled(call: &Call<'_>) -> Result<[Scaled; 2]> {
    let (of, sizes) = (&call.inputs[0].shape, call.sizes(1)?);
    ensure!(of.len() == 4, "pictures have 4 dimensions, and these have shape {of:?}");
    let fits = sizes.len() == 2 && sizes.iter().all(|size| (1..=MAX_SIZE).contains(size));
    ensure!(fits, "a size is a height and a width above zero, not {sizes:?}");
    let fits = of[1..3].iter().all(|size| (1..=MAX_SIZE).contains(size));
    ensure!(fits, "pictures of shape {of:?} have no pixels");
    let align_corners = call.node.flag("align_corners", false)?;
    let half_pixel_centers = call.node.flag("half_pixel_centers", false)?;
    if align_corners && half_pixel_centers {
        bail!("align_corners and half_pixel_centers exclude each other");
    }
    let axis = |axis: usize| {
        let (input, output) = (of[1 + axis], sizes[axis]);
        let between = usize::from(align_corners && output > 1);
        let scale = (input - between) as f32 / (output - between) as f32;
        Scaled { input, output, scale, align_corners, half_pixel_centers }
    };
    Ok([axis(0), axis(1)])
}

fn nearest_neighbor(call: &Call<'_>) -> Result<Tensor> {
    let (input, [rows, columns]) = (call.inputs[0], scaled(call)?);
    let (of, strides) = (&input.shape, strides(&input.shape));
    let shape = vec![of[0], rows.output, columns.output, of[3]];
    rearranged(input, shape, |axis, index| {
        let index = match axis {
            1 => rows.nearest(index),
            2 => columns.nearest(index),
            _ => index,
        };
        index * strides[axis]
    })
}

fn bilinear(call: &Call<'_>) -> Result<Tensor> {
    let (input, [rows, columns]) = (call.inputs[0], scaled(call)?);
    let (of, channels) = (&input.shape, input.shape[3]);
    let shape = vec![of[0], rows.output, columns.output, channels];
    let mut resized = Vec::with_capacity(len(&shape, DataType::Float)?);
    let values = match Numbers::of(&input.values)?.into_values(DataType::Float)? {
        Values::Float(values) if !matches!(input.values, Values::Bool(_)) => values,
        _ => return Err(not_taken(&input.values)),
    };
    if resized.capacity() > 0 {
        let columns: Vec<_> = (0..columns.output).map(|index| columns.between(index)).collect();
        for image in values.chunks_exact(of[1] * of[2] * channels) {
            for row in (0..rows.output).map(|index| rows.between(index)) {
                let line = |row: usize| &image[row * of[2] * channels..][..of[2] * channels];
                add_row(
                    line(row.lower),
                    line(row.upper),
                    row.share,
                    &columns,
                    channels,
                    &mut resized,
                );
            }
        }
    }
    Tensor::new(shape, Values::Float(resized))
}

/// Adds the row that lies between two of the input.
fn add_row(
    top: &[f32],
    bottom: &[f32],
    share: f32,
    columns: &[Between],
    channels: usize,
    resized: &mut Vec<f32>,
) {
    for column in columns {
        let (left, right) = (column.lower * channels, column.upper * channels);
        for channel in 0..channels {
            let along = |line: &[f32]| {
                let (left, right) = (line[left + channel], line[right + channel]);
                left + (right - left) * column.share
            };
            let (top, bottom) = (along(top), along(bottom));
            resized.push(top + (bottom - top) * share);
        }
    }
}
