//! The layers, as methods of the values that they read.

use super::{Builder, Decay, IdsRead, Init, Initial, Output, ParameterSpec, Source, Unshaped};
use crate::nn::operators::{
    Activate, AvgPool, BatchNorm, Concat, Conv2d, CrossEntropy, DepthwiseConv2d, Dropout,
    Embedding, HalfSumOfSquares, Linear, LrnNode, MaxPool, Op, Pad, Relu, Reshape, Slice, Softmax,
    Sum,
};
use crate::ops::activation::Activation;
use crate::ops::lrn::Lrn;
use crate::ops::relu::Rectifier;
use crate::ops::window::Padding;

/// Values that are concatenated at once; longer lists are nested.
const MAX_INPUTS: usize = 4;

/// A value of a graph that is being built: the input, or the output of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Value<'g> {
    pub(super) builder: &'g Builder,
    pub(super) source: Source,
}

/// An input of integers: word ids or labels.
#[derive(Clone, Copy, Debug)]
pub struct Ids<'g> {
    pub(super) builder: &'g Builder,
    pub(super) read: IdsRead,
}

/// The filters of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters {
    /// How many there are: channels of the output.
    pub count: usize,
    /// Rows and columns of one.
    pub size: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: usize,
    /// What happens at the border.
    pub padding: Padding,
}

impl Filters {
    /// `count` square filters with stride 1, padded as TensorFlow's SAME.
    pub fn new(count: usize, size: usize) -> Self {
        Self { count, size: [size; 2], stride: 1, padding: Padding::Same }
    }

    /// The same with another stride.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same without padding.
    pub fn valid(self) -> Self {
        Self { padding: Padding::Valid, ..self }
    }
}

impl<'g> Value<'g> {
    /// The value as something a run can be asked for.
    pub fn output(self) -> Output {
        Output(self.source)
    }

    /// The shape for one example: (1, …), or (steps, …).
    pub fn shape(self) -> Vec<usize> {
        self.builder.shape_of(self.source)
    }

    /// Calls the layer that gave this value `name`, in the layer table and in summaries.
    pub fn named(self, name: &str) -> Self {
        if let Source::Node(i) = self.source {
            self.builder.graph.borrow_mut().nodes[i].name = name.to_string();
        }
        self
    }

    pub(super) fn unary(self, name: String, op: Op) -> Self {
        self.node(name, op, Vec::new())
    }

    pub(super) fn node(self, name: String, op: Op, parameters: Vec<usize>) -> Self {
        let (inputs, states) = (vec![self.source], Vec::new());
        self.builder.push(Unshaped { name, op, inputs, ids: None, parameters, states })
    }

    /// A convolution of images (batch, height, width, channels) with filters (height, width, in,
    /// out), with the parameters `name/weights` and `name/biases`.
    pub fn conv2d(self, name: &str, filters: Filters, init: Init) -> Self {
        let op = Conv2d::new(filters, true);
        let parameters = self.weights_and_biases(name, &Op::Conv2d(op), init);
        self.node(name.to_string(), Op::Conv2d(op), parameters)
    }

    /// A convolution without biases, as it is used before a batch normalisation.
    pub fn conv2d_without_biases(self, name: &str, filters: Filters, init: Init) -> Self {
        let op = Op::Conv2d(Conv2d::new(filters, false));
        let weights = self.parameter(format!("{name}/weights"), &op, 0, init.weights, init.decay);
        self.node(name.to_string(), op, vec![weights])
    }

    /// A convolution of every channel with `filters.count` filters of its own (MobileNets, arXiv
    /// 1704.04861), with the parameters `name/weights` (height, width, channels, count) and
    /// `name/biases`.
    pub fn depthwise_conv2d(self, name: &str, filters: Filters, init: Init) -> Self {
        let op = Op::DepthwiseConv2d(DepthwiseConv2d::new(filters));
        let parameters = self.weights_and_biases(name, &op, init);
        self.node(name.to_string(), op, parameters)
    }

    /// Images with zeros around them: rows above and below, columns to the left and right.
    pub fn pad(self, rows: [usize; 2], columns: [usize; 2]) -> Self {
        self.unary(self.builder.numbered("pad"), Op::Pad(Pad { rows, columns }))
    }

    /// `x · weights + biases` on rows: (batch, …) is (batch, all other axes together). The
    /// parameters are `name/weights` (inputs, `outputs`) and `name/biases` (`outputs`).
    pub fn linear(self, name: &str, outputs: usize, init: Init) -> Self {
        let op = Op::Linear(Linear::new(outputs));
        let parameters = self.weights_and_biases(name, &op, init);
        self.node(name.to_string(), op, parameters)
    }

    /// `x · weights` on rows, without biases. The parameter is `name` (inputs, `outputs`).
    pub fn project(self, name: &str, outputs: usize, init: Init) -> Self {
        let op = Op::Linear(Linear { biases: false, ..Linear::new(outputs) });
        let weights = self.parameter(name.to_string(), &op, 0, init.weights, init.decay);
        self.node(name.to_string(), op, vec![weights])
    }

    /// As [`Value::linear`], with names of the parameters' own.
    pub fn linear_named(
        self,
        name: &str,
        [weights, biases]: [&str; 2],
        outputs: usize,
        init: Init,
    ) -> Self {
        let op = Op::Linear(Linear::new(outputs));
        let weights = self.parameter(weights.to_string(), &op, 0, init.weights, init.decay);
        let decay = if init.decay == Decay::All { Decay::All } else { Decay::None };
        let biases = self.parameter(biases.to_string(), &op, 1, init.biases, decay);
        self.node(name.to_string(), op, vec![weights, biases])
    }

    pub(super) fn weights_and_biases(self, name: &str, op: &Op, init: Init) -> Vec<usize> {
        let decay = if init.decay == Decay::All { Decay::All } else { Decay::None };
        vec![
            self.parameter(format!("{name}/weights"), op, 0, init.weights, init.decay),
            self.parameter(format!("{name}/biases"), op, 1, init.biases, decay),
        ]
    }

    /// The parameter of that number of an operator that reads this value.
    pub(super) fn parameter(
        self,
        name: String,
        op: &Op,
        index: usize,
        initial: Initial,
        decay: Decay,
    ) -> usize {
        let shape = op.get().parameters(&[self.shape()])[index].clone();
        let decays = decay != Decay::None;
        self.builder.parameter(ParameterSpec { name, shape, initial, decays })
    }

    /// max(x, 0).
    pub fn relu(self) -> Self {
        self.unary(self.builder.numbered("relu"), Op::Relu(Relu(Rectifier::Relu)))
    }

    /// 1 / (1 + e⁻ˣ).
    pub fn sigmoid(self) -> Self {
        self.activate("sigmoid", Activation::Sigmoid)
    }

    /// The hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.activate("tanh", Activation::Tanh)
    }

    /// x Φ(x) (Hendrycks and Gimpel, arXiv 1606.08415).
    pub fn gelu(self) -> Self {
        self.activate("gelu", Activation::Gelu)
    }

    /// x · sigmoid(x) (Elfwing et al., arXiv 1702.03118).
    pub fn silu(self) -> Self {
        self.activate("silu", Activation::Silu)
    }

    /// eˣ - 1 below zero, else x (Clevert et al., arXiv 1511.07289).
    pub fn elu(self) -> Self {
        self.activate("elu", Activation::Elu)
    }

    /// min(max(x, 0), 6) (Krizhevsky, 2010; MobileNets).
    pub fn relu6(self) -> Self {
        self.unary(self.builder.numbered("relu"), Op::Relu(Relu(Rectifier::Relu6)))
    }

    fn activate(self, kind: &str, function: Activation) -> Self {
        self.unary(self.builder.numbered(kind), Op::Activate(Activate(function)))
    }

    /// Zeroes values with probability 1 - `keep` in training and divides the others by `keep`
    /// (Srivastava et al., 2014). The mask comes from the stream `dropout/<name>`.
    pub fn dropout(self, name: &str, keep: f32) -> Self {
        if keep == 1.0 {
            return self;
        }
        let stream = format!("dropout/{name}");
        self.unary(stream.clone(), Op::Dropout(Dropout { keep, stream }))
    }

    /// The largest value of each window of `size` × `size` at that stride.
    pub fn max_pool(self, size: usize, stride: usize, padding: Padding) -> Self {
        self.unary(self.builder.numbered("pool"), Op::MaxPool(MaxPool::new(size, stride, padding)))
    }

    /// The mean of each window, padding left out.
    pub fn avg_pool(self, size: usize, stride: usize, padding: Padding) -> Self {
        let op = AvgPool { size: Some(size), stride, padding };
        self.unary(self.builder.numbered("avg_pool"), Op::AvgPool(op))
    }

    /// The mean of each channel over the image: (batch, height, width, channels) gives (batch, 1,
    /// 1, channels).
    pub fn global_avg_pool(self) -> Self {
        let op = AvgPool { size: None, stride: 1, padding: Padding::Valid };
        self.unary(self.builder.numbered("avg_pool"), Op::AvgPool(op))
    }

    /// Local response normalisation over channels (Krizhevsky et al., 2012, section 3.3).
    pub fn lrn(self, parameters: Lrn) -> Self {
        self.unary(self.builder.numbered("norm"), Op::LrnNode(LrnNode(parameters)))
    }

    /// Batch normalisation over all axes but the last (Ioffe and Szegedy, arXiv 1502.03167), with
    /// ε = 1e-5 and moving statistics that keep 0.9 in a step (PyTorch's defaults). The
    /// parameters are `name/gamma`, `name/beta`, and the statistics `name/moving_mean` and
    /// `name/moving_variance`, which are saved and not trained.
    pub fn batch_norm(self, name: &str) -> Self {
        self.batch_norm_with(name, 1e-5)
    }

    /// As [`Value::batch_norm`], with another ε.
    pub fn batch_norm_with(self, name: &str, epsilon: f32) -> Self {
        let op = Op::BatchNorm(BatchNorm { epsilon });
        let statistic = |value| Initial::Statistic { value, momentum: 0.9 };
        let initial = [
            ("gamma", Initial::Constant(1.0)),
            ("beta", Initial::Constant(0.0)),
            ("moving_mean", statistic(0.0)),
            ("moving_variance", statistic(1.0)),
        ];
        let parameter = |(i, (part, initial)): (usize, (&str, Initial))| {
            self.parameter(format!("{name}/{part}"), &op, i, initial, Decay::None)
        };
        let parameters = initial.into_iter().enumerate().map(parameter).collect();
        self.node(name.to_string(), op, parameters)
    }

    /// The sum of two values of one shape, as at the end of a residual block (He et al., arXiv
    /// 1512.03385).
    #[allow(clippy::should_implement_trait, reason = "an operator of a graph, as the others are")]
    pub fn add(self, other: Self) -> Self {
        self.several(self.builder.numbered("add"), Op::Sum(Sum), &[other])
    }

    /// A node without parameters that reads `others` too.
    pub(super) fn several(self, name: String, op: Op, others: &[Self]) -> Self {
        let inputs = [&[self], others].concat().iter().map(|value| value.source).collect();
        let (parameters, states) = (Vec::new(), Vec::new());
        self.builder.push(Unshaped { name, op, inputs, ids: None, parameters, states })
    }

    /// Joins this value and `others` by nodes that read a few of them each.
    pub(super) fn in_fours(self, others: &[Self], join: impl Fn(Self, &[Self]) -> Self) -> Self {
        let mut all = [&[self], others].concat();
        let few = |few: &[Self]| if few.len() > 1 { join(few[0], &few[1..]) } else { few[0] };
        while all.len() > 1 {
            all = all.chunks(MAX_INPUTS).map(few).collect();
        }
        all[0]
    }

    /// Concatenates this value and `others` along `axis`, which cannot be the batch axis.
    pub fn concat(self, axis: usize, others: &[Self]) -> Self {
        self.in_fours(others, |first, rest| {
            first.several(first.builder.numbered("concat"), Op::Concat(Concat { axis }), rest)
        })
    }

    /// The `len` elements of `axis` starting at `start`; the batch axis cannot be sliced.
    pub fn slice(self, axis: usize, start: usize, len: usize) -> Self {
        self.unary(self.builder.numbered("slice"), Op::Slice(Slice { axis, start, len }))
    }

    /// The same values in another shape; `shape` is that of one row, without the first axis.
    pub fn reshape(self, shape: &[usize]) -> Self {
        let op = Op::Reshape(Reshape { row: shape.to_vec() });
        self.unary(self.builder.numbered("reshape"), op)
    }

    /// Every row as one vector.
    pub fn flatten(self) -> Self {
        let row = self.shape()[1..].iter().product();
        self.reshape(&[row])
    }

    /// The probabilities of each row of logits. A loss takes the logits themselves.
    pub fn softmax(self) -> Self {
        self.unary(self.builder.numbered("softmax"), Op::Softmax(Softmax))
    }

    /// The cross-entropy in nats of the softmax of each row of logits (rows, classes) against its
    /// label: (rows). A loss.
    pub fn cross_entropy(self, labels: Ids<'g>) -> Self {
        self.loss(CrossEntropy::default(), Some(labels), None)
    }

    /// The cross-entropy of each row times its weight in `weights` (rows). Without `labels` the
    /// first class is the label, as with [`Value::sampled_logits`]. A loss.
    pub fn weighted_cross_entropy(self, labels: Option<Ids<'g>>, weights: Self) -> Self {
        self.smoothed_cross_entropy(labels, weights, 0.0)
    }

    /// As [`Value::weighted_cross_entropy`], with label smoothing: all classes share `smoothing` of
    /// the target's probability (Szegedy et al., arXiv 1512.00567, section 7). A loss.
    pub fn smoothed_cross_entropy(
        self,
        labels: Option<Ids<'g>>,
        weights: Self,
        smoothing: f32,
    ) -> Self {
        self.loss(CrossEntropy { first: labels.is_none(), smoothing }, labels, Some(weights))
    }

    fn loss(self, op: CrossEntropy, labels: Option<Ids<'g>>, weights: Option<Self>) -> Self {
        let inputs = [Some(self.source), weights.map(|weights| weights.source)];
        self.builder.push(Unshaped {
            name: "loss".to_string(),
            op: Op::CrossEntropy(op),
            inputs: inputs.into_iter().flatten().collect(),
            ids: labels.map(|labels| labels.read),
            parameters: Vec::new(),
            states: Vec::new(),
        })
    }

    /// Half the sum of the squares of all values, TensorFlow's `l2_loss`: (1). A loss.
    pub fn half_sum_of_squares(self) -> Self {
        self.unary("loss".to_string(), Op::HalfSumOfSquares(HalfSumOfSquares))
    }
}

impl<'g> Ids<'g> {
    /// Those of one time step: (steps · batch) gives (batch).
    pub fn step(self, step: usize) -> Self {
        Self { read: IdsRead { step: Some(step), ..self.read }, ..self }
    }

    /// The rows of a table `name` (`count`, `width`) that the ids name: (rows, `width`). The
    /// gradient has one row per token, not one per id.
    pub fn embedding(self, name: &str, count: usize, width: usize, init: Init) -> Value<'g> {
        let op = Op::Embedding(Embedding { count, width });
        let spec = ParameterSpec {
            name: name.to_string(),
            shape: vec![count, width],
            initial: init.weights,
            decays: init.decay != Decay::None,
        };
        let parameters = vec![self.builder.parameter(spec)];
        let (name, ids, states) = (name.to_string(), Some(self.read), Vec::new());
        self.builder.push(Unshaped { name, op, inputs: Vec::new(), ids, parameters, states })
    }
}
