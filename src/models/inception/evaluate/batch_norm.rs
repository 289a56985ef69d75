//! Batch normalisation, of statistics that are given or of the batch's own.

use anyhow::{Result, ensure};

use super::call::{Call, Operation};
use super::data_format::DataFormat;
use super::numbers::{doubles, from_doubles};
use crate::data::graphdef::{DataType, Tensor, Values};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::one("BatchNormWithGlobalNormalization", 5, global_normalization),
    Operation::several("FusedBatchNorm", 5, fused),
    Operation::several("FusedBatchNormV2", 5, fused),
    Operation::several("FusedBatchNormV3", 5, |call| {
        let mut outputs = fused(call)?;
        // What a gradient on a GPU would use.
        outputs.push(Tensor { shape: vec![0], values: Values::Float(Vec::new()) });
        Ok(outputs)
    }),
];

/// One number a channel for each step of (x − mean) · factor + offset.
struct Normalization {
    mean: Vec<f64>,
    factor: Vec<f64>,
    offset: Vec<f64>,
}

impl Normalization {
    /// The images (…, channels), normalised.
    fn apply(&self, pictures: &Tensor) -> Result<Tensor> {
        let mut values = doubles(&pictures.values)?;
        for pixel in values.chunks_exact_mut(self.mean.len().max(1)) {
            for (channel, x) in pixel.iter_mut().enumerate() {
                *x = (*x - self.mean[channel]) * self.factor[channel] + self.offset[channel];
            }
        }
        from_doubles(pictures.shape.clone(), values, pictures.values.data_type())
    }
}

/// An input with one number per channel of the images.
fn of_channels(call: &Call<'_>, index: usize, pictures: &[usize]) -> Result<Vec<f64>> {
    let input = call.inputs[index];
    let (shape, channels) = (&input.shape, pictures.last());
    ensure!(
        shape.len() == 1 && shape.first() == channels,
        "a value of shape {shape:?} does not match the channels of shape {pictures:?}"
    );
    doubles(&input.values)
}

fn products(left: impl IntoIterator<Item = f64>, right: &[f64]) -> Vec<f64> {
    left.into_iter().zip(right).map(|(left, right)| left * right).collect()
}

/// Reads images, mean, variance, β and γ, in this order.
fn global_normalization(call: &Call<'_>) -> Result<Tensor> {
    let (input, node) = (call.inputs[0], call.node);
    let shape = &input.shape;
    ensure!(shape.len() == 4, "expected images with 4 dimensions, got shape {shape:?}");
    let of = |index| of_channels(call, index, shape);
    let (mean, variance, offset, scale) = (of(1)?, of(2)?, of(3)?, of(4)?);
    let epsilon = f64::from(node.float("variance_epsilon", None)?);
    let factor = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt());
    let factor = match node.flag("scale_after_normalization", None)? {
        true => products(factor, &scale),
        false => factor.collect(),
    };
    Normalization { mean, factor, offset }.apply(input)
}

/// Reads pictures, scale, offset, mean and variance. Gives the pictures, then what training keeps:
/// the moving mean and variance, and those that were used.
fn fused(call: &Call<'_>) -> Result<Vec<Tensor>> {
    let (format, node) = (DataFormat::of(call.node)?, call.node);
    let input = format.channels_last(call.inputs[0])?;
    let (scale, offset) =
        (of_channels(call, 1, &input.shape)?, of_channels(call, 2, &input.shape)?);
    let epsilon = f64::from(node.float("epsilon", 1e-4)?);
    let Statistics { mean, variance, moving } = match node.flag("is_training", true)? {
        true => Statistics::of_batch(call, &input)?,
        false => {
            let [mean, variance] = [3, 4].map(|index| of_channels(call, index, &input.shape));
            let (mean, variance) = (mean?, variance?);
            Statistics { moving: [mean.clone(), variance.clone()], mean, variance }
        }
    };
    let factor = products(variance.iter().map(|it| 1.0 / (it + epsilon).sqrt()), &scale);
    let normalization = Normalization { mean: mean.clone(), factor, offset };
    let mut outputs = vec![format.restored(normalization.apply(&input)?)?];
    let [moving_mean, moving_variance] = moving;
    for values in [moving_mean, moving_variance, mean, variance] {
        outputs.push(from_doubles(vec![values.len()], values, DataType::Float)?);
    }
    Ok(outputs)
}

/// Means and variances of channels.
struct Statistics {
    /// That of the values.
    mean: Vec<f64>,
    /// Their squared distance from it, in the mean.
    variance: Vec<f64>,
    /// The moving mean and variance.
    moving: [Vec<f64>; 2],
}

impl Statistics {
    /// Those of a batch (…, channels). The variance that is kept has one value less to be divided by,
    /// and a share of what the node reads stays in both if `exponential_avg_factor` is not one.
    fn of_batch(call: &Call<'_>, batch: &Tensor) -> Result<Self> {
        let values = doubles(&batch.values)?;
        let channels = batch.shape[3];
        let n = values.len().checked_div(channels).unwrap_or(0) as f64;
        let mean = means(&values, channels, n, |x, _| x);
        let variance = means(&values, channels, n, |x, channel| (x - mean[channel]).powi(2));
        let unbiased = variance.iter().map(|it| it * n / (n - 1.0).max(1.0)).collect();
        let share = f64::from(call.node.float("exponential_avg_factor", 1.0)?);
        let moved = |index, new: Vec<f64>| -> Result<Vec<f64>> {
            if share == 1.0 {
                return Ok(new);
            }
            let old = of_channels(call, index, &batch.shape)?;
            let pairs = new.into_iter().zip(old);
            Ok(pairs.map(|(new, old)| (1.0 - share) * old + share * new).collect())
        };
        let moving = [moved(3, mean.clone())?, moved(4, unbiased)?];
        Ok(Self { mean, variance, moving })
    }
}

/// The mean over `n` pixels of a function of each channel's value.
fn means(values: &[f64], channels: usize, n: f64, of: impl Fn(f64, usize) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; channels];
    for pixel in values.chunks_exact(channels.max(1)) {
        let pairs = sums.iter_mut().zip(pixel).enumerate();
        pairs.for_each(|(channel, (sum, x))| *sum += of(*x, channel));
    }
    sums.iter_mut().for_each(|sum| *sum /= n);
    sums
}
