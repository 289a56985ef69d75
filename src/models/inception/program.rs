//! The execution plan that computes some tensors of a frozen graph from others: stages that are
//! networks of `nn`, and single nodes before, between and after them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::constants::Constants;
use super::evaluate::{evaluate, knows};
use super::layer::Layer;
use crate::data::graphdef::{
    DataType, FrozenGraph, FrozenNode, NodeOutput, Tensor, TensorName, Values,
};

/// Tensors by their position in the graph.
pub type Tensors = HashMap<NodeOutput, Arc<Tensor>>;

/// The way from tensors that are fed to tensors that are wanted.
#[derive(Debug)]
pub struct Program {
    pub graph: Arc<FrozenGraph>,
    pub constants: Constants,
    /// The tensors that are given.
    pub fed: Vec<NodeOutput>,
    /// The tensors that are wanted.
    pub wanted: Vec<NodeOutput>,
    /// Casts of bytes that only resizing reads, which takes bytes as well: they do nothing. A photograph as
    /// floats is four times as large.
    needless: HashSet<usize>,
    /// In their order. Those with an even number are single nodes, the others networks.
    pub stages: Vec<Stage>,
}

/// Nodes that are computed together, in topological order.
#[derive(Debug, Default)]
pub struct Stage {
    /// Each node, with its layer if the stage is a network.
    pub nodes: Vec<(usize, Option<Layer>)>,
    /// The outputs of earlier stages and the fed tensors that it reads.
    pub reads: Vec<NodeOutput>,
    /// The outputs that later stages read or that are wanted.
    pub gives: Vec<NodeOutput>,
}

impl Program {
    /// Finds the way.
    ///
    /// # Errors
    /// A tensor that the graph lacks, with near ones; a loop, a variable, a call of a function; an
    /// operation that nobody knows, with its node and who needs it.
    pub fn new(graph: Arc<FrozenGraph>, wanted: &[TensorName], fed: &[TensorName]) -> Result<Self> {
        let order = graph.order(wanted, fed)?;
        let find = |names: &[TensorName]| -> Result<Vec<NodeOutput>> {
            names.iter().map(|name| graph.find(name)).collect()
        };
        let (wanted, fed) = (find(wanted)?, find(fed)?);
        let constants = Constants::new(&graph, &order, &fed)?;
        let needless = needless_casts(&graph, &order, &wanted);
        let mut program = Self { graph, constants, fed, wanted, needless, stages: Vec::new() };
        program.stages = program.staged(&order)?;
        program.link();
        Ok(program)
    }

    /// The nodes of `order` in stages: a node comes one after what it reads where that is of the other
    /// kind, and with it where it is of the same.
    fn staged(&self, order: &[usize]) -> Result<Vec<Stage>> {
        let mut stages: Vec<Stage> = Vec::new();
        let mut stage_of: HashMap<usize, usize> = HashMap::new();
        for &index in order.iter().filter(|&&index| !self.is_known(index)) {
            let node = self.graph.node(index);
            let layer = Layer::of(node, &self.constants).with_context(|| node.title())?;
            let computed = node.inputs.iter().filter(|input| !self.fed.contains(input));
            let read: Vec<usize> =
                computed.filter_map(|input| stage_of.get(&input.node).copied()).collect();
            let joins = read.iter().any(|stage| stage % 2 == 1);
            let layer = layer.filter(|layer| layer.is_heavy() || joins);
            if layer.is_none() && !knows(&node.op) {
                return self.unknown(index);
            }
            let kind = usize::from(layer.is_some());
            let after = |&stage: &usize| if stage % 2 == kind { stage } else { stage + 1 };
            let stage = read.iter().map(after).max().unwrap_or(kind);
            if stages.len() <= stage {
                stages.resize_with(stage + 1, Stage::default);
            }
            stages[stage].nodes.push((index, layer));
            stage_of.insert(index, stage);
        }
        Ok(stages)
    }

    /// Whether a node's value is there without being computed.
    fn is_known(&self, index: usize) -> bool {
        self.constants.has(NodeOutput { node: index, output: 0 })
    }

    fn unknown(&self, index: usize) -> Result<Vec<Stage>> {
        let node = self.graph.node(index);
        if node.op.starts_with("Placeholder") {
            bail!(
                "{} has no value, since images are fed to only one tensor: give it one with --feed \
                {}=VALUE, or name an --output that does not need it",
                node.title(),
                node.name
            );
        }
        let wanted: Vec<_> =
            self.wanted.iter().map(|wanted| &*self.graph.node(wanted.node).name).collect();
        bail!(
            "{}: the operation {} of node {} is not supported, but {} needs it",
            self.graph.place(),
            node.op,
            node.name,
            wanted.join(", ")
        )
    }

    /// Finds what stages read of each other.
    fn link(&mut self) {
        let mut needed: HashSet<NodeOutput> = self.wanted.iter().copied().collect();
        for stage in (0..self.stages.len()).rev() {
            let own: HashSet<usize> = self.stages[stage].nodes.iter().map(|node| node.0).collect();
            let is_own =
                |output: &NodeOutput| own.contains(&output.node) && !self.fed.contains(output);
            let mut gives: Vec<_> = needed.iter().copied().filter(is_own).collect();
            gives.sort_unstable_by_key(|output| (output.node, output.output));
            let nodes = self.stages[stage].nodes.iter();
            let mut reads: Vec<NodeOutput> = Vec::new();
            for input in nodes.flat_map(|(index, _)| &self.graph.node(*index).inputs) {
                let is_read = !is_own(input) && !self.constants.has(*input);
                if is_read && !reads.contains(input) {
                    reads.push(*input);
                }
            }
            needed.extend(&reads);
            (self.stages[stage].reads, self.stages[stage].gives) = (reads, gives);
        }
    }

    /// Computes the nodes of a stage one by one; `known` gets what it gives.
    ///
    /// # Errors
    /// The first node that cannot be computed.
    pub fn evaluate(&self, stage: &Stage, known: &mut Tensors) -> Result<()> {
        let mut own = Tensors::new();
        for (index, _) in &stage.nodes {
            let node = self.graph.node(*index);
            let find = |input: &NodeOutput| match own.get(input).or_else(|| known.get(input)) {
                Some(tensor) => Ok(Arc::clone(tensor)),
                None => self.constants.tensor(*input),
            };
            let inputs: Vec<_> = node.inputs.iter().map(find).collect::<Result<_>>()?;
            if let Some(bytes) = inputs.first()
                && self.needless.contains(index)
                && matches!(bytes.values, Values::Uint8(_))
            {
                own.insert(NodeOutput { node: *index, output: 0 }, Arc::clone(bytes));
                continue;
            }
            let inputs: Vec<&Tensor> = inputs.iter().map(|tensor| &**tensor).collect();
            let outputs = evaluate(node, &inputs)?;
            for (output, tensor) in outputs.into_iter().enumerate() {
                own.insert(NodeOutput { node: *index, output }, Arc::new(tensor));
            }
        }
        for output in &stage.gives {
            let tensor = own.get(output).with_context(|| {
                let title = self.graph.node(output.node).title();
                format!("{title} has no output {}", output.output)
            })?;
            known.insert(*output, Arc::clone(tensor));
        }
        Ok(())
    }

    /// Computes the nodes before the first network, for one image or whatever is fed.
    ///
    /// # Errors
    /// The first node that cannot be computed.
    pub fn prepare(&self, mut known: Tensors) -> Result<Tensors> {
        if let Some(first) = self.stages.first() {
            self.evaluate(first, &mut known)?;
        }
        Ok(known)
    }

    /// Refuses results that are not finite, with the message of the graph's own check if it has one.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn ensure_finite(&self, values: &[f32]) -> Result<()> {
        if values.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        let is_check = |node: &&FrozenNode| node.op == "CheckNumerics";
        let check = self.graph.nodes().iter().rfind(is_check);
        let words = check.and_then(|node| node.text("message", None).ok());
        bail!("{}: the output has NaN or infinite values", words.unwrap_or("the graph"))
    }

    /// The tensors that [`Program::prepare`] leaves for the rest.
    pub fn prepared(&self) -> Vec<NodeOutput> {
        let later = self.stages.iter().skip(1).flat_map(|stage| stage.reads.iter().copied());
        let made = |output: &NodeOutput| {
            self.fed.contains(output)
                || self.stages.first().is_some_and(|first| first.gives.contains(output))
        };
        let mut all: Vec<_> = later.chain(self.wanted.iter().copied()).filter(made).collect();
        all.sort_unstable_by_key(|output| (output.node, output.output));
        all.dedup();
        all
    }
}

/// Operations that only reshape their first input.
const SHAPES: &[&str] = &["ExpandDims", "Identity", "Reshape", "Squeeze"];

/// The casts to floats that nobody reads but `ResizeBilinear`, of the values in any shape.
fn needless_casts(graph: &FrozenGraph, order: &[usize], wanted: &[NodeOutput]) -> HashSet<usize> {
    let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
    for &reader in order {
        for input in &graph.node(reader).inputs {
            readers.entry(input.node).or_default().push(reader);
        }
    }
    let mut resized = HashSet::new();
    // Readers of a node come after it.
    for &index in order.iter().rev() {
        let op = &*graph.node(index).op;
        let is_wanted = wanted.iter().any(|output| output.node == index);
        if is_wanted || !(op == "Cast" || SHAPES.contains(&op)) {
            continue;
        }
        let resizes = |reader: &usize| {
            let node = graph.node(*reader);
            let is_other = node.inputs[1..].iter().any(|input| input.node == index);
            !is_other && (node.op == "ResizeBilinear" || resized.contains(reader))
        };
        if readers.get(&index).is_some_and(|readers| readers.iter().all(resizes)) {
            resized.insert(index);
        }
    }
    let to_float = |index: &usize| {
        let node = graph.node(*index);
        node.op == "Cast" && matches!(node.data_type("DstT", None), Ok(DataType::Float))
    };
    resized.into_iter().filter(to_float).collect()
}
