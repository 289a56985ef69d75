//! Which nodes have to be computed for some outputs, and in which order.

use std::collections::HashSet;

use anyhow::{Result, bail, ensure};

use super::{FrozenGraph, FrozenNode, NodeOutput, TensorName};

/// Operations that hold or read a variable.
const VARIABLES: &[&str] = &[
    "Variable",
    "VariableV2",
    "AutoReloadVariable",
    "TemporaryVariable",
    "VarHandleOp",
    "ReadVariableOp",
];
/// Operations that call a function of the library, which they name in an attribute.
const CALLS: &[&str] = &[
    "PartitionedCall",
    "StatefulPartitionedCall",
    "SymbolicGradient",
    "RemoteCall",
    "If",
    "StatelessIf",
    "While",
    "StatelessWhile",
    "Case",
];
/// The most nodes of a loop that an error names.
const MAX_NAMED: usize = 6;

impl FrozenGraph {
    /// The nodes that have to be computed for `outputs` when the tensors `fed` are given, each
    /// after those that it reads.
    ///
    /// Values alone count: nodes that shall merely run before (`^name`), such as a `CheckNumerics`,
    /// are not among them; [`FrozenNode::control_inputs`] has these.
    ///
    /// # Errors
    /// A tensor that the graph lacks; among the nodes that are needed, a loop, a variable that is
    /// not frozen, and a call of a function. Each is named.
    pub fn order(&self, outputs: &[TensorName], fed: &[TensorName]) -> Result<Vec<usize>> {
        let outputs: Vec<_> = outputs.iter().map(|name| self.find(name)).collect::<Result<_>>()?;
        let fed: HashSet<_> = fed.iter().map(|name| self.find(name)).collect::<Result<_>>()?;
        let mut walk = Walk::new(self, &fed);
        for output in outputs {
            walk.visit(output)?;
        }
        Ok(walk.order)
    }

    /// Refuses a node whose value is not in the file.
    fn ensure_computable(&self, node: &FrozenNode) -> Result<()> {
        let (place, title) = (self.place(), node.title());
        ensure!(
            !VARIABLES.contains(&&*node.op),
            "{place} is not frozen: the value of {title} is in a checkpoint; freeze the graph with \
             TensorFlow's freeze_graph.py"
        );
        ensure!(
            !self.functions().contains(&node.op) && !CALLS.contains(&&*node.op),
            "{place}: {title} calls a function, and graphs with functions are not supported: \
             freeze it with its functions inlined"
        );
        Ok(())
    }
}

/// What is known of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Nothing yet.
    New,
    /// What it reads is being visited.
    Open,
    /// It is in the order.
    Done,
}

/// A walk from outputs to what they read. It keeps its own stack, so that a graph can be of any
/// depth.
struct Walk<'a> {
    graph: &'a FrozenGraph,
    fed: &'a HashSet<NodeOutput>,
    marks: Vec<Mark>,
    /// The nodes that are open, each with the number of its inputs that have been visited.
    stack: Vec<(usize, usize)>,
    order: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a FrozenGraph, fed: &'a HashSet<NodeOutput>) -> Self {
        let marks = vec![Mark::New; graph.nodes().len()];
        Self { graph, fed, marks, stack: Vec::new(), order: Vec::new() }
    }

    fn visit(&mut self, output: NodeOutput) -> Result<()> {
        self.enter(output)?;
        while let Some((node, visited)) = self.stack.last_mut() {
            let node = *node;
            match self.graph.node(node).inputs.get(*visited) {
                Some(&input) => {
                    *visited += 1;
                    self.enter(input)?;
                }
                None => {
                    self.marks[node] = Mark::Done;
                    self.order.push(node);
                    self.stack.pop();
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, output: NodeOutput) -> Result<()> {
        let node = output.node;
        if self.fed.contains(&output) || self.marks[node] == Mark::Done {
            return Ok(());
        }
        if self.marks[node] == Mark::Open {
            bail!("{}: the nodes form a cycle: {}", self.graph.place(), self.ring(node));
        }
        self.graph.ensure_computable(self.graph.node(node))?;
        self.marks[node] = Mark::Open;
        self.stack.push((node, 0));
        Ok(())
    }

    /// The names of the open nodes starting at `node`, which is read by the last of them.
    fn ring(&self, node: usize) -> String {
        let start = self.stack.iter().position(|(open, _)| *open == node).unwrap_or(0);
        let names = self.stack[start..].iter().map(|(open, _)| &*self.graph.node(*open).name);
        let mut names: Vec<&str> = names.collect();
        if names.len() > MAX_NAMED {
            names.truncate(MAX_NAMED);
            names.push("…");
        }
        names.push(&self.graph.node(node).name);
        names.join(" reads ")
    }
}
