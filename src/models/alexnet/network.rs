//! The convolutions of AlexNet (Krizhevsky, Sutskever & Hinton, 2012) as they are on one GPU
//! ("One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997), which
//! is what `alexnet_benchmark.py` times.

use anyhow::Result;

use super::AlexnetConfig;
use crate::models::describe::Description;
use crate::nn::{Filters, Graph, Init, Value};
use crate::ops::lrn::Lrn;
use crate::ops::window::Padding::Valid;

/// Rows and columns of an image.
pub const SIDE: usize = 224;

/// The values of the last pooling (batch, 6, 6, 256) for `images` (batch, 224, 224, 3); with the
/// paper's normalisation where asked for.
fn network(images: Value, lrn: bool) -> Value {
    let init = Init::truncated_normal(0.1);
    let x = images.conv2d("conv1", Filters::new(64, 11).stride(4), init).relu();
    let x = normalised(x, lrn).max_pool(3, 2, Valid).named("pool1");
    let x = x.conv2d("conv2", Filters::new(192, 5), init).relu();
    let x = normalised(x, lrn).max_pool(3, 2, Valid).named("pool2");
    let x = x.conv2d("conv3", Filters::new(384, 3), init).relu();
    let x = x.conv2d("conv4", Filters::new(256, 3), init).relu();
    let x = x.conv2d("conv5", Filters::new(256, 3), init).relu();
    x.max_pool(3, 2, Valid).named("pool5")
}

/// Section 3.3 of the paper.
fn normalised(x: Value, lrn: bool) -> Value {
    let parameters = Lrn { radius: 2, bias: 2.0, alpha: 1e-4, beta: 0.75 };
    if lrn { x.lrn(parameters) } else { x }
}

/// The network of a config. Its loss is half the sum of the squares of what it gives.
///
/// # Errors
/// A layer that does not fit its input.
pub fn describe(config: &AlexnetConfig) -> Result<Description> {
    let (graph, [output, loss]) = Graph::build(|g| {
        let y = network(g.input("images", &[SIDE, SIDE, 3]), config.lrn);
        [y.output(), y.half_sum_of_squares().output()]
    })?;
    Ok(Description { graph, output, loss, batch: config.batch_size, steps: 1, seed: config.seed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Feed, Mode, Network};
    use crate::ops::{Cpu, Isa};
    use crate::rng::Stream;

    #[test]
    fn activations_have_the_shapes_of_the_reference() {
        let network = describe(&AlexnetConfig::default()).unwrap();
        let layers = network.graph.layers(128, 1);
        let named = layers.iter().filter(|layer| ["conv", "pool"].contains(&&layer.name[..4]));
        let shapes: Vec<_> = named.map(|layer| (&layer.name[..], &layer.output[..])).collect();
        assert_eq!(
            shapes,
            [
                ("conv1", &[128, 56, 56, 64][..]),
                ("pool1", &[128, 27, 27, 64]),
                ("conv2", &[128, 27, 27, 192]),
                ("pool2", &[128, 13, 13, 192]),
                ("conv3", &[128, 13, 13, 384]),
                ("conv4", &[128, 13, 13, 256]),
                ("conv5", &[128, 13, 13, 256]),
                ("pool5", &[128, 6, 6, 256]),
            ]
        );
        assert_eq!(network.graph.parameters.len(), 10);
    }

    /// The slope of the objective along a random direction in all parameters is the sum over
    /// them of gradient times direction.
    #[test]
    fn gradients_are_the_slope_of_the_objective() {
        for lrn in [false, true] {
            let cpu = Cpu::new(*Isa::available().last().unwrap(), 2).unwrap();
            let config = AlexnetConfig { lrn, seed: 3, ..Default::default() };
            let Description { graph, output, loss, .. } = describe(&config).unwrap();
            let mut network = Network::new(graph, 3).unwrap();
            let mut numbers = Stream::new(5, "images").at(0);
            let images: Vec<f32> =
                (0..SIDE * SIDE * 3).map(|_| 0.1 * numbers.normal() as f32).collect();
            // Scaled so that the activations stay near one.
            let all = network.parameters().iter();
            for parameter in all.filter(|p| p.name().ends_with("weights")) {
                let fan_in = (parameter.len() / parameter.shape()[3]) as f32;
                let scale = 10.0 / fan_in.sqrt();
                parameter.update(|w| w.iter_mut().for_each(|w| *w *= scale)).unwrap();
            }
            let feed = || Feed { ids: Vec::new(), ..Feed::images(1, &images, &[]) };
            let objective = |network: &mut Network| {
                let y = network.run(&cpu, Mode::Inference, output, feed()).unwrap();
                y.iter().map(|&y| f64::from(y).powi(2)).sum::<f64>() / 2.0
            };
            let want = objective(&mut network);
            let mode = Mode::Gradients { step: 0, scale: 1.0 };
            let got = network.run(&cpu, mode, loss, feed()).unwrap()[0];
            assert!((f64::from(got) - want).abs() < 1e-5 * want, "{got} and {want}");
            let mut slope = 0.0;
            let mut directions = Vec::new();
            for (parameter, gradient) in network.parameters().iter().zip(network.gradients()) {
                let scale = 1e-4 * parameter.values().iter().map(|w| w * w).sum::<f32>().sqrt()
                    / (parameter.len() as f32).sqrt();
                let direction: Vec<f32> = (0..parameter.len())
                    .map(|_| (scale + 1e-6) * numbers.normal() as f32)
                    .collect();
                let pairs = gradient.values().iter().zip(&direction);
                slope += pairs.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum::<f64>();
                directions.push(direction);
            }
            let mut at = |sign: f32| {
                for (parameter, direction) in network.parameters().iter().zip(&directions) {
                    let step = |(w, d): (&mut f32, &f32)| *w += sign * d;
                    parameter.update(|w| w.iter_mut().zip(direction).for_each(step)).unwrap();
                }
                objective(&mut network)
            };
            let (above, below) = (at(1.0), at(-2.0));
            let found = (above - below) / 2.0;
            assert!((found - slope).abs() < 0.02 * slope.abs(), "{lrn}: {found} and {slope}");
        }
    }
}
