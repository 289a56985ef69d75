//! The operators that nodes of a graph can be, one file each.
//!
//! Each knows its shape rule, its forward pass, its gradient, how many operations these take, and
//! the plain formula in `f64`. `tests.rs` holds every one of them to finite differences: an
//! operator without cases does not compile there.

mod activate;
mod attention;
mod batch_norm;
mod concat;
mod conv2d;
mod conv_pool;
mod convolution;
mod depthwise;
mod dropout;
mod embedding;
mod gru;
mod linear;
mod loss;
mod lrn;
mod lstm;
mod lstm_states;
mod operands;
mod pad;
mod pool;
mod pool_lrn;
mod relu;
mod reshape;
mod sampled;
mod separable;
mod slice;
mod softmax;
mod steps;
mod sum;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use activate::Activate;
pub use attention::{AdditiveAttention, Context};
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv_pool::ConvPool;
pub use conv2d::Conv2d;
pub use depthwise::DepthwiseConv2d;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use gru::Gru;
pub use linear::Linear;
pub use loss::{CrossEntropy, HalfSumOfSquares};
pub use lrn::LrnNode;
pub use lstm::Lstm;
pub use lstm_states::LstmStates;
pub use operands::{
    Backward, Forward, ParameterGradients, Parameters, Pass, Reference, Shard, StateRefs,
};
pub use pad::Pad;
pub use pool::{AvgPool, MaxPool};
pub use pool_lrn::{LrnPool, PoolLrn};
pub use relu::Relu;
pub use reshape::Reshape;
pub use sampled::SampledLogits;
pub use separable::SeparableConv2d;
pub use slice::Slice;
pub use softmax::Softmax;
pub use steps::{LastStep, Reverse, Stack};
pub use sum::Sum;

/// The most values that a node reads, and the most parameters that it has.
pub const MAX_INPUTS: usize = 4;

/// Declares every operator once: the enum, and the list that the tests go through.
macro_rules! operators {
    ($($operator:ident),* $(,)?) => {
        /// An operator.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the types are documented")]
        pub enum Op {
            $($operator($operator)),*
        }

        impl Op {
            /// The operator behind its trait.
            pub fn get(&self) -> &dyn Operator {
                match self {
                    $(Self::$operator(operator) => operator),*
                }
            }
        }

        /// The cases of every operator, by its name.
        #[cfg(test)]
        fn all_cases() -> Vec<(&'static str, Vec<cases::Case>)> {
            vec![$((stringify!($operator), <$operator as cases::Cases>::cases())),*]
        }
    };
}

operators!(
    Activate,
    AdditiveAttention,
    AvgPool,
    BatchNorm,
    Concat,
    Context,
    Conv2d,
    ConvPool,
    CrossEntropy,
    DepthwiseConv2d,
    Dropout,
    Embedding,
    Gru,
    HalfSumOfSquares,
    LastStep,
    Linear,
    LrnNode,
    LrnPool,
    Lstm,
    LstmStates,
    MaxPool,
    Pad,
    PoolLrn,
    Relu,
    Reshape,
    Reverse,
    SampledLogits,
    SeparableConv2d,
    Slice,
    Softmax,
    Stack,
    Sum,
);

/// What one kind of node computes.
pub trait Operator {
    /// The name in the layer table, such as "conv2d + relu".
    fn kind(&self) -> String;

    /// The shape of the output.
    ///
    /// # Errors
    /// The shapes of the inputs do not fit: which, and what would.
    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        Ok(shapes.inputs[0].clone())
    }

    /// All ids that the node reads must be in this range.
    fn ids_within(&self, _: &Shapes) -> Range<usize> {
        0..usize::MAX
    }

    /// The shapes of the parameters for inputs of these shapes.
    fn parameters(&self, _inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        Vec::new()
    }

    /// Values that the forward pass saves for the backward pass, in addition to inputs and output.
    fn saved(&self, _: &Shapes) -> usize {
        0
    }

    /// Bytes that it leaves.
    fn saved_bytes(&self, _: &Shapes) -> usize {
        0
    }

    /// Values of the operator's own that are before the output in its memory.
    fn prefix(&self, _: &Shapes) -> usize {
        0
    }

    /// Whether training keeps packed copies of its weights, which may be `shared` with other nodes.
    fn keeps_packed(&self, _shared: bool) -> bool {
        false
    }

    /// What the backward pass reads.
    fn reads(&self) -> Reads {
        Reads::default()
    }

    /// Whether the output may be in the memory of the first input.
    fn runs_in_place(&self) -> bool {
        false
    }

    /// How the gradient of the input comes about.
    fn gradient(&self) -> GradientRule {
        GradientRule::Computed
    }

    /// The output from the inputs.
    fn forward(&self, run: Forward);

    /// The gradients of inputs and parameters from that of the output.
    fn backward(&self, _run: Backward) {}

    /// FLOPs of a direct computation (a multiply-add counts as two).
    fn operations(&self, _: &Shapes) -> Operations {
        Operations::default()
    }

    /// The output in plain `f64`.
    fn reference(&self, run: Reference) -> Vec<f64>;
}

/// The sizes of a node in a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shapes {
    /// Examples side by side.
    pub batch: usize,
    /// Ids that the node reads.
    pub ids: usize,
    /// The shapes of what it reads.
    pub inputs: Vec<Vec<usize>>,
    /// The shape of what it gives.
    pub output: Vec<usize>,
}

impl Shapes {
    /// Values of the output.
    pub fn outputs(&self) -> usize {
        self.output.iter().product()
    }

    /// Values of the first input.
    pub fn values(&self) -> usize {
        self.inputs.first().map_or(0, |shape| shape.iter().product())
    }

    /// The last axis of the first input: channels, or the width of a row.
    pub fn channels(&self) -> usize {
        self.inputs.first().and_then(|shape| shape.last()).copied().unwrap_or(0)
    }
}

/// The most values of a tensor, 64 TiB: sums over the nodes of the largest graph stay below 2^64.
const MAX_VALUES: usize = 1 << 44;

/// The number of values of a shape; `usize::MAX` if it overflows.
pub fn count(shape: &[usize]) -> usize {
    shape.iter().fold(1, |values: usize, &size| values.saturating_mul(size))
}

/// The shape of an operator's output.
///
/// # Errors
/// The operator's own, or more values than there can be.
pub fn output_shape(operator: &dyn Operator, shapes: &Shapes) -> Result<Vec<usize>, String> {
    let output = operator.shape(shapes)?;
    if output.iter().skip(1).any(|&size| size == 0) {
        return Err(format!("its output, {}, is empty", written(&output)));
    }
    match count(&output) {
        ..=MAX_VALUES => Ok(output),
        _ => Err(format!("{} has more values than memory could hold", written(&output))),
    }
}

/// Checks that kernel and stride are nonzero.
fn check_windows([height, width]: [usize; 2], stride: [usize; 2]) -> Result<(), String> {
    match [height, width, stride[0], stride[1]].contains(&0) {
        true => Err(format!("windows of {height} × {width} with stride {} are invalid", stride[0])),
        false => Ok(()),
    }
}

/// A shape as it is written: `(64, 28, 28, 1)`.
pub fn written(shape: &[usize]) -> String {
    let axes: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("({})", axes.join(", "))
}

/// What a backward pass reads of the forward pass, in addition to what was saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The inputs.
    pub inputs: bool,
    /// The output.
    pub output: bool,
}

/// How the gradient of the first input comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradientRule {
    /// The backward pass writes it.
    Computed,
    /// The backward pass changes the gradient of the output into it, in place.
    InPlace,
    /// Every input's gradient is that of the output.
    PassedOn,
    /// The node is a loss: its forward pass leaves the gradient in the input's place.
    Loss,
}

/// FLOPs of a node (a multiply-add counts as two).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Of the forward pass.
    pub forward: u64,
    /// Of the gradient of its inputs.
    pub input_gradient: u64,
    /// Of the gradients of its parameters.
    pub parameter_gradient: u64,
}

impl Operations {
    /// Those of an operator without parameters that takes `count` for each value, forward and
    /// backward.
    pub(super) fn per_value(values: usize, count: usize) -> Self {
        let count = (values * count) as u64;
        Self { forward: count, input_gradient: count, parameter_gradient: 0 }
    }

    /// Those of an operator whose three passes are products of one size.
    pub(super) fn product(count: usize) -> Self {
        let count = count as u64;
        Self { forward: count, input_gradient: count, parameter_gradient: count }
    }
}

/// The error of an input that has another rank than an operator takes.
fn rank(shape: &[usize], axes: &[&str]) -> Result<(), String> {
    if shape.len() == axes.len() {
        return Ok(());
    }
    Err(format!("its input is {}, not ({})", written(shape), axes.join(", ")))
}

/// The rows of a recurrent layer's input (steps · batch, values).
fn window_rows(shapes: &Shapes) -> Result<usize, String> {
    let (input, batch) = (&shapes.inputs[0], shapes.batch.max(1));
    rank(input, &["steps · batch", "values"])?;
    match input[0].is_multiple_of(batch) {
        true => Ok(input[0]),
        false => {
            let input = written(input);
            Err(format!("its input is {input}, not a whole number of steps of {batch} rows"))
        }
    }
}

/// Checks that the initial state of a recurrent layer, its optional second input, is (batch,
/// `width`).
fn check_start(shapes: &Shapes, width: usize) -> Result<(), String> {
    let wanted = [shapes.batch.max(1), width];
    match shapes.inputs.get(1) {
        Some(start) if *start != wanted => {
            Err(format!("its first state is {}, not {}", written(start), written(&wanted)))
        }
        _ => Ok(()),
    }
}

/// The axes of images.
const IMAGES: [&str; 4] = ["batch", "height", "width", "channels"];
