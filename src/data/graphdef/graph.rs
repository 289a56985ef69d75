//! A frozen graph: read from a file, checked, and put in the order of its computation.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use prost::Message;
use prost::bytes::Bytes;

use super::name::{self, TensorName};
use super::proto::{GraphDef, NodeDef};
use super::{FrozenNode, NodeOutput, kind, wire};
use crate::system::mapped::{self, Mapped};

/// A graph whose variables are constants.
///
/// Names are unique and every input exists. What only a part of the graph has wrong, a loop or a
/// variable, is found by [`FrozenGraph::order`] where this part is needed.
#[derive(Clone, Debug)]
pub struct FrozenGraph {
    /// What it is called in messages.
    place: String,
    nodes: Vec<FrozenNode>,
    by_name: HashMap<String, usize>,
    functions: HashSet<String>,
    producer: i32,
    /// The file that the constants are in, where it is one.
    file: Option<Arc<Mapped>>,
}

/// A file that the bytes of several constants share.
struct Shared(Arc<Mapped>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl FrozenGraph {
    /// Opens a file. Weights are not read yet: the file is mapped.
    ///
    /// # Errors
    /// A file that cannot be read, or is something else, which is named with the way out; and what
    /// [`FrozenGraph::from_bytes`] refuses.
    pub fn open(path: &Path) -> Result<Self> {
        let place = path.display();
        if let Some(what) = kind::of_folder(path) {
            bail!("{place} is {what}");
        }
        let file = mapped::open(path).with_context(|| format!("cannot read {place}"))?;
        let file = Arc::new(file);
        let bytes = Bytes::from_owner(Shared(Arc::clone(&file)));
        if let Some(what) = kind::instead(&bytes, path) {
            bail!("{place} is {what}");
        }
        Ok(Self { file: Some(file), ..Self::parse(bytes, place.to_string())? })
    }

    /// Reads a graph from memory, which it shares.
    ///
    /// # Errors
    /// Bytes that are something else, truncated or damaged; more nodes than 262,144; names that
    /// occur twice or are invalid; inputs that no node has.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        if let Some(what) = kind::instead(&bytes, Path::new("")) {
            bail!("the graph is {what}");
        }
        Self::parse(bytes, "the graph".to_owned())
    }

    fn parse(bytes: Bytes, place: String) -> Result<Self> {
        let graph = GraphDef::decode(bytes).with_context(|| format!("{place} is damaged"))?;
        let producer = graph.versions.map_or(graph.version, |versions| versions.producer);
        let functions = graph.library.as_deref().map(functions).unwrap_or_default();
        let (nodes, by_name) = linked(graph.node).with_context(|| place.clone())?;
        Ok(Self { place, nodes, by_name, functions, producer, file: None })
    }

    /// The nodes, in the order of the file.
    pub fn nodes(&self) -> &[FrozenNode] {
        &self.nodes
    }

    /// The node of an index that the graph has given.
    ///
    /// # Panics
    /// When it is another graph's.
    pub fn node(&self, index: usize) -> &FrozenNode {
        &self.nodes[index]
    }

    /// The same graph with nodes that `change` has changed: it is called for each with its index. Inputs
    /// must be nodes of the graph.
    pub fn with_nodes(&self, mut change: impl FnMut(usize, &mut FrozenNode)) -> Self {
        let mut graph = self.clone();
        graph.nodes.iter_mut().enumerate().for_each(|(index, node)| change(index, node));
        graph
    }

    /// Gives the memory of weights that were copied back to the system; they are read from the file
    /// again when they are asked for again.
    pub fn release(&self) {
        if let Some(file) = &self.file {
            file.release();
        }
    }

    /// The version of the TensorFlow that wrote it, as graphs count them. Any is read.
    pub fn producer(&self) -> i32 {
        self.producer
    }

    /// What the graph is called in messages: its file.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Where a tensor comes from.
    ///
    /// # Errors
    /// A name that no node has, with those that are near to it.
    pub fn find(&self, tensor: &TensorName) -> Result<NodeOutput> {
        if let Some(&node) = self.by_name.get(&tensor.node) {
            return Ok(NodeOutput { node, output: tensor.output });
        }
        let names = self.nodes.iter().map(|node| &*node.name);
        let near = name::near(&tensor.node, names).join(", ");
        let question = if near.is_empty() { near } else { format!("; is it {near}?") };
        bail!("{} has no node {}{question}", self.place, tensor.node)
    }

    /// The names of the functions in its library.
    pub(super) fn functions(&self) -> &HashSet<String> {
        &self.functions
    }
}

/// The names of the functions of an encoded `FunctionDefLibrary`: each has its signature as field
/// 1, whose field 1 is the name.
fn functions(library: &[u8]) -> HashSet<String> {
    let contents = |message| {
        let fields = wire::fields(message).flatten().filter(|field| field.number == 1);
        fields.filter_map(|field| field.content)
    };
    let signatures = contents(library).filter_map(|function| contents(function).next());
    let names = signatures.filter_map(|signature| contents(signature).next());
    names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// The nodes with their inputs by index, and the index of every name.
fn linked(definitions: Vec<NodeDef>) -> Result<(Vec<FrozenNode>, HashMap<String, usize>)> {
    let mut by_name = HashMap::with_capacity(definitions.len());
    for (index, definition) in definitions.iter().enumerate() {
        name::check(&definition.name, "a node")?;
        name::check(&definition.op, "an operation").with_context(|| definition.name.clone())?;
        let is_new = by_name.insert(definition.name.clone(), index).is_none();
        ensure!(is_new, "two nodes are called {}", definition.name);
    }
    let nodes = definitions.into_iter().map(|definition| linked_node(definition, &by_name));
    let mut nodes = nodes.collect::<Result<Vec<_>>>()?;
    pass_identities(&mut nodes);
    Ok((nodes, by_name))
}

/// The maximum number of consecutive `IdentityN` nodes that are skipped.
const MOST_IN_A_ROW: usize = 64;

/// Lets whoever reads an output of `IdentityN` read the input of that number instead: gradients that a
/// frozen graph has not are all that it is for.
fn pass_identities(nodes: &mut [FrozenNode]) {
    let passed = |nodes: &[FrozenNode], mut from: NodeOutput| {
        // A ring of them is a damaged graph: the steps are counted.
        for _ in 0..MOST_IN_A_ROW {
            let node = &nodes[from.node];
            match node.inputs.get(from.output) {
                Some(input) if node.op == "IdentityN" => from = *input,
                _ => break,
            }
        }
        from
    };
    for reader in 0..nodes.len() {
        for input in 0..nodes[reader].inputs.len() {
            let from = nodes[reader].inputs[input];
            if nodes[from.node].op == "IdentityN" {
                nodes[reader].inputs[input] = passed(nodes, from);
            }
        }
    }
}

fn linked_node(definition: NodeDef, by_name: &HashMap<String, usize>) -> Result<FrozenNode> {
    let NodeDef { name, op, input, attr } = definition;
    let find = |node: &str| {
        name::check(node, "a node").with_context(|| format!("an input of node {name}"))?;
        let index = by_name.get(node).copied();
        index.with_context(|| format!("node {name} reads {node}, which the graph lacks"))
    };
    let (mut inputs, mut control_inputs) = (Vec::new(), Vec::new());
    for text in &input {
        if let Some(before) = text.strip_prefix('^') {
            control_inputs.push(find(before)?);
            continue;
        }
        let tensor: TensorName =
            text.parse().with_context(|| format!("an input of node {name}"))?;
        inputs.push(NodeOutput { node: find(&tensor.node)?, output: tensor.output });
    }
    Ok(FrozenNode { name, op, inputs, control_inputs, attributes: attr })
}
