//! Rewrites: nodes that become part of a neighbour, or that a run does not need.
//!
//! A rewrite puts the fused operator in place of the later node and leaves the earlier one unread,
//! so that every value that can be asked for keeps its number. It never removes a value that
//! somebody else reads.

use super::parts::at_once;
use super::{Key, Planned, Source};
use crate::nn::graph::Output;
use crate::nn::operators::{
    BatchNorm, ConvPool, LrnNode, LrnPool, Op, PoolLrn, Relu, SeparableConv2d,
};
use crate::ops::relu::Rectifier;

/// Rewrites `nodes`; where the outputs of `key` are now. Nodes that do nothing are skipped even
/// where neighbours are not to be `fused`.
pub(super) fn rewrite(nodes: &mut [Planned], key: &Key, fused: bool) -> Vec<Source> {
    let outputs = key.outputs.iter().map(|&Output(source)| source).collect();
    let mut rewriting = Rewriting { nodes, outputs };
    rewriting.skip(|op| matches!(op, Op::Reshape(_)));
    if !key.training {
        rewriting.skip(|op| matches!(op, Op::Dropout(_)));
    }
    if !fused {
        return rewriting.outputs;
    }
    if !key.training {
        rewriting.pairs(fold_normalisation);
    }
    rewriting.pairs(relu_into_layer);
    if !key.training {
        rewriting.pairs(relu_into_inference);
    }
    rewriting.pairs(dropout_into_linear);
    rewriting.pairs(relu_into_pooling);
    rewriting.pairs(pooling_and_normalisation);
    rewriting.pairs(relu_before_normalisation);
    if !key.training {
        rewriting.pairs(convolution_and_pooling);
        rewriting.pairs(depthwise_and_pixels);
    }
    rewriting.outputs
}

/// What a convolution gives before a pooling for inference at a time, where it is more: 8 MiB.
const VALUES_AT_ONCE: usize = 2 << 20;

struct Rewriting<'a> {
    nodes: &'a mut [Planned],
    outputs: Vec<Source>,
}

impl Rewriting<'_> {
    /// Lets whoever reads a node of that kind read its input instead.
    fn skip(&mut self, is_skipped: impl Fn(&Op) -> bool) {
        for i in 0..self.nodes.len() {
            if !is_skipped(&self.nodes[i].node.op) {
                continue;
            }
            let input = self.nodes[i].node.inputs[0];
            let inputs = self.nodes.iter_mut().flat_map(|planned| &mut planned.node.inputs);
            for source in inputs.chain(&mut self.outputs) {
                if *source == Source::Node(i) {
                    *source = input;
                }
            }
        }
    }

    /// Offers every node to `rewrite` together with the node whose output it alone reads.
    fn pairs(&mut self, rewrite: fn(&mut Planned, &mut Planned)) {
        let mut readers = self.readers();
        for second in 0..self.nodes.len() {
            let inputs = &self.nodes[second].node.inputs;
            let Some(&Source::Node(first)) = inputs.first() else { continue };
            // After a reshape that was skipped, an operator has other axes.
            let is_as_it_was =
                self.nodes[second].shapes.inputs[0] == self.nodes[first].shapes.output;
            if readers[second] == 0 || readers[first] != 1 || !is_as_it_was {
                continue;
            }
            let read = inputs.len();
            let (before, after) = self.nodes.split_at_mut(second);
            rewrite(&mut before[first], &mut after[0]);
            let inputs = &self.nodes[second].node.inputs;
            if inputs.len() != read || inputs.first() != Some(&Source::Node(first)) {
                readers = self.readers();
            }
        }
    }

    /// How often each node is read, by nodes that are read themselves or by the caller.
    fn readers(&self) -> Vec<usize> {
        let live = live(self.nodes, &self.outputs);
        let nodes = self.nodes.iter().zip(live).filter(|(_, live)| *live);
        let reads = nodes.flat_map(|(planned, _)| &planned.node.inputs);
        let mut readers = vec![0; self.nodes.len()];
        for &read in reads.chain(&self.outputs) {
            if let Source::Node(node) = read {
                readers[node] += 1;
            }
        }
        readers
    }
}

/// Which nodes the outputs depend on.
pub(super) fn live(nodes: &[Planned], outputs: &[Source]) -> Vec<bool> {
    let mut live = vec![false; nodes.len()];
    let mark = |live: &mut Vec<bool>, sources: &[Source]| {
        for source in sources {
            if let Source::Node(i) = *source {
                live[i] = true;
            }
        }
    };
    mark(&mut live, outputs);
    for i in (0..nodes.len()).rev() {
        if live[i] {
            mark(&mut live, &nodes[i].node.inputs);
        }
    }
    live
}

/// The second node takes over what the first one is and reads, with `op` for both.
fn merge(first: &Planned, second: &mut Planned, op: Op) {
    let parameters = [&first.node.parameters[..], &second.node.parameters[..]].concat();
    second.node = crate::nn::graph::Node {
        op,
        parameters,
        shape: std::mem::take(&mut second.node.shape),
        ..first.node.clone()
    };
    second.shapes.inputs = first.shapes.inputs.clone();
}

/// For inference, the normalisation's factor and shift go into the filters before it.
fn fold_normalisation(first: &mut Planned, second: &mut Planned) {
    let Op::BatchNorm(BatchNorm { epsilon }) = second.node.op else { return };
    let fused = match first.node.op {
        Op::Conv2d(mut convolution) if !convolution.is_finished() => {
            convolution.folded = Some(epsilon);
            Op::Conv2d(convolution)
        }
        Op::DepthwiseConv2d(mut convolution) if !convolution.is_finished() => {
            convolution.folded = Some(epsilon);
            Op::DepthwiseConv2d(convolution)
        }
        _ => return,
    };
    merge(first, second, fused);
}

/// The last store of a convolution or a product does the ReLU.
fn relu_into_layer(first: &mut Planned, second: &mut Planned) {
    let Op::Relu(Relu(rectifier)) = second.node.op else { return };
    let fused = match &first.node.op {
        Op::Conv2d(convolution) if convolution.rectifier == Rectifier::None => {
            let mut convolution = *convolution;
            convolution.rectifier = rectifier;
            Op::Conv2d(convolution)
        }
        Op::Linear(linear) if rectifier == Rectifier::Relu && linear.dropout.is_none() => {
            let mut linear = linear.clone();
            linear.relu = true;
            Op::Linear(linear)
        }
        _ => return,
    };
    merge(first, second, fused);
}

/// For inference, the last store of a convolution does every rectifier.
fn relu_into_inference(first: &mut Planned, second: &mut Planned) {
    let Op::Relu(Relu(rectifier)) = second.node.op else { return };
    let mut fused = first.node.op.clone();
    let own = match &mut fused {
        Op::Conv2d(convolution) => &mut convolution.rectifier,
        Op::DepthwiseConv2d(convolution) => &mut convolution.rectifier,
        _ => return,
    };
    if *own == Rectifier::None {
        *own = rectifier;
        merge(first, second, fused);
    }
}

/// Dropout after a layer with a ReLU: the ReLU's gradient needs no output of its own, since the
/// gradient is already zero where dropout removed a value.
fn dropout_into_linear(first: &mut Planned, second: &mut Planned) {
    if let (Op::Linear(linear), Op::Dropout(dropout)) = (&first.node.op, &second.node.op)
        && linear.dropout.is_none()
    {
        let mut linear = linear.clone();
        linear.dropout = Some(dropout.clone());
        merge(first, second, Op::Linear(linear));
    }
}

/// A max pooling knows from its argmax where the ReLU before it was zero: the ReLU's gradient
/// needs no pass of its own.
fn relu_into_pooling(first: &mut Planned, second: &mut Planned) {
    let Op::MaxPool(mut pool) = second.node.op else { return };
    pool.relu = true;
    match &mut first.node.op {
        Op::Conv2d(convolution) if convolution.rectifier == Rectifier::Relu => {
            convolution.relu_is_undone = true;
            second.node.op = Op::MaxPool(pool);
        }
        Op::Relu(Relu(Rectifier::Relu)) => {
            let name = second.node.name.clone();
            merge(first, second, Op::MaxPool(pool));
            second.node.name = name;
        }
        _ => {}
    }
}

/// A pooling and a normalisation next to each other go image by image, while it is in the cache.
fn pooling_and_normalisation(first: &mut Planned, second: &mut Planned) {
    let fused = match (&first.node.op, &second.node.op) {
        (&Op::MaxPool(pool), &Op::LrnNode(LrnNode(lrn))) => Op::PoolLrn(PoolLrn { pool, lrn }),
        (&Op::LrnNode(LrnNode(lrn)), &Op::MaxPool(pool)) if !pool.relu => {
            Op::LrnPool(LrnPool { lrn, pool })
        }
        _ => return,
    };
    let name = format!("{} + {}", first.node.name, second.node.name);
    merge(first, second, fused);
    second.node.name = name;
}

/// Where a normalisation and a pooling read a ReLU's output, they give the gradient of its input.
fn relu_before_normalisation(first: &mut Planned, second: &mut Planned) {
    if let (Op::Conv2d(convolution), Op::LrnPool(both)) = (&mut first.node.op, &mut second.node.op)
        && convolution.rectifier == Rectifier::Relu
    {
        convolution.relu_is_undone = true;
        both.pool.relu = true;
    }
}

/// For inference, a convolution that gives much goes a few images at a time with its pooling, so
/// that what it gives need not be kept.
fn convolution_and_pooling(first: &mut Planned, second: &mut Planned) {
    let (&Op::Conv2d(conv), Op::MaxPool(_) | Op::PoolLrn(_) | Op::LrnPool(_)) =
        (&first.node.op, &second.node.op)
    else {
        return;
    };
    let batch = first.shapes.output[0];
    let images = at_once(batch, first.shapes.outputs(), VALUES_AT_ONCE);
    if images < batch {
        let name = format!("{} + {}", first.node.name, second.node.name);
        let pool = Box::new(second.node.op.clone());
        merge(first, second, Op::ConvPool(ConvPool { conv, pool, images }));
        second.node.name = name;
    }
}

/// For inference, a depthwise convolution and the pointwise convolution after it run some rows at a
/// time.
fn depthwise_and_pixels(first: &mut Planned, second: &mut Planned) {
    let (&Op::DepthwiseConv2d(depthwise), &Op::Conv2d(pixels)) = (&first.node.op, &second.node.op)
    else {
        return;
    };
    if let Some(both) = SeparableConv2d::of(depthwise, pixels, &first.shapes.inputs[0]) {
        let name = format!("{} + {}", first.node.name, second.node.name);
        merge(first, second, Op::SeparableConv2d(both));
        second.node.name = name;
    }
}
