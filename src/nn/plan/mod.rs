//! What is done, in which order and in which memory, to run a graph on a batch of one size.
//!
//! A plan is made the first time that a size is seen and kept. Running it is one match for each
//! step, on slices whose places were found when it was made.

mod backward;
mod fuse;
mod memory;
mod parts;
mod run;
mod schedule;
mod shapes;

#[cfg(test)]
mod tests;

use std::ops::Range;

use anyhow::{Result, bail};

use super::graph::{Graph, Node, Output, Source};
use super::network::Mode;
use super::operators::{GradientRule, MAX_INPUTS, Shapes};
use super::shared::Use;
use crate::system::memory::ensure_fits;

pub(super) use run::{Arena, Execution, StepTime};

/// What a plan is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The values that are wanted.
    pub outputs: Vec<Output>,
    /// Whether dropout drops and batch normalisation looks at the batch.
    pub training: bool,
    /// Whether gradients are wanted, those of the only output.
    pub gradients: bool,
    /// Examples side by side.
    pub batch: usize,
    /// Rows of each input.
    pub rows: Vec<usize>,
    /// Length of each input of integers.
    pub ids: Vec<usize>,
}

/// A node of a plan, with its sizes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned {
    pub node: Node,
    pub shapes: Shapes,
    /// Whether other nodes of the plan use its parameters too.
    pub shares: bool,
    /// Whether a node in the backward pass has some of its parameters and others, or is of another kind.
    pub is_apart: bool,
}

/// The steps of a run on a batch of one size.
#[derive(Debug)]
pub struct Plan {
    pub(super) key: Key,
    /// Every node of the graph; those that a rewrite has removed have no step.
    pub(super) nodes: Vec<Planned>,
    steps: Vec<Step>,
    /// Values of the arena, and bytes.
    sizes: [usize; 2],
    outputs: Vec<Place>,
}

/// One step.
#[derive(Debug)]
enum Step {
    /// The forward pass of a node.
    Forward(Task),
    /// The backward pass of a node.
    Backward(Task),
    /// `to = from`, for a gradient that is passed on.
    Copy { from: Place, to: Range<usize> },
    /// `to += from`, for a value that several nodes read.
    Add { from: Range<usize>, to: Range<usize> },
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// An input that the caller feeds.
    Input(usize),
    /// A part of the arena.
    Arena(Range<usize>),
}

/// The operands of a node's pass.
#[derive(Debug)]
struct Task {
    node: usize,
    /// Parts of the arena, none of which overlap: inputs, output, saved values, the gradient of
    /// the output, the gradients of the inputs. What is missing is empty.
    parts: [Range<usize>; PARTS],
    /// Inputs that the caller feeds.
    fed: [Option<usize>; MAX_INPUTS],
    /// An input that equals an earlier one, by its number.
    same: [Option<usize>; MAX_INPUTS],
    bytes: Range<usize>,
    /// Whether the output is in the memory of the first input.
    in_place: bool,
    /// Which use of each parameter this is in the backward pass.
    uses: [Use; MAX_INPUTS],
}

/// Parts of the arena that a pass works on.
const PARTS: usize = 2 * MAX_INPUTS + 3;
/// The place of the output among them.
const OUTPUT: usize = MAX_INPUTS;
/// The place of saved values.
const SAVED: usize = MAX_INPUTS + 1;
/// The place of the gradient of the output.
const GRADIENT: usize = MAX_INPUTS + 2;
/// The place of the gradient of the first input.
const INPUT_GRADIENTS: usize = MAX_INPUTS + 3;

/// Checks that every integer input that the run reads is fed, and that no node reads a loss whose
/// gradient would be needed.
fn check_live(graph: &Graph, nodes: &[Planned], outputs: &[Source], key: &Key) -> Result<()> {
    let live = fuse::live(nodes, outputs);
    for (i, Planned { node, shapes, .. }) in nodes.iter().enumerate().filter(|(i, _)| live[*i]) {
        if let Some(read) = node.ids.filter(|_| shapes.ids == 0 && key.batch > 0) {
            bail!("{}: its integer input {} is missing", node.name, graph.ids[read.input].name);
        }
        let is_loss = node.op.get().gradient() == GradientRule::Loss;
        if key.gradients && is_loss && !outputs.contains(&Source::Node(i)) {
            bail!("{}: a loss that another node reads has no gradient", node.name);
        }
    }
    Ok(())
}

impl Plan {
    /// Plans a run of `graph`, with rewrites where `fused`.
    ///
    /// # Errors
    /// Sizes that do not fit, with the node's name and the shapes.
    pub(super) fn new(graph: &Graph, key: Key, fused: bool) -> Result<Self> {
        let mut nodes = shapes::infer(graph, &key)?;
        let outputs = fuse::rewrite(&mut nodes, &key, fused);
        check_live(graph, &nodes, &outputs, &key)?;
        schedule::schedule(nodes, outputs, key)
    }

    /// The same, of a run that memory can hold beside the `held` bytes of an arena that it replaces.
    ///
    /// # Errors
    /// As [`Self::new`], and a run that memory cannot hold.
    pub(super) fn fitting(graph: &Graph, key: Key, fused: bool, held: u64) -> Result<Self> {
        /// Bytes that are not worth asking the system.
        const FEW: u64 = 1 << 30;
        let batch = key.batch;
        let plan = Self::new(graph, key, fused)?;
        let [values, bytes] = plan.sizes.map(|size| size as u64);
        let more = (size_of::<f32>() as u64 * values + bytes).saturating_sub(held);
        if more > FEW {
            let rows = plan.nodes.iter().filter_map(|node| node.shapes.output.first()).max();
            ensure_fits(more, || {
                format!("the network's values for a batch of {batch}, {} rows", rows.unwrap_or(&0))
            })?;
        }
        Ok(plan)
    }

    /// Plans a run of `graph` for one output, on `batch` examples of `steps` rows each, to be looked
    /// at.
    ///
    /// # Errors
    /// As [`Network::run`](crate::nn::Network::run).
    pub fn of(
        graph: &Graph,
        mode: Mode,
        output: Output,
        [batch, steps]: [usize; 2],
    ) -> Result<Self> {
        let [rows, ids] = graph.sizes(batch, steps);
        let key = Key {
            outputs: vec![output],
            training: mode != Mode::Inference,
            gradients: matches!(mode, Mode::Gradients { .. }),
            batch,
            rows,
            ids,
        };
        Self::new(graph, key, true)
    }

    /// The names of the nodes that run forward, in their order, each with its operator.
    pub fn forward_nodes(&self) -> Vec<(&str, String)> {
        let forward = self.steps.iter().filter_map(|step| match step {
            Step::Forward(task) => Some(&self.nodes[task.node].node),
            _ => None,
        });
        forward.map(|node| (&node.name[..], node.op.get().kind())).collect()
    }

    /// Whether the backward pass of a node gives the gradient of an input.
    pub(super) fn gives_input_gradient(&self, node: usize) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Backward(task) if task.node == node => {
                task.parts[INPUT_GRADIENTS..].iter().any(|part| !part.is_empty())
            }
            _ => false,
        })
    }

    /// Bytes of the memory that all values share.
    pub fn memory(&self) -> usize {
        self.sizes[0] * size_of::<f32>() + self.sizes[1]
    }
}
