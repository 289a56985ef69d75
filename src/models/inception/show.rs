//! The description of a frozen graph.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::branches;
use super::entry_point::EntryPoint;
use super::evaluate::knows;
use super::options::GraphOptions;
use crate::data::graphdef::{FrozenGraph, FrozenNode, TensorName};
use crate::system::wording::plural;

/// Operations that only provide values and need no evaluator.
const VALUES: &[&str] = &["Const", "Placeholder", "PlaceholderV2", "PlaceholderWithDefault"];

/// The description of a graph, as text and as JSON.
///
/// # Errors
/// A file that is not a frozen graph.
pub fn show(path: &Path) -> Result<(String, Value)> {
    let graph = FrozenGraph::open(path)?;
    let options = GraphOptions::of(path);
    let preprocessing = EntryPoint::find(&graph, &options)
        .map_or_else(|error| format!("{error:#}"), |entry| entry.in_words());
    let names = |nodes: Vec<usize>| -> Vec<&FrozenNode> {
        nodes.into_iter().map(|node| graph.node(node)).collect()
    };
    let (inputs, outputs) = (names(graph.inputs()), names(graph.outputs()));
    let likely = graph.likely_output().map(|node| graph.node(node).name.clone());
    let needed = likely.as_ref().map(|name| needed(&graph, name)).transpose()?.unwrap_or_default();
    let is_unknown = |node: &&FrozenNode| {
        let is_other = VALUES.iter().chain(branches::OPERATIONS).any(|op| *op == node.op);
        !knows(&node.op) && !is_other && !is_decoder(&node.op)
    };
    let unknown: Vec<&FrozenNode> = graph.nodes().iter().filter(is_unknown).collect();
    let counts = graph.op_counts();

    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}: {} {}, producer {}",
        graph.place(),
        graph.nodes().len(),
        plural(graph.nodes().len(), "node"),
        graph.producer()
    );
    for node in &inputs {
        let _ = writeln!(text, "input   {} ({}{})", node.name, node.op, shape(node));
    }
    for node in &outputs {
        let best = if likely.as_ref() == Some(&node.name) { ", the default" } else { "" };
        let _ = writeln!(text, "output  {} ({}{best})", node.name, node.op);
    }
    let _ = writeln!(text, "images  {preprocessing}");
    for (op, count) in &counts {
        let _ = writeln!(text, "{count:>7} {op}");
    }
    for node in &unknown {
        let by = if needed.contains(&node.name) {
            "the default output needs it"
        } else {
            "the default output does not need it"
        };
        let _ = writeln!(text, "{} is not supported: {by}", node.title());
    }
    let json = json!({
        "model": super::ENTRY.name,
        "graph": graph.place(),
        "producer": graph.producer(),
        "nodes": graph.nodes().len(),
        "inputs": inputs.iter().map(|node| &node.name).collect::<Vec<_>>(),
        "outputs": outputs.iter().map(|node| &node.name).collect::<Vec<_>>(),
        "default_output": likely,
        "preprocessing": preprocessing,
        "operations": counts.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "unknown": unknown.iter().map(|node| node.title()).collect::<Vec<_>>(),
    });
    Ok((text, json))
}

/// The graph in Graphviz DOT format, without its constants.
///
/// # Errors
/// A file that is not a frozen graph.
pub fn dot(path: &Path) -> Result<String> {
    let graph = FrozenGraph::open(path)?;
    let mut text = "digraph {\n  node [shape=box];\n".to_owned();
    for node in graph.nodes().iter().filter(|node| node.op != "Const") {
        let _ = writeln!(
            text,
            "  {:?} [label={:?}];",
            node.name,
            format!("{}\n{}", node.name, node.op)
        );
        for input in &node.inputs {
            let from = graph.node(input.node);
            if from.op != "Const" {
                let _ = writeln!(text, "  {:?} -> {:?};", from.name, node.name);
            }
        }
    }
    Ok(text + "}")
}

fn is_decoder(op: &str) -> bool {
    op.starts_with("Decode")
}

/// The names of the nodes that an output needs.
fn needed(graph: &FrozenGraph, output: &str) -> Result<Vec<String>> {
    let output = TensorName { node: output.to_owned(), output: 0 };
    let order = graph.order(&[output], &[])?;
    Ok(order.into_iter().map(|node| graph.node(node).name.clone()).collect())
}

/// The shape of a placeholder, if the graph gives it.
fn shape(node: &FrozenNode) -> String {
    match node.shape("shape") {
        Ok(Some(sizes)) => {
            let size = |size: &Option<usize>| size.map_or("?".to_owned(), |size| size.to_string());
            format!(", {}", sizes.iter().map(size).collect::<Vec<_>>().join(" × "))
        }
        _ => String::new(),
    }
}
