//! The description of a network: a list of nodes in the order of its forward pass.
//!
//! A [`Graph`] holds no numbers. It knows each node's operator, inputs, parameters and shape;
//! everything else is derived from these: see [`crate::nn`].

mod init;
mod sequence;
mod table;
mod value;

use std::cell::{Cell, RefCell};

use anyhow::{Result, bail};

use super::operators::{Op, Shapes, output_shape, written};

pub use init::{Decay, Init, Initial};
pub use table::Layer;
pub use value::{Filters, Ids, Value};

/// Where a number of the graph comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The input of that number, which the caller feeds.
    Input(usize),
    /// The output of the node of that number.
    Node(usize),
}

/// The integers that a node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdsRead {
    /// The input of that number.
    pub input: usize,
    /// One time step of it, `batch` integers; without a step all of them.
    pub step: Option<usize>,
}

impl IdsRead {
    /// How many of `all` integers are read for a batch of `batch` examples.
    pub(super) fn count(self, all: usize, batch: usize) -> usize {
        self.step.map_or(all, |step| all.saturating_sub(step * batch).min(batch))
    }

    /// Those that are read of `all`.
    pub(super) fn of(self, all: &[u32], batch: usize) -> &[u32] {
        match self.step {
            Some(step) => &all[all.len().min(step * batch)..][..self.count(all.len(), batch)],
            None => all,
        }
    }
}

/// One operator of a network, with what it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The name of the layer, such as `conv1`.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The values that it reads.
    pub inputs: Vec<Source>,
    /// The integer input that it reads: word ids, labels or lengths.
    pub ids: Option<IdsRead>,
    /// Its parameters, as indices into [`Graph::parameters`].
    pub parameters: Vec<usize>,
    /// The states that it reads and replaces, as indices into [`Graph::states`].
    pub states: Vec<usize>,
    /// The shape of its output for a batch of one example.
    pub shape: Vec<usize>,
}

/// An input of numbers: a name and the shape for one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What errors call it.
    pub name: String,
    /// (1, …), or (steps, …) where an example has several rows.
    pub shape: Vec<usize>,
}

/// An input of integers: a name and how many there are for one example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdsInput {
    /// What errors call it.
    pub name: String,
    /// Integers of one example; 1 also where a window may have any number of time steps.
    pub steps: usize,
    /// Whether it is one for each example, its number of time steps.
    pub are_lengths: bool,
}

/// A tensor (batch, width) that a run reads and leaves for the next run, such as the cell of a
/// recurrent layer. No gradient passes through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSpec {
    /// The name, which is that of the tensor in a checkpoint.
    pub name: String,
    /// Values of one example.
    pub width: usize,
}

/// A parameter before it has values.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// The name, which is that of the tensor in a checkpoint.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// The first values.
    pub initial: Initial,
    /// Whether weight decay applies to it.
    pub decays: bool,
}

/// The description of a network.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The nodes; each reads only inputs and nodes before it.
    pub nodes: Vec<Node>,
    /// The inputs of numbers.
    pub inputs: Vec<Input>,
    /// The inputs of integers.
    pub ids: Vec<IdsInput>,
    /// What a run leaves for the next.
    pub states: Vec<StateSpec>,
    /// The parameters, in the order in which the layers were built.
    pub parameters: Vec<ParameterSpec>,
}

impl Graph {
    /// Builds a graph: `build` gets a builder, and returns what the caller wants to know of the
    /// graph, such as the number of the node that holds the logits.
    ///
    /// # Errors
    /// The first layer whose input does not fit, with its name and the shapes; a name that two
    /// parameters share.
    ///
    /// ```
    /// use tfm::nn::{Graph, Init};
    ///
    /// let (graph, logits) = Graph::build(|g| {
    ///     let pixels = g.input("pixels", &[28, 28, 1]);
    ///     let hidden = pixels.linear("hidden", 100, Init::truncated_normal(0.1)).relu();
    ///     hidden.linear("logits", 10, Init::truncated_normal(0.1)).output()
    /// })?;
    /// assert_eq!(graph.shape(logits, 64), [64, 10]);
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn build<R>(build: impl FnOnce(&Builder) -> R) -> Result<(Self, R)> {
        let builder = Builder::default();
        let wanted = build(&builder);
        let Builder { graph, error, .. } = builder;
        match error.into_inner() {
            Some(error) => bail!("{error}"),
            None => Ok((graph.into_inner(), wanted)),
        }
    }

    /// The shape of an output for a batch of `batch` examples.
    pub fn shape(&self, output: Output, batch: usize) -> Vec<usize> {
        let mut shape = self.shape_of(output.0).to_vec();
        if let Some(rows) = shape.first_mut() {
            *rows *= batch;
        }
        shape
    }

    /// Rows of each input of numbers, and integers of each input of those, for `batch` examples;
    /// windows that may have any number of time steps have `steps`.
    pub(super) fn sizes(&self, batch: usize, steps: usize) -> [Vec<usize>; 2] {
        let rows = self.inputs.iter().map(|input| batch * input.shape[0]).collect();
        let any = |ids: &IdsInput| ids.steps == 1 && !ids.are_lengths;
        let of = |ids: &IdsInput| batch * if any(ids) { steps } else { ids.steps };
        [rows, self.ids.iter().map(of).collect()]
    }

    /// The shape for one example.
    pub(super) fn shape_of(&self, source: Source) -> &[usize] {
        match source {
            Source::Input(i) => &self.inputs[i].shape,
            Source::Node(i) => &self.nodes[i].shape,
        }
    }

    /// The output of every layer with parameters, after its activation function, by the layer's
    /// name.
    pub fn activations(&self) -> Vec<(String, Output)> {
        let is_activation = |node: &Node| matches!(node.op, Op::Relu(_) | Op::Activate(_));
        let layers = self.nodes.iter().enumerate().filter(|(_, node)| !node.parameters.is_empty());
        let activated = |(i, layer): (usize, &Node)| {
            let mut last = i;
            let reads = |node: &Node, last| node.inputs.contains(&Source::Node(last));
            while let Some(next) =
                self.nodes.iter().position(|node| is_activation(node) && reads(node, last))
            {
                last = next;
            }
            (layer.name.clone(), Output(Source::Node(last)))
        };
        layers.map(activated).collect()
    }

    /// The output of the node of that name, before an activation function that follows it.
    pub fn find(&self, layer: &str) -> Option<Output> {
        let named = |node: &Node| node.name == layer;
        self.nodes.iter().position(named).map(|i| Output(Source::Node(i)))
    }
}

/// A value that a run can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output(pub(super) Source);

/// A graph that is being built. The first error is kept and reported at the end, so that a forward
/// pass reads like the paper's.
#[derive(Debug, Default)]
pub struct Builder {
    graph: RefCell<Graph>,
    error: RefCell<Option<String>>,
    shares: Cell<bool>,
}

impl Builder {
    /// An input of numbers. `shape` is that of one example, without the axis of the batch: the
    /// values that are fed are (batch, shape…).
    pub fn input(&self, name: &str, shape: &[usize]) -> Value<'_> {
        let mut graph = self.graph.borrow_mut();
        let shape = [&[1], shape].concat();
        graph.inputs.push(Input { name: name.to_string(), shape });
        Value { builder: self, source: Source::Input(graph.inputs.len() - 1) }
    }

    /// An input of `steps` rows for each example, each of that shape: values that are fed are
    /// (steps · batch, shape…).
    pub fn rows(&self, name: &str, steps: usize, shape: &[usize]) -> Value<'_> {
        let value = self.input(name, shape);
        if let Some(input) = self.graph.borrow_mut().inputs.last_mut() {
            input.shape[0] = steps;
        }
        value
    }

    /// An input of integers: word ids or labels.
    pub fn ids(&self, name: &str) -> Ids<'_> {
        self.ids_of(name, 1)
    }

    /// An input of `steps` integers for each example, time-major: (steps · batch).
    pub fn ids_of(&self, name: &str, steps: usize) -> Ids<'_> {
        self.integers(IdsInput { name: name.to_string(), steps, are_lengths: false })
    }

    /// The number of time steps of each example (batch): sequences of different lengths are side by
    /// side, their padding after them.
    pub fn lengths(&self, name: &str) -> Ids<'_> {
        self.integers(IdsInput { name: name.to_string(), steps: 1, are_lengths: true })
    }

    fn integers(&self, input: IdsInput) -> Ids<'_> {
        let mut graph = self.graph.borrow_mut();
        graph.ids.push(input);
        Ids { builder: self, read: IdsRead { input: graph.ids.len() - 1, step: None } }
    }

    /// A state (batch, `width`), zero before the first run, with its name in checkpoints.
    pub(super) fn state(&self, name: String, width: usize) -> usize {
        let states = &mut self.graph.borrow_mut().states;
        states.push(StateSpec { name, width });
        states.len() - 1
    }

    /// Builds layers whose parameters are those that exist already under their names, as at the
    /// later positions of an unrolled network. Their gradients add up.
    pub fn shared<R>(&self, build: impl FnOnce() -> R) -> R {
        let before = self.shares.replace(true);
        let built = build();
        self.shares.set(before);
        built
    }

    /// A parameter.
    pub(super) fn parameter(&self, spec: ParameterSpec) -> usize {
        let named = |other: &ParameterSpec| other.name == spec.name;
        let known = self.graph.borrow().parameters.iter().position(named);
        match known {
            Some(known) if self.shares.get() => {
                let shape = self.graph.borrow().parameters[known].shape.clone();
                if shape != spec.shape {
                    let (is, wanted) = (written(&shape), written(&spec.shape));
                    self.fail(format!(
                        "{} has the shape {is} and cannot be shared as {wanted}",
                        spec.name
                    ));
                }
                return known;
            }
            Some(_) => self.fail(format!(
                "two parameters are called {}; layers that share one are built in Builder::shared",
                spec.name
            )),
            None => {}
        }
        let parameters = &mut self.graph.borrow_mut().parameters;
        parameters.push(spec);
        parameters.len() - 1
    }

    fn shape_of(&self, source: Source) -> Vec<usize> {
        self.graph.borrow().shape_of(source).to_vec()
    }

    /// Appends a node, whose shape follows from what it reads.
    fn push(&self, node: Unshaped) -> Value<'_> {
        let inputs: Vec<_> = node.inputs.iter().map(|&input| self.shape_of(input)).collect();
        let Unshaped { name, op, inputs: sources, ids, parameters, states } = node;
        let steps = |read: IdsRead| read.count(self.graph.borrow().ids[read.input].steps, 1);
        let shapes = Shapes { batch: 1, ids: ids.map_or(1, steps), inputs, output: Vec::new() };
        let shape = output_shape(op.get(), &shapes);
        let shape = shape.unwrap_or_else(|error| {
            self.fail(format!("{name}: {error}"));
            // What follows continues with the shape of the input; its errors are not reported.
            sources.first().map_or_else(|| vec![1], |&input| self.shape_of(input))
        });
        let nodes = &mut self.graph.borrow_mut().nodes;
        nodes.push(Node { name, op, inputs: sources, ids, parameters, states, shape });
        Value { builder: self, source: Source::Node(nodes.len() - 1) }
    }

    /// `pool1`, `pool2`, … for nodes that nobody names.
    fn numbered(&self, kind: &str) -> String {
        let is_kind = |node: &&Node| {
            let number = node.name.strip_prefix(kind);
            number.is_some_and(|number| number.parse::<usize>().is_ok())
        };
        let count = self.graph.borrow().nodes.iter().filter(is_kind).count();
        format!("{kind}{}", count + 1)
    }

    fn fail(&self, error: String) {
        self.error.borrow_mut().get_or_insert(error);
    }
}

/// A node before its shape is known.
struct Unshaped {
    name: String,
    op: Op,
    inputs: Vec<Source>,
    ids: Option<IdsRead>,
    parameters: Vec<usize>,
    states: Vec<usize>,
}

#[cfg(test)]
mod tests;
