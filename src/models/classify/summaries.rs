//! TensorBoard summaries of a step: histograms of variables, gradients and activations, their sparsity,
//! and images as the network sees them.

use anyhow::Result;

use crate::data::augment::Shape;
use crate::metrics::{Content, Histogram, Picture, Raster, Summary};
use crate::models::classify::Classifier;
use crate::nn::Mode;
use crate::ops::{Cpu, statistics};

/// Images that are shown.
const PICTURES: usize = 3;

/// The summaries of the last step, and of a forward pass of `images`.
///
/// # Errors
/// When an image cannot be encoded as PNG.
pub fn of(cpu: &Cpu, classifier: &mut Classifier, images: &[f32]) -> Result<Vec<Summary>> {
    let mut summaries = Vec::new();
    let network = &classifier.network;
    for (parameter, gradient) in network.parameters().iter().zip(network.gradients()) {
        let name = parameter.name();
        summaries.push(histogram(cpu, name.to_string(), &parameter.values()));
        summaries.push(histogram(cpu, format!("{name}/gradients"), gradient.values()));
    }
    let (names, outputs): (Vec<_>, Vec<_>) = network.graph().activations().into_iter().unzip();
    let feed = classifier.feed(images, &[]);
    let values = classifier.network.run_for(cpu, Mode::Inference, &outputs, feed)?;
    for (name, values) in names.iter().zip(&values) {
        summaries.push(histogram(cpu, format!("{name}/activations"), values));
        let sparsity = statistics::statistics(cpu, values).sparsity();
        let tag = format!("{name}/sparsity");
        summaries.push(Summary { tag, content: Content::Scalar(sparsity) });
    }
    let image = classifier.image;
    for (i, pixels) in images.chunks(image.values()).take(PICTURES).enumerate() {
        let content = Content::Picture(picture(pixels, image)?);
        summaries.push(Summary { tag: format!("images/image/{i}"), content });
    }
    Ok(summaries)
}

fn histogram(cpu: &Cpu, tag: String, values: &[f32]) -> Summary {
    let statistics::Histogram { statistics, bucket_limit, bucket } =
        statistics::histogram(cpu, values);
    let histogram = Histogram {
        min: statistics.min,
        max: statistics.max,
        num: statistics.count as f64,
        sum: statistics.sum,
        sum_squares: statistics.sum_of_squares,
        bucket_limit,
        bucket,
    };
    Summary { tag, content: Content::Histogram(histogram) }
}

/// An image as PNG, scaled as TensorFlow does: zero is mid grey, the largest
/// absolute value black or white.
fn picture(image: &[f32], shape: Shape) -> Result<Picture> {
    let largest = image.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let bytes: Vec<u8> =
        image.iter().map(|value| (value / largest * 127.0 + 128.0) as u8).collect();
    let Shape { width, height, depth: channels } = shape;
    Raster { width, height, channels, pixels: &bytes }.summary()
}
