//! TensorFlow 1's flow of control: branches that are chosen before the graph runs.
//!
//! `tf.cond` is a `Switch` for everything that a branch reads, which hands it to one of its two outputs,
//! and a `Merge` for everything that it gives, which takes what arrives. Frozen classifiers have them
//! where they were in training or not (dropout, batch normalisation), and there the choice is constant:
//! the branch that is not taken goes, and the nodes of the other become plain ones.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Result, bail};

use super::constants::Constants;
use crate::data::graphdef::{FrozenGraph, FrozenNode, NodeOutput, TensorName, Values};

/// Operations of the flow of control that go.
pub const OPERATIONS: &[&str] = &["Switch", "Merge", "RefSwitch", "RefMerge"];

/// The maximum number of rounds, for nested branches and for nodes that come before their inputs: more
/// than any real TensorFlow graph needs, and few enough to bound the time for a hostile one.
const MOST_ROUNDS: usize = 8;

/// The graph with the branches that `wanted` needs, when `fed` is given from outside, chosen.
///
/// # Errors
/// As [`FrozenGraph::order`]; a choice that is not constant.
pub fn chosen(
    mut graph: Arc<FrozenGraph>,
    wanted: &[TensorName],
    fed: &[TensorName],
) -> Result<Arc<FrozenGraph>> {
    for _ in 0..MOST_ROUNDS {
        let order = graph.order(wanted, fed)?;
        let mut needed = order.iter().map(|&index| graph.node(index));
        let Some(first) = needed.find(|node| OPERATIONS.contains(&&*node.op)) else { break };
        let choices = choices(&graph, &order, fed)?;
        if choices.is_empty() {
            let unknown = placeholders(&graph, first, fed).unwrap_or_default();
            bail!(
                "{}: the predicate of {} is not constant; fix it with --feed {}=false (or true)",
                graph.place(),
                first.title(),
                unknown.first().map_or("TENSOR", String::as_str)
            );
        }
        let dead = Dead::find(&graph, &choices);
        graph = Arc::new(without(&graph, &choices, &dead));
    }
    Ok(graph)
}

/// The switches with a constant predicate, by node, with the output that is taken.
fn choices(
    graph: &Arc<FrozenGraph>,
    needed: &[usize],
    fed: &[TensorName],
) -> Result<HashMap<usize, usize>> {
    let is_switch = |node: &FrozenNode| node.op.ends_with("Switch") && node.inputs.len() == 2;
    let switches = graph.nodes().iter().enumerate().filter(|(_, node)| is_switch(node));
    let switches: Vec<(usize, NodeOutput)> =
        switches.map(|(index, node)| (index, node.inputs[1])).collect();
    let name = |choice: &NodeOutput| TensorName {
        node: graph.node(choice.node).name.clone(),
        output: choice.output,
    };
    let names: Vec<_> = switches.iter().map(|(_, choice)| name(choice)).collect();
    let given: Vec<_> = fed.iter().map(|name| graph.find(name)).collect::<Result<_>>()?;
    // Constants of a branch depend on switches that nothing else needs. A defect in those is not an
    // error unless they are needed.
    let all = graph.order(&names, fed).and_then(|order| Constants::new(graph, &order, &given));
    let constants = all.or_else(|_| Constants::new(graph, needed, &given))?;
    let choice = |(index, choice): (usize, NodeOutput)| {
        let value = constants.has(choice).then(|| constants.tensor(choice).ok()).flatten()?;
        match &value.values {
            Values::Bool(values) if values.len() == 1 => Some((index, usize::from(values[0]))),
            _ => None,
        }
    };
    Ok(switches.into_iter().filter_map(choice).collect())
}

/// The placeholders that a choice depends on.
fn placeholders(graph: &FrozenGraph, of: &FrozenNode, fed: &[TensorName]) -> Result<Vec<String>> {
    let names = of.inputs.iter().skip(1).map(|input| graph.node(input.node).name.clone());
    let names: Vec<_> = names.map(|node| TensorName { node, output: 0 }).collect();
    let nodes = graph.order(&names, fed)?.into_iter().map(|index| graph.node(index));
    let nodes = nodes.filter(|node| node.op.starts_with("Placeholder"));
    Ok(nodes.map(|node| node.name.clone()).collect())
}

/// Nodes that never get a value, since they belong to a branch that is not taken.
struct Dead<'a> {
    choices: &'a HashMap<usize, usize>,
    nodes: HashSet<usize>,
}

impl<'a> Dead<'a> {
    fn find(graph: &FrozenGraph, choices: &'a HashMap<usize, usize>) -> Self {
        let mut dead = Self { choices, nodes: HashSet::new() };
        for _ in 0..MOST_ROUNDS {
            let before = dead.nodes.len();
            for (index, node) in graph.nodes().iter().enumerate() {
                if !dead.nodes.contains(&index) && dead.has_none(node) {
                    dead.nodes.insert(index);
                }
            }
            if dead.nodes.len() == before {
                break;
            }
        }
        dead
    }

    fn has(&self, output: NodeOutput) -> bool {
        let is_other = self.choices.get(&output.node).is_some_and(|&taken| taken != output.output);
        is_other || self.nodes.contains(&output.node)
    }

    /// Whether a node gets no value, or is not run.
    fn has_none(&self, node: &FrozenNode) -> bool {
        let mut inputs = node.inputs.iter();
        let lacks = match node.op.ends_with("Merge") {
            true => !node.inputs.is_empty() && inputs.all(|&input| self.has(input)),
            false => inputs.any(|&input| self.has(input)),
        };
        lacks || node.control_inputs.iter().any(|before| self.nodes.contains(before))
    }

    /// The one input of a merge that gets a value.
    fn arrives(&self, node: &FrozenNode) -> Option<NodeOutput> {
        let mut alive = node.inputs.iter().copied().filter(|&input| !self.has(input));
        let first = alive.next()?;
        (node.op.ends_with("Merge") && alive.next().is_none()).then_some(first)
    }
}

/// The graph whose chosen switches and merges hand on what they read.
fn without(graph: &FrozenGraph, choices: &HashMap<usize, usize>, dead: &Dead) -> FrozenGraph {
    graph.with_nodes(|index, node| {
        if choices.contains_key(&index) {
            node.hand_on(node.inputs[0]);
        } else if let Some(input) = dead.arrives(node) {
            node.hand_on(input);
        }
        // A switch that hands on has one output.
        for input in &mut node.inputs {
            if choices.contains_key(&input.node) {
                input.output = 0;
            }
        }
    })
}
