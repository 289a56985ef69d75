//! From nodes of a frozen graph to a graph of `nn`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};

use super::constants::Constants;
use super::layer::Layer;
use crate::data::graphdef::{FrozenGraph, NodeOutput};
use crate::nn::operators::count;
use crate::nn::{self, Graph, Init, Network, Output, Value};
use crate::system::wording::{counted, plural};

/// A part of a frozen graph as a network.
#[derive(Debug)]
pub struct Imported {
    /// The network, whose weights are in the file of the graph.
    pub network: Network,
    /// The tensors that it was asked for.
    pub outputs: Vec<Output>,
}

/// Makes a network of `nodes`, in topological order, that computes `wanted` from `inputs`, tensors
/// with these shapes per example.
///
/// # Errors
/// A layer that does not fit what it reads.
pub fn import(
    (graph, constants): (&FrozenGraph, &Constants),
    nodes: &[(usize, Layer)],
    inputs: &[(NodeOutput, Vec<usize>)],
    wanted: &[NodeOutput],
) -> Result<Imported> {
    let weights = Weights::default();
    let (network, outputs) = Graph::build(|g| -> Result<Vec<Output>> {
        let mut importer = Importer { graph, constants, weights: &weights, made: HashMap::new() };
        for (input, shape) in inputs {
            let value = g.input(&graph.node(input.node).name, shape);
            importer.made.insert(*input, Made::Value(value));
        }
        for (index, layer) in nodes {
            importer.node(*index, layer).with_context(|| graph.node(*index).title())?;
        }
        wanted.iter().map(|&output| Ok(importer.value(output)?.output())).collect()
    })?;
    let find = |spec: &nn::graph::ParameterSpec| {
        let known = weights.0.borrow().get(&spec.name).map(Arc::clone);
        known.with_context(|| format!("{} has no values", spec.name))
    };
    Ok(Imported { network: Network::of_constants(network, find)?, outputs: outputs? })
}

/// The values of the parameters, by their names.
#[derive(Default)]
struct Weights(RefCell<HashMap<String, Arc<dyn nn::Constant>>>);

impl Weights {
    fn set(&self, name: String, values: impl nn::Constant + 'static) {
        self.0.borrow_mut().insert(name, Arc::new(values));
    }
}

/// Weights in memory.
#[derive(Debug)]
struct Own(Vec<f32>);

impl nn::Constant for Own {
    fn copy_to(&self, to: &mut [f32]) {
        to.copy_from_slice(&self.0);
    }
}

/// The imported form of a node.
#[derive(Clone)]
enum Made<'g> {
    Value(Value<'g>),
    /// `of · scale + shift` for each channel, which becomes a layer when something else reads it:
    /// several of them in a row are one.
    Affine(Rc<Affine<'g>>),
}

struct Affine<'g> {
    name: String,
    of: Value<'g>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    layer: Cell<Option<Value<'g>>>,
}

struct Importer<'a, 'g> {
    graph: &'a FrozenGraph,
    constants: &'a Constants,
    weights: &'a Weights,
    made: HashMap<NodeOutput, Made<'g>>,
}

impl<'g> Importer<'_, 'g> {
    /// The value of a tensor.
    fn value(&self, output: NodeOutput) -> Result<Value<'g>> {
        match self.made.get(&output) {
            Some(Made::Value(value)) => Ok(*value),
            Some(Made::Affine(affine)) => Ok(affine.layer.get().unwrap_or_else(|| {
                let value = self.normalise(affine);
                affine.layer.set(Some(value));
                value
            })),
            None => bail!("reads a part of the graph that is not in the network"),
        }
    }

    /// A batch normalisation with trivial statistics: the layer is folded into the filters before it.
    fn normalise(&self, affine: &Affine<'g>) -> Value<'g> {
        let (name, len) = (&affine.name, affine.scale.len());
        self.weights.set(format!("{name}/gamma"), Own(affine.scale.clone()));
        self.weights.set(format!("{name}/beta"), Own(affine.shift.clone()));
        self.weights.set(format!("{name}/moving_mean"), Own(vec![0.0; len]));
        self.weights.set(format!("{name}/moving_variance"), Own(vec![1.0; len]));
        affine.of.batch_norm_with(name, 0.0)
    }

    fn node(&mut self, index: usize, layer: &Layer) -> Result<()> {
        let node = self.graph.node(index);
        let first = node.inputs.iter().copied().find(|&input| !self.constants.has(input));
        let first = first.context("reads nothing")?;
        let made = match layer {
            Layer::Pass => self.made.get(&first).cloned().context("reads another part")?,
            Layer::Affine { scale, shift } => {
                Made::Affine(Rc::new(self.affine(&node.name, first, [scale, shift])?))
            }
            Layer::Add | Layer::Concat { .. } => Made::Value(self.join(index, layer)?),
            _ => Made::Value(self.layer(&node.name, layer, self.value(first)?)?),
        };
        self.made.insert(NodeOutput { node: index, output: 0 }, made);
        Ok(())
    }

    fn affine(
        &self,
        name: &str,
        input: NodeOutput,
        [scale, shift]: [&[f32]; 2],
    ) -> Result<Affine<'g>> {
        let before = match self.made.get(&input) {
            Some(Made::Affine(before)) => Some(before),
            _ => None,
        };
        let of = match before {
            Some(before) => before.of,
            None => self.value(input)?,
        };
        let channels = of.shape().last().copied().unwrap_or(0);
        let each = |values: &[f32]| match values.len() {
            1 => Ok(vec![values[0]; channels]),
            len if len == channels => Ok(values.to_vec()),
            len => bail!("{len} values for {channels} {}", plural(channels, "channel")),
        };
        let (mut scale, mut shift) = (each(scale)?, each(shift)?);
        if let Some(before) = before {
            for i in 0..channels {
                shift[i] += before.shift[i] * scale[i];
                scale[i] *= before.scale[i];
            }
        }
        Ok(Affine { name: name.to_owned(), of, scale, shift, layer: Cell::new(None) })
    }

    /// A layer that reads several values.
    fn join(&self, index: usize, layer: &Layer) -> Result<Value<'g>> {
        let inputs = self.graph.node(index).inputs.iter();
        let values = inputs.filter(|input| !self.constants.has(**input));
        let values: Vec<_> = values.map(|&input| self.value(input)).collect::<Result<_>>()?;
        let (first, rest) = values.split_first().context("reads nothing")?;
        Ok(match *layer {
            Layer::Concat { axis, .. } => {
                let axis = place(axis, first.shape().len())?;
                ensure!(axis > 0, "joins examples");
                first.concat(axis, rest)
            }
            _ => rest.iter().fold(*first, |sum, value| sum.add(*value)),
        }
        .named(&self.graph.node(index).name))
    }

    fn layer(&self, name: &str, layer: &Layer, x: Value<'g>) -> Result<Value<'g>> {
        let init = Init::uniform(0.0);
        Ok(match layer {
            Layer::Conv2d { filters, weights } => {
                self.ensure_reads(*weights, 2, x)?;
                self.lend(format!("{name}/weights"), *weights)?;
                x.conv2d_without_biases(name, *filters, init)
            }
            Layer::DepthwiseConv2d { filters, weights } => {
                self.ensure_reads(*weights, 2, x)?;
                self.lend(format!("{name}/weights"), *weights)?;
                let channels = x.shape().last().copied().unwrap_or(0);
                self.weights
                    .set(format!("{name}/biases"), Own(vec![0.0; channels * filters.count]));
                x.depthwise_conv2d(name, *filters, init)
            }
            Layer::MatMul { weights, outputs } => {
                ensure!(x.shape().len() == 2, "does not multiply rows");
                self.ensure_reads(*weights, 0, x)?;
                self.lend(name.to_owned(), *weights)?;
                x.project(name, *outputs, init)
            }
            Layer::Relu => x.relu(),
            Layer::Relu6 => x.relu6(),
            Layer::Elu => x.elu(),
            Layer::Sigmoid => x.sigmoid(),
            Layer::Tanh => x.tanh(),
            Layer::Softmax => {
                ensure!(x.shape().len() == 2, "is a softmax not over rows");
                x.softmax().named(name)
            }
            Layer::MaxPool { size, stride, padding } => {
                x.max_pool(*size, *stride, *padding).named(name)
            }
            Layer::AvgPool { size, stride, padding } => {
                x.avg_pool(*size, *stride, *padding).named(name)
            }
            Layer::GlobalAvgPool { keeps_axes } => {
                ensure!(x.shape().len() == 4, "is a mean not over images");
                let mean = x.global_avg_pool().named(name);
                if *keeps_axes { mean } else { mean.flatten() }
            }
            Layer::Lrn(lrn) => x.lrn(*lrn).named(name),
            Layer::Pad { rows, columns } => x.pad(*rows, *columns).named(name),
            Layer::Reshape(shape) => x.reshape(&row_shape(shape, &x.shape())?),
            Layer::Squeeze(axes) => x.reshape(&squeezed(axes, &x.shape())?),
            Layer::ExpandDims(axis) => {
                let mut shape = x.shape();
                let axis = place(*axis, shape.len() + 1)?;
                ensure!(axis > 0, "inserts an axis before the batch axis");
                shape.insert(axis, 1);
                x.reshape(&shape[1..])
            }
            Layer::Pass | Layer::Affine { .. } | Layer::Add | Layer::Concat { .. } => {
                bail!("is not a layer with one output")
            }
        })
    }

    /// Holds axis `axis` of weights to be the channels of what a layer reads.
    fn ensure_reads(&self, weights: NodeOutput, axis: usize, x: Value<'g>) -> Result<()> {
        let (shape, channels) = (self.constants.shape(weights)?, x.shape().last().copied());
        ensure!(
            shape.get(axis).copied() == channels,
            "has weights of {shape:?}, which do not fit the {} that it reads",
            counted(channels.unwrap_or(0), "channel")
        );
        Ok(())
    }

    /// Lends a parameter the values of a constant.
    fn lend(&self, parameter: String, values: NodeOutput) -> Result<()> {
        let values = self.constants.weights(values)?;
        self.weights.0.borrow_mut().insert(parameter, values);
        Ok(())
    }
}

/// An axis that may be counted from the end.
fn place(axis: i64, rank: usize) -> Result<usize> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    let axis = usize::try_from(from_front).ok().filter(|axis| *axis < rank);
    axis.with_context(|| format!("has no axis {from_front} of {rank}"))
}

/// The shape of an example from that of a batch, whose first size is open or one.
fn row_shape(wanted: &[i64], from: &[usize]) -> Result<Vec<usize>> {
    let [batch, row @ ..] = wanted else { bail!("has no shape for examples") };
    ensure!(matches!(batch, -1 | 1), "has a fixed number of examples");
    let values: usize = from[1..].iter().product();
    let known: Vec<_> = row.iter().filter_map(|&size| usize::try_from(size).ok()).collect();
    let known = count(&known);
    let sizes = row.iter().map(|&size| match size {
        -1 if known > 0 => values / known,
        size => usize::try_from(size).unwrap_or(0),
    });
    let sizes: Vec<_> = sizes.collect();
    ensure!(count(&sizes) == values, "joins or splits examples");
    Ok(sizes)
}

/// The shape of an example without axes of size one.
fn squeezed(axes: &[i64], shape: &[usize]) -> Result<Vec<usize>> {
    let axes: Vec<usize> =
        axes.iter().map(|&axis| place(axis, shape.len())).collect::<Result<_>>()?;
    let goes = |i: usize| if axes.is_empty() { shape[i] == 1 } else { axes.contains(&i) };
    ensure!(!axes.contains(&0), "removes the batch axis");
    ensure!(axes.iter().all(|&i| shape[i] == 1), "removes an axis that is not of size one");
    Ok((1..shape.len()).filter(|&i| !goes(i)).map(|i| shape[i]).collect())
}
