//! Constant folding: the constants of a frozen graph, and what is computed only from them.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::evaluate::{evaluate, knows};
use crate::data::graphdef::{Constant, DataType, FrozenGraph, NodeOutput, Tensor, Values};
use crate::nn;

/// Operations that pass their first input on.
const PASSES: &[&str] =
    &["Identity", "StopGradient", "CheckNumerics", "PlaceholderWithDefault", "PreventGradient"];
/// Operations whose result is another one every time.
const RANDOM: &[&str] =
    &["RandomUniform", "RandomStandardNormal", "TruncatedNormal", "Multinomial"];

/// Weights from this number on leave the memory of their file when they are copied.
const LARGE: usize = 1 << 16;

/// The constant tensors of a graph. Weights stay in the file until they are asked for.
#[derive(Debug)]
pub struct Constants {
    graph: Arc<FrozenGraph>,
    /// For each node whether its outputs are constant.
    is_constant: Vec<bool>,
    /// The folded constants.
    folded: HashMap<NodeOutput, Arc<Tensor>>,
}

impl Constants {
    /// Finds the constants among the nodes of `order`, which is topological, when `fed` is given from
    /// outside, and folds what depends only on them.
    ///
    /// # Errors
    /// A node that cannot be computed from its inputs.
    pub fn new(graph: &Arc<FrozenGraph>, order: &[usize], fed: &[NodeOutput]) -> Result<Self> {
        let is_constant = vec![false; graph.nodes().len()];
        let mut constants = Self { graph: Arc::clone(graph), is_constant, folded: HashMap::new() };
        for &index in order {
            let node = graph.node(index);
            let is_known = !node.inputs.is_empty()
                && node.inputs.iter().all(|input| constants.has(*input) && !fed.contains(input));
            if node.op == "Const" || is_known && PASSES.contains(&&*node.op) {
                constants.is_constant[index] = true;
            } else if is_known && knows(&node.op) && !RANDOM.contains(&&*node.op) {
                let inputs: Vec<_> = node
                    .inputs
                    .iter()
                    .map(|&input| constants.tensor(input))
                    .collect::<Result<_>>()?;
                let inputs: Vec<&Tensor> = inputs.iter().map(|tensor| &**tensor).collect();
                let outputs = evaluate(node, &inputs)?;
                for (output, tensor) in outputs.into_iter().enumerate() {
                    constants.folded.insert(NodeOutput { node: index, output }, Arc::new(tensor));
                }
                constants.is_constant[index] = true;
            }
        }
        Ok(constants)
    }

    /// Whether a tensor is constant.
    pub fn has(&self, output: NodeOutput) -> bool {
        self.is_constant[output.node]
    }

    /// The node that holds a constant, looking through nodes that pass it on.
    fn origin(&self, mut output: NodeOutput) -> NodeOutput {
        loop {
            let node = self.graph.node(output.node);
            match node.inputs.first() {
                Some(&input) if PASSES.contains(&&*node.op) => output = input,
                _ => return output,
            }
        }
    }

    /// A constant with its values in memory.
    ///
    /// # Errors
    /// A tensor that is none, or is damaged.
    pub fn tensor(&self, output: NodeOutput) -> Result<Arc<Tensor>> {
        let origin = self.origin(output);
        match self.folded.get(&origin) {
            Some(tensor) => Ok(Arc::clone(tensor)),
            None => Ok(Arc::new(self.held(origin)?.to_tensor()?)),
        }
    }

    /// The `Const` of a tensor.
    fn held(&self, origin: NodeOutput) -> Result<Constant> {
        let node = self.graph.node(origin.node);
        if node.op != "Const" || origin.output != 0 {
            bail!("{} is not a constant", node.title());
        }
        node.constant("value")
    }

    /// The shape of a constant.
    ///
    /// # Errors
    /// As [`Constants::tensor`].
    pub fn shape(&self, output: NodeOutput) -> Result<Vec<usize>> {
        let origin = self.origin(output);
        match self.folded.get(&origin) {
            Some(tensor) => Ok(tensor.shape.clone()),
            None => Ok(self.held(origin)?.shape().to_vec()),
        }
    }

    /// The floats of a constant.
    ///
    /// # Errors
    /// As [`Constants::tensor`]; values that are not floats.
    pub fn floats(&self, output: NodeOutput) -> Result<Vec<f32>> {
        match &self.tensor(output)?.values {
            Values::Float(values) => Ok(values.clone()),
            values => bail!("a constant is {}, not float", values.data_type()),
        }
    }

    /// The integers of a constant, such as an axis or a shape.
    ///
    /// # Errors
    /// As [`Constants::tensor`]; values that are not integers.
    pub fn ints(&self, output: NodeOutput) -> Result<Vec<i64>> {
        match &self.tensor(output)?.values {
            Values::Int32(values) => Ok(values.iter().map(|&value| value.into()).collect()),
            Values::Int64(values) => Ok(values.clone()),
            values => bail!("a constant is {}, not int32", values.data_type()),
        }
    }

    /// Weights of a layer, which are copied from the file when the network is built.
    ///
    /// # Errors
    /// As [`Constants::floats`].
    pub fn weights(&self, output: NodeOutput) -> Result<Arc<dyn nn::Constant>> {
        let origin = self.origin(output);
        if let Some(tensor) = self.folded.get(&origin) {
            if !matches!(tensor.values, Values::Float(_)) {
                bail!("weights are {}, not float", tensor.values.data_type());
            }
            return Ok(Arc::new(Folded(Arc::clone(tensor))));
        }
        let constant = self.held(origin)?;
        match constant.data_type() {
            DataType::Float | DataType::Half | DataType::Double => {
                Ok(Arc::new(InFile(constant, Arc::clone(&self.graph))))
            }
            other => bail!("weights are {other}, not float"),
        }
    }
}

/// Weights that were computed.
#[derive(Debug)]
struct Folded(Arc<Tensor>);

impl nn::Constant for Folded {
    fn copy_to(&self, to: &mut [f32]) {
        // `Constants::weights` makes it of floats alone.
        let Values::Float(values) = &self.0.values else { unreachable!("weights are floats") };
        to.copy_from_slice(values);
    }
}

/// Weights of the file.
struct InFile(Constant, Arc<FrozenGraph>);

impl std::fmt::Debug for InFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InFile({:?})", self.0.shape())
    }
}

impl nn::Constant for InFile {
    fn copy_to(&self, to: &mut [f32]) {
        // `Constants::weights` makes it of floats alone.
        self.0.copy_to(to).unwrap_or_else(|error| unreachable!("{error}"));
        if to.len() >= LARGE {
            self.1.release();
        }
    }
}
