//! Which nodes of a frozen graph are layers of `nn`, and with what attributes.

use anyhow::{Context, Result};

use super::constants::Constants;
use crate::data::graphdef::{FrozenNode, NodeOutput};
use crate::nn::Filters;
use crate::ops::lrn::Lrn;
use crate::ops::window::Padding;

/// A node as a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// The input itself.
    Pass,
    /// A convolution with these filters (height, width, in, out).
    Conv2d {
        filters: Filters,
        weights: NodeOutput,
    },
    /// A convolution of every channel with filters (height, width, channels, multiplier).
    DepthwiseConv2d {
        filters: Filters,
        weights: NodeOutput,
    },
    /// A product of rows with a matrix (inputs, outputs).
    MatMul {
        weights: NodeOutput,
        outputs: usize,
    },
    /// `x · scale + shift`, values of each channel, or one for all.
    Affine {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    /// The sum of two values or more.
    Add,
    /// Concatenation along an axis.
    Concat {
        axis: i64,
        values: usize,
    },
    Relu,
    Relu6,
    Elu,
    Sigmoid,
    Tanh,
    Softmax,
    MaxPool {
        size: usize,
        stride: usize,
        padding: Padding,
    },
    AvgPool {
        size: usize,
        stride: usize,
        padding: Padding,
    },
    /// The mean over rows and columns.
    GlobalAvgPool {
        keeps_axes: bool,
    },
    Lrn(Lrn),
    /// A reshape; −1 is inferred.
    Reshape(Vec<i64>),
    /// Removes axes of size one; all of them if none is named.
    Squeeze(Vec<i64>),
    /// An axis of size one comes.
    ExpandDims(i64),
    Pad {
        rows: [usize; 2],
        columns: [usize; 2],
    },
}

impl Layer {
    /// The node as a layer, if it is one. What is rare, such as dilated filters or channels in front,
    /// is left to the evaluator.
    ///
    /// # Errors
    /// Attributes of a wrong type, and constants that are damaged.
    pub fn of(node: &FrozenNode, constants: &Constants) -> Result<Option<Self>> {
        let reader = Reader { node, constants };
        // Everything except a sum and a concatenation reads one value, followed by constants.
        Ok(match &*node.op {
            "Identity" | "StopGradient" | "CheckNumerics" | "PlaceholderWithDefault" => {
                Some(Self::Pass)
            }
            "Conv2D" => reader.conv2d(false)?,
            "DepthwiseConv2dNative" => reader.conv2d(true)?,
            "MatMul" => reader.matmul()?,
            "BiasAdd" | "BiasAddV1" if reader.is_nhwc()? => reader.affine(1.0, 1.0)?,
            "Add" | "AddV2" => match reader.affine(1.0, 1.0)? {
                Some(affine) => Some(affine),
                None => reader.sum(),
            },
            "AddN" => reader.sum(),
            "Sub" => reader.affine(1.0, -1.0)?,
            "Mul" => reader.product(false)?,
            "RealDiv" | "Div" => reader.product(true)?,
            "BatchNormWithGlobalNormalization" => reader.global_batch_norm()?,
            "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => {
                reader.fused_batch_norm()?
            }
            "Relu" => Some(Self::Relu),
            "Relu6" => Some(Self::Relu6),
            "Elu" => Some(Self::Elu),
            "Sigmoid" => Some(Self::Sigmoid),
            "Tanh" => Some(Self::Tanh),
            "Softmax" => Some(Self::Softmax),
            "MaxPool" => reader.pool()?.map(|(size, stride, padding)| Self::MaxPool {
                size,
                stride,
                padding,
            }),
            "AvgPool" => reader.pool()?.map(|(size, stride, padding)| Self::AvgPool {
                size,
                stride,
                padding,
            }),
            "Mean" => reader.mean()?,
            "LRN" => Some(reader.lrn()?),
            "Concat" => reader.concat(0)?,
            "ConcatV2" => reader.concat(node.inputs.len().saturating_sub(1))?,
            "Reshape" => reader.ints(1)?.map(Self::Reshape),
            "Squeeze" => Some(Self::Squeeze(reader.squeezed()?)),
            "ExpandDims" => {
                reader.ints(1)?.filter(|axes| axes.len() == 1).map(|axes| Self::ExpandDims(axes[0]))
            }
            "Pad" => reader.pad()?,
            _ => None,
        })
    }

    /// Whether it is worth a network by itself: other layers only belong to one.
    pub fn is_heavy(&self) -> bool {
        matches!(
            self,
            Self::Conv2d { .. }
                | Self::DepthwiseConv2d { .. }
                | Self::MatMul { .. }
                | Self::MaxPool { .. }
                | Self::AvgPool { .. }
        )
    }
}

/// The attributes and constants of a node.
struct Reader<'a> {
    node: &'a FrozenNode,
    constants: &'a Constants,
}

impl Reader<'_> {
    fn is_nhwc(&self) -> Result<bool> {
        Ok(self.node.text("data_format", "NHWC")? == "NHWC")
    }

    /// An input that is constant.
    fn constant(&self, i: usize) -> Option<NodeOutput> {
        self.node.inputs.get(i).copied().filter(|&input| self.constants.has(input))
    }

    fn ints(&self, i: usize) -> Result<Option<Vec<i64>>> {
        self.constant(i).map(|input| self.constants.ints(input)).transpose()
    }

    /// The value for rows and columns of a list for all axes, where both are the same and the other
    /// axes have none.
    fn square(&self, key: &str) -> Result<Option<usize>> {
        let all = self.node.ints(key, None)?;
        Ok(match all[..] {
            [1, rows, columns, 1] if rows == columns && rows > 0 => usize::try_from(rows).ok(),
            _ => None,
        })
    }

    fn padding(&self) -> Result<Option<Padding>> {
        Ok(match self.node.text("padding", None)? {
            "SAME" => Some(Padding::Same),
            "VALID" => Some(Padding::Valid),
            _ => None,
        })
    }

    fn conv2d(&self, depthwise: bool) -> Result<Option<Layer>> {
        let no_dilations = self.node.ints("dilations", &[1, 1, 1, 1][..])?.iter().all(|&d| d == 1);
        let (stride, padding) = (self.square("strides")?, self.padding()?);
        let (Some(stride), Some(padding), Some(weights)) = (stride, padding, self.constant(1))
        else {
            return Ok(None);
        };
        let shape = self.constants.shape(weights)?;
        let [height, width, channels, last] = shape[..] else { return Ok(None) };
        if !no_dilations || !self.is_nhwc()? || height * width * channels * last == 0 {
            return Ok(None);
        }
        let filters = Filters { count: last, size: [height, width], stride, padding };
        Ok(Some(match depthwise {
            true => Layer::DepthwiseConv2d { filters, weights },
            false => Layer::Conv2d { filters, weights },
        }))
    }

    fn matmul(&self) -> Result<Option<Layer>> {
        let is_plain =
            !self.node.flag("transpose_a", false)? && !self.node.flag("transpose_b", false)?;
        let Some(weights) = self.constant(1).filter(|_| is_plain) else { return Ok(None) };
        let shape = self.constants.shape(weights)?;
        Ok(match shape[..] {
            [inputs, outputs] if inputs * outputs > 0 => Some(Layer::MatMul { weights, outputs }),
            _ => None,
        })
    }

    /// The values of each channel of a constant input, or one for all.
    fn channels(&self, i: usize) -> Result<Option<Vec<f32>>> {
        let Some(input) = self.constant(i) else { return Ok(None) };
        let shape = self.constants.shape(input)?;
        let before = shape.len().saturating_sub(1);
        if shape.len() > 4 || shape[..before].iter().any(|&size| size != 1) {
            return Ok(None);
        }
        // A vector of another type is not part of a network.
        Ok(self.constants.floats(input).ok().filter(|values| !values.is_empty()))
    }

    /// `first · a + second · b`, one of both being a constant.
    fn affine(&self, a: f32, b: f32) -> Result<Option<Layer>> {
        let scaled = |values: Vec<f32>, by: f32| values.into_iter().map(|v| v * by).collect();
        Ok(match (self.channels(0)?, self.channels(1)?) {
            (None, Some(second)) => {
                Some(Layer::Affine { scale: vec![a], shift: scaled(second, b) })
            }
            (Some(first), None) => Some(Layer::Affine { scale: vec![b], shift: scaled(first, a) }),
            _ => None,
        })
    }

    fn product(&self, divides: bool) -> Result<Option<Layer>> {
        let affine = |scale| Layer::Affine { scale, shift: vec![0.0] };
        Ok(match (self.channels(0)?, self.channels(1)?) {
            (None, Some(by)) if divides => Some(affine(by.into_iter().map(|v| 1.0 / v).collect())),
            (None, Some(by)) | (Some(by), None) if !divides => Some(affine(by)),
            _ => None,
        })
    }

    fn sum(&self) -> Option<Layer> {
        let inputs = &self.node.inputs;
        let varies = |input: &NodeOutput| !self.constants.has(*input);
        (inputs.len() > 1 && inputs.iter().all(varies)).then_some(Layer::Add)
    }

    /// t, m, v, β, γ: (t − m) / √(v + ε) · γ + β, or without γ if not requested.
    fn global_batch_norm(&self) -> Result<Option<Layer>> {
        let epsilon = self.node.float("variance_epsilon", None)?;
        let scales = self.node.flag("scale_after_normalization", None)?;
        let of = |i| self.channels(i);
        let (Some(mean), Some(variance), Some(beta)) = (of(1)?, of(2)?, of(3)?) else {
            return Ok(None);
        };
        let gamma = if scales { of(4)? } else { Some(vec![1.0; mean.len()]) };
        Ok(gamma.and_then(|gamma| normalisation([gamma, beta, mean, variance], epsilon)))
    }

    /// x, γ, β, mean, variance.
    fn fused_batch_norm(&self) -> Result<Option<Layer>> {
        let epsilon = self.node.float("epsilon", 1e-4)?;
        if self.node.flag("is_training", true)? || !self.is_nhwc()? {
            return Ok(None);
        }
        let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|i| self.channels(i));
        Ok(match (gamma?, beta?, mean?, variance?) {
            (Some(gamma), Some(beta), Some(mean), Some(variance)) => {
                normalisation([gamma, beta, mean, variance], epsilon)
            }
            _ => None,
        })
    }

    fn pool(&self) -> Result<Option<(usize, usize, Padding)>> {
        let sizes = (self.square("ksize")?, self.square("strides")?, self.padding()?);
        Ok(match sizes {
            (Some(size), Some(stride), Some(padding)) if self.is_nhwc()? => {
                Some((size, stride, padding))
            }
            _ => None,
        })
    }

    fn mean(&self) -> Result<Option<Layer>> {
        let keeps_axes = self.node.flag("keep_dims", false)?;
        Ok(match self.ints(1)?.as_deref() {
            Some([1, 2]) => Some(Layer::GlobalAvgPool { keeps_axes }),
            _ => None,
        })
    }

    fn lrn(&self) -> Result<Layer> {
        let radius = self.node.int("depth_radius", 5)?;
        Ok(Layer::Lrn(Lrn {
            radius: usize::try_from(radius)
                .with_context(|| format!("depth_radius = {radius} is below 0"))?,
            bias: self.node.float("bias", 1.0)?,
            alpha: self.node.float("alpha", 1.0)?,
            beta: self.node.float("beta", 0.5)?,
        }))
    }

    /// The axis is input `at`, the values are the other inputs.
    fn concat(&self, at: usize) -> Result<Option<Layer>> {
        let values = self.node.inputs.len().saturating_sub(1);
        let varies = |(i, input): (usize, &NodeOutput)| i == at || !self.constants.has(*input);
        let all_vary = self.node.inputs.iter().enumerate().all(varies);
        Ok(match self.ints(at)?.as_deref() {
            Some(&[axis]) if all_vary && values > 0 => Some(Layer::Concat { axis, values }),
            _ => None,
        })
    }

    fn squeezed(&self) -> Result<Vec<i64>> {
        match self.node.has("axis") {
            true => self.node.ints("axis", &[][..]),
            false => self.node.ints("squeeze_dims", &[][..]),
        }
    }

    fn pad(&self) -> Result<Option<Layer>> {
        let sizes = self
            .ints(1)?
            .map(|sizes| sizes.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>());
        Ok(match sizes {
            Some(Ok(sizes)) => match sizes[..] {
                [0, 0, top, bottom, left, right, 0, 0] => {
                    Some(Layer::Pad { rows: [top, bottom], columns: [left, right] })
                }
                _ => None,
            },
            _ => None,
        })
    }
}

/// A batch normalisation by known statistics as `x · scale + shift`.
fn normalisation(of: [Vec<f32>; 4], epsilon: f32) -> Option<Layer> {
    let [gamma, beta, mean, variance] = of;
    let len = mean.len();
    if [gamma.len(), beta.len(), variance.len()] != [len; 3] {
        return None;
    }
    let scale: Vec<f32> =
        gamma.iter().zip(&variance).map(|(gamma, v)| gamma / (v + epsilon).sqrt()).collect();
    let shift = (0..len).map(|i| beta[i] - mean[i] * scale[i]).collect();
    Some(Layer::Affine { scale, shift })
}
