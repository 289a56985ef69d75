//! What the convolutions of images share.

use super::{IMAGES, check_windows, rank, written};
use crate::nn::graph::Filters;
use crate::ops::conv::Shape;
use crate::ops::relu::Rectifier;

/// The sizes for images (batch, height, width, in channels) that get `out_channels`.
pub(super) fn sizes(filters: Filters, images: &[usize], out_channels: usize) -> Shape {
    Shape {
        batch: images[0],
        height: images[1],
        width: images[2],
        in_channels: images[3],
        out_channels,
        kernel: filters.size,
        stride: [filters.stride; 2],
        padding: filters.padding,
    }
}

/// The shape of the output, of `sizes` for images of the right rank.
///
/// # Errors
/// When `images` is not the shape of images, or is smaller than the filters.
pub(super) fn output(
    images: &[usize],
    sizes: impl FnOnce(&[usize]) -> Shape,
) -> Result<Vec<usize>, String> {
    rank(images, &IMAGES)?;
    let shape = sizes(images);
    check_windows(shape.kernel, shape.stride)?;
    let output = [shape.rows().output(), shape.columns().output()];
    if output.contains(&0) {
        let [height, width] = shape.kernel;
        let images = written(images);
        return Err(format!("filters of {height} × {width} are larger than images {images}"));
    }
    Ok(vec![shape.batch, output[0], output[1], shape.out_channels])
}

/// What the last store does to the sums `y` of a reference, channels last: normalises them by
/// `statistics` (γ, β, mean, variance) where a batch normalisation with an ε is `folded`, and cuts
/// them off.
pub(super) fn finished(
    y: Vec<f64>,
    folded: Option<f32>,
    statistics: &[Vec<f64>],
    rectifier: Rectifier,
) -> Vec<f64> {
    let normalised = |(i, y): (usize, f64)| match (folded, statistics) {
        (Some(epsilon), [gamma, beta, mean, variance]) => {
            let n = i % gamma.len();
            let deviation = (variance[n] + f64::from(epsilon)).sqrt();
            gamma[n] * (y - mean[n]) / deviation + beta[n]
        }
        _ => y,
    };
    y.into_iter().enumerate().map(normalised).map(|y| rectifier.reference(y)).collect()
}
