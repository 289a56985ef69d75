//! Image resizing, bit for bit as in TensorFlow.

use anyhow::{Result, bail, ensure};

use super::call::{Call, Operation};
use super::numbers::{MIN_CHECKED, Numbers, len, not_taken, same_type};
use crate::data::graphdef::{DataType, Tensor, Values};
use crate::ops::resize::{Alignment, Resize, resize_bilinear, resize_nearest_neighbor};
use crate::system::memory;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("ResizeBilinear", 2, bilinear),
    Operation::one("ResizeNearestNeighbor", 2, nearest_neighbor),
];

/// The largest height and width, as TensorFlow has it.
const MAX_SIZE: usize = i32::MAX as usize;

/// The bytes of a place: two positions and a share.
const PLACE: usize = 24;

/// The output shape of a resizing node for values of a type, and its sizes; none if there are no
/// images or channels.
fn sizes(call: &Call<'_>, data_type: DataType) -> Result<(Vec<usize>, Option<Resize>)> {
    let (of, to) = (&call.inputs[0].shape, call.sizes(1)?);
    let [batch, height, width, channels] = of[..] else {
        bail!("expected images with 4 dimensions, got shape {of:?}")
    };
    let is_size = |size: &usize| (1..=MAX_SIZE).contains(size);
    ensure!(
        to.len() == 2 && to.iter().all(is_size),
        "a size must be a height and a width above zero, not {to:?}"
    );
    ensure!(of[1..3].iter().all(is_size), "images of shape {of:?} have no pixels");
    let flags =
        (call.node.flag("align_corners", false)?, call.node.flag("half_pixel_centers", false)?);
    let alignment = match flags {
        (true, true) => bail!("align_corners and half_pixel_centers cannot both be set"),
        (true, false) => Alignment::Corners,
        (false, true) => Alignment::Centres,
        (false, false) => Alignment::Corner,
    };
    let shape = vec![batch, to[0], to[1], channels];
    len(&shape, data_type)?;
    let is_empty = batch * channels == 0;
    // Two rows that are kept, and the places of each new row and column.
    let bytes = (2 * to[1] * channels * size_of::<f32>() + PLACE * (to[0] + to[1])) as u64;
    if !is_empty && bytes >= MIN_CHECKED {
        memory::ensure_fits(bytes, || format!("a resize to {} × {}", to[0], to[1]))?;
    }
    let resize = || Resize::new([batch, height, width, channels], [to[0], to[1]], alignment);
    Ok((shape, if is_empty { None } else { Some(resize()?) }))
}

fn nearest_neighbor(call: &Call<'_>) -> Result<Tensor> {
    let input = call.inputs[0];
    let (shape, resize) = sizes(call, input.values.data_type())?;
    Tensor::new(shape, same_type!(&input.values, values => nearest(resize, values)))
}

fn nearest<T: Clone>(resize: Option<Resize>, values: &[T]) -> Vec<T> {
    let (Some(resize), Some(first)) = (resize, values.first()) else { return Vec::new() };
    let mut resized = vec![first.clone(); resize.outputs()];
    resize_nearest_neighbor(resize, values, &mut resized);
    resized
}

fn bilinear(call: &Call<'_>) -> Result<Tensor> {
    let input = call.inputs[0];
    let (shape, resize) = sizes(call, DataType::Float)?;
    let mut resized = vec![0.0; resize.map_or(0, |resize| resize.outputs())];
    let Some(resize) = resize else { return Tensor::new(shape, Values::Float(resized)) };
    match &input.values {
        // Photographs are large: they are not copied.
        Values::Uint8(values) => resize_bilinear(resize, values, &mut resized),
        Values::Float(values) => resize_bilinear(resize, values, &mut resized),
        Values::Bool(_) => return Err(not_taken(&input.values)),
        values => match Numbers::of(values)?.into_values(DataType::Float)? {
            Values::Float(values) => resize_bilinear(resize, &values, &mut resized),
            _ => return Err(not_taken(&input.values)),
        },
    }
    Tensor::new(shape, Values::Float(resized))
}
