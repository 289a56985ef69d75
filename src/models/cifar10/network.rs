//! The network of TensorFlow's CIFAR-10 tutorial, after cuda-convnet's "layers-18pct"
//! (Krizhevsky): two convolutions with pooling and normalisation, three dense layers.

use anyhow::Result;

use crate::data::augment::{CROP, CROP_VALUES};
use crate::models::classify::Classifier;
use crate::nn::{Convolution, Dense, Initial, Parameter};
use crate::ops::lrn::Lrn;
use crate::ops::pool_lrn::{PoolLrn, lrn_pool, lrn_pool_gradient, pool_lrn, pool_lrn_gradient};
use crate::ops::relu::relu_gradient;
use crate::ops::window::Padding;
use crate::ops::{Buffer, Cpu, conv, norm, pool, softmax};

/// Filters of both convolutions.
const FILTERS: usize = 64;
/// Rows and columns after the first pooling, and after the second.
const POOLED: [usize; 2] = [CROP / 2, CROP / 4];

/// The network: parameters, and the values of the last batch.
#[derive(Debug)]
pub struct Network {
    conv1: Convolution,
    conv2: Convolution,
    local3: Dense,
    local4: Dense,
    softmax_linear: Dense,
    values: Values,
    gradients: Gradients,
}

/// What each layer gave for the last batch.
#[derive(Debug, Default)]
struct Values {
    conv1: Buffer,
    pool1: Buffer,
    winners1: Vec<u8>,
    norm1: Buffer,
    conv2: Buffer,
    pool2: Buffer,
    winners2: Vec<u8>,
    local3: Buffer,
    local4: Buffer,
    logits: Buffer,
    losses: Vec<f32>,
}

/// The gradients of what layers gave, in turn: the first belongs to the larger ones.
#[derive(Debug, Default)]
struct Gradients {
    conv: Buffer,
    norm1: Buffer,
    pool2: Buffer,
    local3: Buffer,
    local4: Buffer,
}

impl Network {
    /// A network with the reference's initial parameters.
    ///
    /// # Errors
    /// When Candle cannot make the tensors.
    pub fn new(classes: usize, seed: u64) -> Result<Self> {
        let initial = |stddev, bias| Initial { stddev, bias };
        let flat = POOLED[1] * POOLED[1] * FILTERS;
        let (conv, local) = (initial(5e-2, 0.0), initial(0.04, 0.1));
        Ok(Self {
            conv1: Convolution::new("conv1", [5, 5, 3, FILTERS], 1, conv, seed)?,
            conv2: Convolution::new(
                "conv2",
                [5, 5, FILTERS, FILTERS],
                1,
                initial(5e-2, 0.1),
                seed,
            )?,
            local3: Dense::new("local3", flat, 384, local, seed)?,
            local4: Dense::new("local4", 384, 192, local, seed)?,
            softmax_linear: Dense::new(
                "softmax_linear",
                192,
                classes,
                initial(1.0 / 192.0, 0.0),
                seed,
            )?,
            values: Values::default(),
            gradients: Gradients::default(),
        })
    }

    /// The same network for another tower: the same parameters, gradients of its own.
    pub fn replica(&self) -> Self {
        Self {
            conv1: self.conv1.replica(),
            conv2: self.conv2.replica(),
            local3: self.local3.replica(),
            local4: self.local4.replica(),
            softmax_linear: self.softmax_linear.replica(),
            values: Values::default(),
            gradients: Gradients::default(),
        }
    }

    /// Every parameter, in a fixed order.
    pub fn parameters(&self) -> [&Parameter; 10] {
        let Self { conv1, conv2, local3, local4, softmax_linear, .. } = self;
        [
            &conv1.weights,
            &conv1.biases,
            &conv2.weights,
            &conv2.biases,
            &local3.weights,
            &local3.biases,
            &local4.weights,
            &local4.biases,
            &softmax_linear.weights,
            &softmax_linear.biases,
        ]
    }

    /// As [`Network::parameters`], to be changed.
    pub fn parameters_mut(&mut self) -> [&mut Parameter; 10] {
        let Self { conv1, conv2, local3, local4, softmax_linear, .. } = self;
        [
            &mut conv1.weights,
            &mut conv1.biases,
            &mut conv2.weights,
            &mut conv2.biases,
            &mut local3.weights,
            &mut local3.biases,
            &mut local4.weights,
            &mut local4.biases,
            &mut softmax_linear.weights,
            &mut softmax_linear.biases,
        ]
    }

    /// The sizes of both convolutions for a batch.
    pub fn convolutions(&self, batch: usize) -> [conv::Shape; 2] {
        [self.conv1.shape([batch, CROP, CROP]), self.conv2.shape([batch, POOLED[0], POOLED[0]])]
    }

    /// Multiplications and additions of a training step on one image, the images' own
    /// gradient left out.
    pub fn operations(&self) -> f64 {
        let [first, second] = self.convolutions(1).map(|shape| shape.operations() as f64);
        let layers = [&self.local3, &self.local4, &self.softmax_linear];
        let dense: usize = layers.iter().map(|layer| 2 * layer.weights.len()).sum();
        2.0 * first + 3.0 * (second + dense as f64)
    }

    /// The weights that decay: those of the local layers.
    pub fn decays(parameter: &Parameter) -> bool {
        ["local3/weights", "local4/weights"].contains(&parameter.name())
    }

    /// Σ w² / 2 over the weights that decay, TensorFlow's `l2_loss`.
    pub fn l2_loss(&self, cpu: &Cpu) -> f64 {
        let decaying = self.parameters().into_iter().filter(|p| Self::decays(p));
        decaying.map(|parameter| norm::sum_of_squares(cpu, &parameter.values()) / 2.0).sum()
    }

    /// What each layer gave for the last batch of `batch` images, by the layer's name.
    pub fn activations(&self, batch: usize) -> [(&'static str, &[f32]); 5] {
        let values = &self.values;
        let classes = self.classes();
        [
            ("conv1", &values.conv1[..batch * CROP * CROP * FILTERS]),
            ("conv2", &values.conv2[..batch * POOLED[0] * POOLED[0] * FILTERS]),
            ("local3", &values.local3[..batch * 384]),
            ("local4", &values.local4[..batch * 192]),
            ("softmax_linear", &values.logits[..batch * classes]),
        ]
    }

    fn forward(&mut self, cpu: &Cpu, images: &[f32]) {
        let batch = images.len() / CROP_VALUES;
        let (first, second) = stages(batch);
        let values = &mut self.values;
        let conv1 = values.conv1.at_least(first.pool.inputs());
        self.conv1.forward(cpu, self.conv1.shape([batch, CROP, CROP]), images, conv1);
        let n = first.pool.outputs();
        values.winners1.resize(n.max(values.winners1.len()), 0);
        let (pool1, norm1) = (values.pool1.at_least(n), values.norm1.at_least(n));
        pool_lrn(cpu, &first, conv1, pool1, &mut values.winners1[..n], norm1);

        let conv2 = values.conv2.at_least(second.pool.inputs());
        let shape = self.conv2.shape([batch, POOLED[0], POOLED[0]]);
        self.conv2.forward(cpu, shape, norm1, conv2);
        let n = second.pool.outputs();
        values.winners2.resize(n.max(values.winners2.len()), 0);
        let pool2 = values.pool2.at_least(n);
        lrn_pool(cpu, &second, conv2, pool2, &mut values.winners2[..n]);

        let local3 = values.local3.at_least(batch * self.local3.biases.len());
        self.local3.forward_relu(cpu, pool2, local3);
        let local4 = values.local4.at_least(batch * self.local4.biases.len());
        self.local4.forward_relu(cpu, local3, local4);
        let logits = values.logits.at_least(batch * self.softmax_linear.biases.len());
        self.softmax_linear.forward(cpu, local4, logits);
    }

    /// The cross-entropies in nats of a batch of `images` (batch, 24, 24, 3) with `labels`,
    /// and in the parameters' buffers the gradients of `scale · Σ cross-entropies`.
    pub fn gradients(&mut self, cpu: &Cpu, images: &[f32], labels: &[u32], scale: f32) -> &[f32] {
        self.forward(cpu, images);
        let batch = labels.len();
        let (first, second) = stages(batch);
        let (values, gradients) = (&mut self.values, &mut self.gradients);
        let d_logits = &mut values.logits[..batch * self.softmax_linear.biases.len()];
        values.losses.resize(batch, 0.0);
        softmax::cross_entropy(cpu, d_logits, labels, Some(scale), &mut values.losses);

        let local4 = &values.local4[..batch * self.local4.biases.len()];
        let d_local4 = gradients.local4.at_least(local4.len());
        self.softmax_linear.backward(cpu, local4, d_logits, d_local4);
        relu_gradient(cpu, local4, d_local4);
        let local3 = &values.local3[..batch * self.local3.biases.len()];
        let d_local3 = gradients.local3.at_least(local3.len());
        self.local4.backward(cpu, local3, d_local4, d_local3);
        relu_gradient(cpu, local3, d_local3);
        let n = second.pool.outputs();
        let d_pool2 = gradients.pool2.at_least(n);
        self.local3.backward(cpu, &values.pool2[..n], d_local3, d_pool2);

        let conv2 = &values.conv2[..second.pool.inputs()];
        let d_conv2 = gradients.conv.at_least(conv2.len());
        lrn_pool_gradient(cpu, &second, conv2, &values.winners2[..n], d_pool2, d_conv2);
        let n = first.pool.outputs();
        let d_norm1 = gradients.norm1.at_least(n);
        let shape = self.conv2.shape([batch, POOLED[0], POOLED[0]]);
        self.conv2.backward(cpu, shape, &values.norm1[..n], d_conv2, Some(d_norm1));

        let d_conv1 = gradients.conv.at_least(first.pool.inputs());
        let (pool1, winners1) = (&values.pool1[..n], &values.winners1[..n]);
        pool_lrn_gradient(cpu, &first, pool1, winners1, d_norm1, d_conv1);
        self.conv1.backward(cpu, self.conv1.shape([batch, CROP, CROP]), images, d_conv1, None);
        &self.values.losses
    }
}

/// Pooling and normalisation after the first convolution, and, in the other order, after the
/// second.
fn stages(batch: usize) -> (PoolLrn, PoolLrn) {
    let stage = |side: usize| PoolLrn {
        pool: pool::Shape {
            batch,
            height: side,
            width: side,
            channels: FILTERS,
            kernel: [3, 3],
            stride: [2, 2],
            padding: Padding::Same,
        },
        lrn: Lrn { radius: 4, bias: 1.0, alpha: 0.001 / 9.0, beta: 0.75 },
        relu: true,
    };
    (stage(CROP), stage(POOLED[0]))
}

impl Classifier for Network {
    fn classes(&self) -> usize {
        self.softmax_linear.biases.len()
    }

    fn logits(&mut self, cpu: &Cpu, images: &[f32]) -> &[f32] {
        self.forward(cpu, images);
        &self.values.logits[..images.len() / CROP_VALUES * self.classes()]
    }
}
