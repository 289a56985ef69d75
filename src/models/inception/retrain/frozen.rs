//! A frozen graph with another last layer, for TensorFlow and everything that reads its graphs.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use prost::Message;

use crate::data::graphdef::proto::{AttrValue, GraphDef, NodeDef};
use crate::data::graphdef::{DataType, FrozenGraph, Tensor, TensorName, Values};
use crate::system::mapped;

/// The output, as `retrain.py` calls it.
pub const OUTPUT: &str = "final_result";
/// The name scope of the other nodes of the last layer, as in `retrain.py`.
const LAYER: &str = "final_training_ops";

/// A last layer: `features · weights + biases`.
pub struct LastLayer<'a> {
    /// The tensor that it reads.
    pub features: &'a TensorName,
    /// (features, classes)
    pub weights: &'a [f32],
    /// (classes)
    pub biases: &'a [f32],
}

/// The graph at `path` up to the features, followed by the layer with a softmax, which gives the
/// probabilities (batch, classes).
///
/// # Errors
/// A file that cannot be read, a graph without the features, or one with a node whose name the
/// layer needs.
pub fn with_last_layer(path: &Path, layer: &LastLayer) -> Result<GraphDef> {
    let graph = FrozenGraph::open(path)?;
    let order = graph.order(std::slice::from_ref(layer.features), &[])?;
    let needed = order.iter().map(|&node| graph.node(node).name.clone()).collect();
    let file = mapped::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let definition =
        GraphDef::decode(&file[..]).with_context(|| format!("{} is damaged", path.display()))?;
    let mut nodes: Vec<NodeDef> = definition.node;
    let needed = with_inputs(needed, &nodes);
    nodes.retain(|node| needed.contains(&*node.name));
    // Control inputs are not needed, and their nodes may be gone.
    for node in &mut nodes {
        node.input
            .retain(|input| input.strip_prefix('^').is_none_or(|before| needed.contains(before)));
    }
    let own = layer.nodes();
    for node in &own {
        ensure!(
            !needed.contains(&*node.name),
            "{} already has a node {} before {}, but the new layer needs that name",
            path.display(),
            node.name,
            layer.features
        );
    }
    nodes.extend(own);
    Ok(GraphDef::new(nodes, graph.producer()))
}

/// The nodes and what they read: the order leaves out `IdentityN`, which the file's nodes still name.
fn with_inputs(mut needed: HashSet<String>, nodes: &[NodeDef]) -> HashSet<String> {
    let by_name: HashMap<&str, &NodeDef> = nodes.iter().map(|node| (&*node.name, node)).collect();
    let mut open: Vec<String> = needed.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let inputs = by_name.get(&*name).into_iter().flat_map(|node| &node.input);
        for input in inputs.filter(|input| !input.starts_with('^')) {
            let node = input.split(':').next().unwrap_or(input);
            if needed.insert(node.to_owned()) {
                open.push(node.to_owned());
            }
        }
    }
    needed
}

impl LastLayer<'_> {
    fn nodes(&self) -> Vec<NodeDef> {
        let float = AttrValue::data_type(DataType::Float);
        let classes = self.biases.len();
        let features = self.weights.len() / classes.max(1);
        let name = |name: &str| format!("{LAYER}/{name}");
        let constant = |at: &str, shape: &[usize], values: Values| {
            NodeDef::constant(name(at), &Tensor { shape: shape.to_vec(), values })
        };
        let node = |at: String, op: &str, inputs: [String; 2]| {
            let node = NodeDef::new(at, op).attr("T", float.clone());
            inputs.into_iter().fold(node, NodeDef::input)
        };
        let weights = Values::Float(self.weights.to_vec());
        let biases = Values::Float(self.biases.to_vec());
        let input = match self.features.output {
            0 => self.features.node.clone(),
            _ => self.features.to_string(),
        };
        vec![
            constant("features/shape", &[2], Values::Int32(vec![-1, features as i32])),
            node(name("features"), "Reshape", [input, name("features/shape")])
                .attr("Tshape", AttrValue::data_type(DataType::Int32)),
            constant("weights/final_weights", &[features, classes], weights),
            constant("biases/final_biases", &[classes], biases),
            node(
                name("Wx_plus_b/MatMul"),
                "MatMul",
                [name("features"), name("weights/final_weights")],
            )
            .attr("transpose_a", AttrValue::flag(false))
            .attr("transpose_b", AttrValue::flag(false)),
            node(
                name("Wx_plus_b/add"),
                "BiasAdd",
                [name("Wx_plus_b/MatMul"), name("biases/final_biases")],
            )
            .attr("data_format", AttrValue::text("NHWC")),
            NodeDef::new(OUTPUT, "Softmax").input(name("Wx_plus_b/add")).attr("T", float.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::features::features_of;
    use super::*;
    use crate::models::inception::demo;

    /// The demo's graph.
    fn graph(folder: &Path) -> PathBuf {
        demo::write(folder, 1, 1, false).unwrap().graph
    }

    fn layer(features: &TensorName) -> LastLayer<'_> {
        LastLayer { features, weights: &[0.5; 8], biases: &[0.0, 1.0] }
    }

    #[test]
    fn a_graph_ends_with_the_new_layer() {
        let dir = tempfile::tempdir().unwrap();
        let path = graph(dir.path());
        let old = FrozenGraph::open(&path).unwrap();
        let features = features_of(&old).unwrap();
        assert_eq!(features.to_string(), "pool_3:0");
        let new = with_last_layer(&path, &layer(&features)).unwrap().to_bytes().unwrap();
        let new = FrozenGraph::from_bytes(new).unwrap();
        assert_eq!(new.producer(), old.producer());
        let name = |node: usize| &*new.node(node).name;
        assert_eq!(new.outputs().into_iter().map(name).collect::<Vec<_>>(), [OUTPUT]);
        assert_eq!(features_of(&new).unwrap(), features);
        assert!(!new.nodes().iter().any(|node| node.name.starts_with("softmax")));
        let wanted: TensorName = OUTPUT.parse().unwrap();
        let order = new.order(&[wanted], &[]).unwrap();
        assert_eq!(order.len(), new.nodes().len(), "nothing is left over");
    }

    #[test]
    fn a_layer_can_be_learnt_on_a_graph_that_was_learnt() {
        let dir = tempfile::tempdir().unwrap();
        let features: TensorName = "pool_3:0".parse().unwrap();
        let once = with_last_layer(&graph(dir.path()), &layer(&features)).unwrap();
        let path = dir.path().join("once.pb");
        std::fs::write(&path, once.to_bytes().unwrap()).unwrap();
        let twice = with_last_layer(&path, &layer(&features)).unwrap();
        assert_eq!(twice.node.len(), once.node.len());
        let behind: TensorName = "final_training_ops/Wx_plus_b/add:0".parse().unwrap();
        let error = with_last_layer(&path, &layer(&behind)).unwrap_err().to_string();
        assert!(error.contains("has a node final_training_ops/features/shape before"), "{error}");
    }

    #[test]
    fn what_only_runs_before_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = graph(dir.path());
        let mut changed = GraphDef::decode(&std::fs::read(&path).unwrap()[..]).unwrap();
        let pool = changed.node.iter_mut().find(|node| node.name == "pool_3").unwrap();
        pool.input.extend(["^softmax/biases".to_owned(), "^Mul".to_owned()]);
        std::fs::write(&path, changed.to_bytes().unwrap()).unwrap();
        let features: TensorName = "pool_3".parse().unwrap();
        let new = with_last_layer(&path, &layer(&features)).unwrap();
        let pool = new.node.iter().find(|node| node.name == "pool_3").unwrap();
        assert_eq!(pool.input, ["conv", "^Mul"]);
    }

    #[test]
    fn nodes_that_pass_values_on_stay_for_those_that_name_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = graph(dir.path());
        let mut changed = GraphDef::decode(&std::fs::read(&path).unwrap()[..]).unwrap();
        changed.node.push(NodeDef::new("both", "IdentityN").input("Mul").input("conv"));
        let pool = changed.node.iter_mut().find(|node| node.name == "pool_3").unwrap();
        pool.input = vec!["both:1".to_owned()];
        std::fs::write(&path, changed.to_bytes().unwrap()).unwrap();
        let features: TensorName = "pool_3".parse().unwrap();
        let new = with_last_layer(&path, &layer(&features)).unwrap();
        let names: HashSet<&str> = new.node.iter().map(|node| &*node.name).collect();
        for input in new.node.iter().flat_map(|node| &node.input) {
            assert!(names.contains(input.split(':').next().unwrap()), "{input} is not there");
        }
        FrozenGraph::from_bytes(new.to_bytes().unwrap()).unwrap();
    }
}
