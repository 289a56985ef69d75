//! The convolutions of AlexNet (Krizhevsky, Sutskever & Hinton, 2012) as they are on one GPU
//! ("One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997), which
//! is what `alexnet_benchmark.py` times.

use anyhow::Result;

use crate::nn::{Convolution, Initial};
use crate::ops::lrn::Lrn;
use crate::ops::pool::{self, Floor, max_pool2d, max_pool2d_gradient};
use crate::ops::pool_lrn::{PoolLrn, lrn_pool, lrn_pool_gradient};
use crate::ops::relu::relu_gradient;
use crate::ops::window::Padding;
use crate::ops::{Buffer, Cpu, conv};

/// Rows and columns of an image.
pub const SIDE: usize = 224;
/// Values of an image (224, 224, 3).
pub const IMAGE: usize = SIDE * SIDE * 3;

/// Name, filters (height, width, in, out) and stride of the convolutions.
const CONVOLUTIONS: [(&str, [usize; 4], usize); 5] = [
    ("conv1", [11, 11, 3, 64], 4),
    ("conv2", [5, 5, 64, 192], 1),
    ("conv3", [3, 3, 192, 384], 1),
    ("conv4", [3, 3, 384, 256], 1),
    ("conv5", [3, 3, 256, 256], 1),
];

/// What follows a convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// The next convolution.
    Nothing,
    /// Max pooling.
    Pool,
    /// Local response normalisation, then max pooling.
    LrnPool,
}

/// A convolution with its ReLU, and what follows it.
#[derive(Debug)]
struct Layer {
    name: &'static str,
    convolution: Convolution,
    then: Then,
    /// The output of the ReLU for the last batch.
    activated: Buffer,
    /// That of the pooling, where there is one.
    pooled: Buffer,
    winners: Vec<u8>,
    /// Values of the last batch in the two outputs.
    used: [usize; 2],
}

/// The network: parameters, and the values of the last batch.
#[derive(Debug)]
pub struct Network {
    layers: Vec<Layer>,
    /// The gradients of what two neighbouring layers gave, in turn.
    gradients: [Buffer; 2],
}

impl Network {
    /// A network with the reference's random parameters; with the paper's normalisation where
    /// asked for.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(lrn: bool, seed: u64) -> Result<Self> {
        let layer = |i: usize| {
            let (name, filters, stride) = CONVOLUTIONS[i];
            let initial = Initial { stddev: 0.1, bias: 0.0 };
            let then = match i {
                0 | 1 if lrn => Then::LrnPool,
                0 | 1 | 4 => Then::Pool,
                _ => Then::Nothing,
            };
            Ok(Layer {
                name,
                convolution: Convolution::new(name, filters, stride, initial, seed)?,
                then,
                activated: Buffer::default(),
                pooled: Buffer::default(),
                winners: Vec::new(),
                used: [0; 2],
            })
        };
        let layers = (0..CONVOLUTIONS.len()).map(layer).collect::<Result<_>>()?;
        Ok(Self { layers, gradients: Default::default() })
    }

    /// The convolutions of a batch: name and sizes.
    pub fn shapes(&self, batch: usize) -> Vec<(&'static str, conv::Shape)> {
        let mut side = SIDE;
        let mut shapes = Vec::new();
        for layer in &self.layers {
            let shape = layer.convolution.shape([batch, side, side]);
            shapes.push((layer.name, shape));
            side = match layer.then {
                Then::Nothing => shape.rows().output(),
                _ => pool_after(shape).rows().output(),
            };
        }
        shapes
    }

    /// The name and the shape of everything that is computed for a batch.
    pub fn activations(&self, batch: usize) -> Vec<(String, [usize; 4])> {
        let mut all = Vec::new();
        for (layer, (name, shape)) in self.layers.iter().zip(self.shapes(batch)) {
            let (rows, columns) = (shape.rows().output(), shape.columns().output());
            all.push((name.to_string(), [batch, rows, columns, shape.out_channels]));
            if layer.then != Then::Nothing {
                let pool = pool_after(shape);
                let (rows, columns) = (pool.rows().output(), pool.columns().output());
                all.push((name.replace("conv", "pool"), [batch, rows, columns, pool.channels]));
            }
        }
        all
    }

    /// The values of the last pooling (batch, 6, 6, 256) for `images` (batch, 224, 224, 3).
    pub fn forward(&mut self, cpu: &Cpu, images: &[f32]) -> &[f32] {
        let shapes = self.shapes(images.len() / IMAGE);
        for (i, (_, shape)) in shapes.into_iter().enumerate() {
            let (before, rest) = self.layers.split_at_mut(i);
            let x = before.last().map_or(images, |layer| layer.output());
            rest[0].forward(cpu, shape, x);
        }
        self.layers.last().map_or(&[], Layer::output)
    }

    /// The gradients of half the sum of the squares of what the last pooling gave for
    /// `images`: those of the parameters, in their buffers.
    pub fn backward(&mut self, cpu: &Cpu, images: &[f32]) {
        let shapes = self.shapes(images.len() / IMAGE);
        let [mut dy, mut dx] = std::mem::take(&mut self.gradients);
        if let Some(last) = self.layers.last() {
            // The gradient of Σ y² / 2 is y.
            let y = last.output();
            dy.at_least(y.len()).copy_from_slice(y);
        }
        for (i, (_, shape)) in shapes.into_iter().enumerate().rev() {
            let (before, rest) = self.layers.split_at_mut(i);
            let layer = &mut rest[0];
            if layer.then == Then::Nothing {
                relu_gradient(cpu, layer.output(), dy.at_least(shape.outputs()));
            } else {
                layer.pool_gradient(cpu, shape, &dy, dx.at_least(shape.outputs()));
                std::mem::swap(&mut dy, &mut dx);
            }
            // Now `dy` is the gradient of the ReLU's input.
            let x = before.last().map_or(images, |layer| layer.output());
            let d_input = (i > 0).then(|| dx.at_least(shape.inputs()));
            layer.convolution.backward(cpu, shape, x, &dy[..shape.outputs()], d_input);
            std::mem::swap(&mut dy, &mut dx);
        }
        self.gradients = [dy, dx];
    }
}

impl Layer {
    fn forward(&mut self, cpu: &Cpu, shape: conv::Shape, x: &[f32]) {
        self.used[0] = shape.outputs();
        let activated = self.activated.at_least(shape.outputs());
        self.convolution.forward(cpu, shape, x, activated);
        if self.then == Then::Nothing {
            return;
        }
        let pool = pool_after(shape);
        self.used[1] = pool.outputs();
        self.winners.resize(pool.outputs(), 0);
        let pooled = self.pooled.at_least(pool.outputs());
        match self.then {
            Then::LrnPool => lrn_pool(cpu, &lrn_and(pool), activated, pooled, &mut self.winners),
            _ => max_pool2d(cpu, pool, Floor::Zero, activated, pooled, &mut self.winners),
        }
    }

    /// The gradient of the ReLU's input, to `dx`, from that of what the pooling gave.
    fn pool_gradient(&self, cpu: &Cpu, shape: conv::Shape, dy: &[f32], dx: &mut [f32]) {
        let (pool, winners) = (pool_after(shape), &self.winners);
        let dy = &dy[..pool.outputs()];
        match self.then {
            Then::LrnPool => {
                let activated = &self.activated[..self.used[0]];
                lrn_pool_gradient(cpu, &lrn_and(pool), activated, winners, dy, dx);
            }
            _ => max_pool2d_gradient(cpu, pool, dy, winners, dx),
        }
    }

    fn output(&self) -> &[f32] {
        match self.then {
            Then::Nothing => &self.activated[..self.used[0]],
            _ => &self.pooled[..self.used[1]],
        }
    }
}

/// The pooling after a convolution.
fn pool_after(shape: conv::Shape) -> pool::Shape {
    pool::Shape {
        batch: shape.batch,
        height: shape.rows().output(),
        width: shape.columns().output(),
        channels: shape.out_channels,
        kernel: [3, 3],
        stride: [2, 2],
        padding: Padding::Valid,
    }
}

/// The paper's normalisation (section 3.3) before a pooling.
fn lrn_and(pool: pool::Shape) -> PoolLrn {
    PoolLrn { pool, lrn: Lrn { radius: 2, bias: 2.0, alpha: 1e-4, beta: 0.75 }, relu: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Parameter;
    use crate::ops::Isa;
    use crate::rng::Stream;

    fn parameters(network: &Network) -> impl Iterator<Item = &Parameter> {
        let layers = network.layers.iter();
        layers.flat_map(|layer| [&layer.convolution.weights, &layer.convolution.biases])
    }

    #[test]
    fn activations_have_the_shapes_of_the_reference() {
        let network = Network::new(false, 1).unwrap();
        let activations = network.activations(128);
        let shapes: Vec<_> = activations.iter().map(|(name, shape)| (&name[..], *shape)).collect();
        assert_eq!(
            shapes,
            [
                ("conv1", [128, 56, 56, 64]),
                ("pool1", [128, 27, 27, 64]),
                ("conv2", [128, 27, 27, 192]),
                ("pool2", [128, 13, 13, 192]),
                ("conv3", [128, 13, 13, 384]),
                ("conv4", [128, 13, 13, 256]),
                ("conv5", [128, 13, 13, 256]),
                ("pool5", [128, 6, 6, 256]),
            ]
        );
        assert_eq!(parameters(&network).count(), 10);
    }

    /// The slope of the objective along a random direction in all parameters is the sum over
    /// them of gradient times direction.
    #[test]
    fn gradients_are_the_slope_of_the_objective() {
        for lrn in [false, true] {
            let cpu = Cpu::new(*Isa::available().last().unwrap(), 2).unwrap();
            let mut network = Network::new(lrn, 3).unwrap();
            let mut numbers = Stream::new(5, "images").at(0);
            let images: Vec<f32> = (0..IMAGE).map(|_| 0.1 * numbers.normal() as f32).collect();
            // Scaled so that the activations stay near one.
            for parameter in parameters(&network).filter(|p| p.name().ends_with("weights")) {
                let fan_in = (parameter.len() / parameter.shape()[3]) as f32;
                let scale = 10.0 / fan_in.sqrt();
                parameter.update(|w, _| w.iter_mut().for_each(|w| *w *= scale)).unwrap();
            }
            let objective = |network: &mut Network| {
                let y = network.forward(&cpu, &images);
                y.iter().map(|&y| f64::from(y).powi(2)).sum::<f64>() / 2.0
            };
            objective(&mut network);
            network.backward(&cpu, &images);
            let mut slope = 0.0;
            let mut directions = Vec::new();
            for parameter in parameters(&network) {
                let scale = 1e-4 * parameter.values().iter().map(|w| w * w).sum::<f32>().sqrt()
                    / (parameter.len() as f32).sqrt();
                let direction: Vec<f32> = (0..parameter.len())
                    .map(|_| (scale + 1e-6) * numbers.normal() as f32)
                    .collect();
                let pairs = parameter.gradient.iter().zip(&direction);
                slope += pairs.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum::<f64>();
                directions.push(direction);
            }
            let mut at = |sign: f32| {
                for (parameter, direction) in parameters(&network).zip(&directions) {
                    let step = |(w, d): (&mut f32, &f32)| *w += sign * d;
                    parameter.update(|w, _| w.iter_mut().zip(direction).for_each(step)).unwrap();
                }
                objective(&mut network)
            };
            let (above, below) = (at(1.0), at(-2.0));
            let found = (above - below) / 2.0;
            assert!((found - slope).abs() < 0.02 * slope.abs(), "{lrn}: {found} and {slope}");
        }
    }
}
