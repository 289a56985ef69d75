//! The LeNet-like network of TensorFlow's `convolutional.py` (after LeCun et al., 1998): two
//! convolutions with pooling, two dense layers.

use anyhow::Result;

use crate::data::mnist::{CLASSES, IMAGE_BYTES, SIDE};
use crate::models::classify::Classifier;
use crate::nn::{Convolution, Dense, Initial, Parameter};
use crate::ops::dropout::dropout;
use crate::ops::pool::{self, Floor, max_pool2d, max_pool2d_gradient};
use crate::ops::relu::relu_gradient;
use crate::ops::window::Padding;
use crate::ops::{Buffer, Cpu, conv, norm, softmax};
use crate::rng::Stream;

/// Filters of the convolutions.
const FILTERS: [usize; 2] = [32, 64];
/// Rows and columns after the first pooling, and after the second.
const POOLED: [usize; 2] = [SIDE / 2, SIDE / 4];
/// Units of the first dense layer.
const UNITS: usize = 512;
/// The probability of keeping a unit in dropout.
const KEEP: f32 = 0.5;

/// The network: parameters, and the values of the last batch.
#[derive(Debug)]
pub struct Network {
    conv1: Convolution,
    conv2: Convolution,
    fc1: Dense,
    fc2: Dense,
    values: Values,
    gradients: Gradients,
}

/// What each layer gave for the last batch.
#[derive(Debug, Default)]
struct Values {
    conv1: Buffer,
    pool1: Buffer,
    winners1: Vec<u8>,
    conv2: Buffer,
    pool2: Buffer,
    winners2: Vec<u8>,
    fc1: Buffer,
    logits: Buffer,
    losses: Vec<f32>,
}

/// The gradients of what layers gave.
#[derive(Debug, Default)]
struct Gradients {
    conv: Buffer,
    pool1: Buffer,
    pool2: Buffer,
    fc1: Buffer,
}

/// The random stream of dropout and the step of the run; none to keep every unit.
pub type Dropout = Option<(Stream, u64)>;

impl Network {
    /// A network with the reference's initial parameters.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(seed: u64) -> Result<Self> {
        let initial = |bias| Initial { stddev: 0.1, bias };
        let [first, second] = FILTERS;
        let flat = POOLED[1] * POOLED[1] * second;
        Ok(Self {
            conv1: Convolution::new("conv1", [5, 5, 1, first], 1, initial(0.0), seed)?,
            conv2: Convolution::new("conv2", [5, 5, first, second], 1, initial(0.1), seed)?,
            fc1: Dense::new("fc1", flat, UNITS, initial(0.1), seed)?,
            fc2: Dense::new("fc2", UNITS, CLASSES, initial(0.1), seed)?,
            values: Values::default(),
            gradients: Gradients::default(),
        })
    }

    /// Every parameter, in a fixed order.
    pub fn parameters(&self) -> [&Parameter; 8] {
        let Self { conv1, conv2, fc1, fc2, .. } = self;
        [
            &conv1.weights,
            &conv1.biases,
            &conv2.weights,
            &conv2.biases,
            &fc1.weights,
            &fc1.biases,
            &fc2.weights,
            &fc2.biases,
        ]
    }

    /// The sizes of both convolutions for a batch.
    pub fn convolutions(&self, batch: usize) -> [conv::Shape; 2] {
        [self.conv1.shape([batch, SIDE, SIDE]), self.conv2.shape([batch, POOLED[0], POOLED[0]])]
    }

    /// Multiplications and additions of a training step on one image, the images' own
    /// gradient left out.
    pub fn operations(&self) -> f64 {
        let [first, second] = self.convolutions(1).map(|shape| shape.operations() as f64);
        let dense = 2.0 * (self.fc1.weights.len() + self.fc2.weights.len()) as f64;
        2.0 * first + 3.0 * (second + dense)
    }

    /// Whether a parameter is in the L2 loss: weights and biases of the dense layers are.
    pub fn decays(parameter: &Parameter) -> bool {
        parameter.name().starts_with("fc")
    }

    /// Σ w² / 2 over the parameters that decay, TensorFlow's `l2_loss`.
    pub fn l2_loss(&self, cpu: &Cpu) -> f64 {
        let decaying = self.parameters().into_iter().filter(|p| Self::decays(p));
        decaying.map(|parameter| norm::sum_of_squares(cpu, &parameter.values()) / 2.0).sum()
    }

    /// The logits (batch, 10) of the last batch; after [`Network::gradients`] their gradient.
    fn forward(&mut self, cpu: &Cpu, images: &[f32], keep: Dropout) {
        let batch = images.len() / IMAGE_BYTES;
        let (first, second) = pools(batch);
        let values = &mut self.values;
        let conv1 = values.conv1.at_least(first.inputs());
        self.conv1.forward(cpu, self.conv1.shape([batch, SIDE, SIDE]), images, conv1);
        let n = first.outputs();
        values.winners1.resize(n.max(values.winners1.len()), 0);
        let pool1 = values.pool1.at_least(n);
        max_pool2d(cpu, first, Floor::Zero, conv1, pool1, &mut values.winners1[..n]);

        let conv2 = values.conv2.at_least(second.inputs());
        let shape = self.conv2.shape([batch, POOLED[0], POOLED[0]]);
        self.conv2.forward(cpu, shape, pool1, conv2);
        let n = second.outputs();
        values.winners2.resize(n.max(values.winners2.len()), 0);
        let pool2 = values.pool2.at_least(n);
        max_pool2d(cpu, second, Floor::Zero, conv2, pool2, &mut values.winners2[..n]);

        let fc1 = values.fc1.at_least(batch * UNITS);
        self.fc1.forward_relu(cpu, pool2, fc1);
        if let Some((stream, step)) = keep {
            dropout(cpu, stream, step, KEEP, fc1);
        }
        self.fc2.forward(cpu, fc1, values.logits.at_least(batch * CLASSES));
    }

    /// The cross-entropies in nats of a batch of `images` (batch, 28, 28, 1) with `labels`
    /// under dropout, and in the parameters' buffers the gradients of their mean.
    pub fn gradients(
        &mut self,
        cpu: &Cpu,
        images: &[f32],
        labels: &[u32],
        keep: Dropout,
    ) -> &[f32] {
        self.forward(cpu, images, keep);
        let batch = labels.len();
        let (first, second) = pools(batch);
        let (values, gradients) = (&mut self.values, &mut self.gradients);
        let d_logits = &mut values.logits[..batch * CLASSES];
        values.losses.resize(batch, 0.0);
        let scale = 1.0 / batch as f32;
        softmax::cross_entropy(cpu, d_logits, labels, Some(scale), &mut values.losses);

        let fc1 = &values.fc1[..batch * UNITS];
        let d_fc1 = gradients.fc1.at_least(fc1.len());
        self.fc2.backward(cpu, fc1, d_logits, d_fc1);
        if let Some((stream, step)) = keep {
            dropout(cpu, stream, step, KEEP, d_fc1);
        }
        // Where dropout took a unit away, its gradient is zero already.
        relu_gradient(cpu, fc1, d_fc1);
        let n = second.outputs();
        let d_pool2 = gradients.pool2.at_least(n);
        self.fc1.backward(cpu, &values.pool2[..n], d_fc1, d_pool2);

        let d_conv2 = gradients.conv.at_least(second.inputs());
        max_pool2d_gradient(cpu, second, d_pool2, &values.winners2[..n], d_conv2);
        let n = first.outputs();
        let d_pool1 = gradients.pool1.at_least(n);
        let shape = self.conv2.shape([batch, POOLED[0], POOLED[0]]);
        self.conv2.backward(cpu, shape, &values.pool1[..n], d_conv2, Some(d_pool1));

        let d_conv1 = gradients.conv.at_least(first.inputs());
        max_pool2d_gradient(cpu, first, d_pool1, &values.winners1[..n], d_conv1);
        self.conv1.backward(cpu, self.conv1.shape([batch, SIDE, SIDE]), images, d_conv1, None);
        &self.values.losses
    }

    /// The logits (batch, 10) under dropout, as the reference's minibatch error has them.
    pub fn logits_in_training(
        &mut self,
        cpu: &Cpu,
        images: &[f32],
        keep: (Stream, u64),
    ) -> &mut [f32] {
        self.forward(cpu, images, Some(keep));
        &mut self.values.logits[..images.len() / IMAGE_BYTES * CLASSES]
    }
}

/// The pooling after each convolution.
fn pools(batch: usize) -> (pool::Shape, pool::Shape) {
    let pool = |side, channels| pool::Shape {
        batch,
        height: side,
        width: side,
        channels,
        kernel: [2, 2],
        stride: [2, 2],
        padding: Padding::Same,
    };
    (pool(SIDE, FILTERS[0]), pool(POOLED[0], FILTERS[1]))
}

impl Classifier for Network {
    fn classes(&self) -> usize {
        CLASSES
    }

    fn logits(&mut self, cpu: &Cpu, images: &[f32]) -> &[f32] {
        self.forward(cpu, images, None);
        &self.values.logits[..images.len() / IMAGE_BYTES * CLASSES]
    }
}
