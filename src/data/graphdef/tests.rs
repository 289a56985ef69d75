use std::path::{Path, PathBuf};

use prost::Message;
use prost::bytes::Bytes;

use super::proto::{AttrValue, GraphDef, NodeDef};
use super::{DataType, FrozenGraph, NodeOutput, Tensor, TensorName, Values};

mod mutations;

fn graph(nodes: Vec<NodeDef>) -> anyhow::Result<FrozenGraph> {
    FrozenGraph::from_bytes(GraphDef::new(nodes, 8).to_bytes()?)
}

fn node(name: &str, op: &str, inputs: &[&str]) -> NodeDef {
    inputs.iter().fold(NodeDef::new(name, op), |node, input| node.input(*input))
}

fn names(list: &[&str]) -> Vec<TensorName> {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

/// An image's bytes, decoded, a product, a check of it, and two heads.
fn small() -> Vec<NodeDef> {
    let file = Tensor::new(vec![], Values::String(vec![Bytes::new()])).unwrap();
    vec![
        NodeDef::constant("file", &file),
        node("decoded", "DecodeJpeg", &["file"]).attr("channels", AttrValue::int(3)),
        NodeDef::constant("scale", &Tensor::scalar(0.5)),
        node("scaled", "Mul", &["decoded", "scale:0"]),
        node("check", "CheckNumerics", &["scaled"]),
        node("same", "Identity", &["scaled", "^check"]),
        node("halves", "Split", &["scale", "same"]),
        node("softmax", "Softmax", &["halves:1"]),
        node("reshaped", "Reshape", &["softmax", "scale"]),
        node("features", "Relu", &["halves"]),
    ]
}

/// The names of the nodes in the order of their computation.
fn order(graph: &FrozenGraph, outputs: &[&str], fed: &[&str]) -> String {
    let order = graph.order(&names(outputs), &names(fed)).unwrap();
    order.iter().map(|&index| &*graph.node(index).name).collect::<Vec<_>>().join(" ")
}

#[test]
fn nodes_are_in_the_order_of_their_computation() {
    let graph = graph(small()).unwrap();
    assert_eq!(
        order(&graph, &["reshaped"], &[]),
        "scale file decoded scaled same halves softmax reshaped"
    );
    assert_eq!(
        order(&graph, &["softmax", "features"], &["scaled"]),
        "scale same halves softmax features"
    );
    // Only the output that is fed is given, not the node's others.
    assert_eq!(
        order(&graph, &["softmax", "features"], &["halves:1", "same"]),
        "softmax scale halves features"
    );
    assert_eq!(order(&graph, &["same"], &["same:0"]), "");
    assert_eq!(order(&graph, &["check"], &["scaled"]), "check");
    let same = graph.find(&"same".parse().unwrap()).unwrap();
    assert_eq!(same, NodeOutput { node: 5, output: 0 });
    assert_eq!(graph.node(5).control_inputs, [4]);
}

#[test]
fn ends_are_guessed() {
    let mut nodes = small();
    nodes.push(NodeDef::placeholder("input", DataType::Float, &[None, Some(3)]));
    let graph = graph(nodes).unwrap();
    let names = |indices: Vec<usize>| {
        indices.iter().map(|&index| graph.node(index).name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(graph.inputs()), ["file", "input"]);
    assert_eq!(names(graph.outputs()), ["reshaped", "features"]);
    assert_eq!(graph.node(graph.likely_output().unwrap()).name, "reshaped");
    assert_eq!(graph.op_counts()[..2], [("Const", 2), ("CheckNumerics", 1)]);
    let shape = graph.node(10).shape("shape").unwrap();
    assert_eq!(shape, Some(vec![None, Some(3)]));
    assert_eq!(graph.producer(), 8);
}

#[test]
fn what_is_wrong_with_a_graph_is_named() {
    let error = |nodes| format!("{:#}", graph(nodes).unwrap_err());
    let of = |name| node(name, "Relu", &[]);
    assert_eq!(error(vec![of("a"), of("a")]), "the graph: two nodes are called a");
    assert_eq!(
        error(vec![node("a", "Relu", &["b:1"])]),
        "the graph: node a reads b, which the graph lacks"
    );
    assert_eq!(
        error(vec![node("a", "Relu", &["^b"])]),
        "the graph: node a reads b, which the graph lacks"
    );
    assert!(
        error(vec![node("a", "Relu", &["a:x"])]).contains("an input of node a: \"a:x\" is not a")
    );
    assert_eq!(
        error(vec![of("a"), node("b", "", &[])]),
        "the graph: b: the name of an operation is empty"
    );
    assert!(error(vec![of("a b")]).contains("\"a b\" is not a valid name of a node"));
    assert_eq!(error(vec![]), "the graph is not a frozen graph (GraphDef): it has no nodes");
}

#[test]
fn what_cannot_be_computed_is_found_where_it_is_needed() {
    let mut nodes = small();
    nodes.push(node("enter", "Merge", &["next", "scale"]));
    nodes.push(node("next", "NextIteration", &["enter"]));
    nodes.push(node("weights", "VariableV2", &[]));
    nodes.push(node("read", "Identity", &["weights"]));
    nodes.push(node("call", "PartitionedCall", &["scale"]));
    let graph = graph(nodes).unwrap();
    let error = |name| graph.order(&names(&[name]), &[]).unwrap_err().to_string();
    assert_eq!(error("next"), "the graph: the nodes form a cycle: next reads enter reads next");
    assert!(
        error("read").starts_with("the graph is not frozen: the value of weights (VariableV2)")
    );
    assert!(error("call").contains("call (PartitionedCall) calls a function"));
    assert_eq!(error("sofmax"), "the graph has no node sofmax; is it softmax?");
    assert_eq!(error("image_tensor:0"), "the graph has no node image_tensor");
    assert_eq!(order(&graph, &["read", "next"], &["weights", "enter"]), "read next");
}

#[test]
fn a_graph_can_be_of_any_depth() {
    const DEPTH: usize = 50_000;
    let mut nodes = vec![node("n0", "Softmax", &[])];
    nodes.extend((1..DEPTH).map(|i| node(&format!("n{i}"), "Identity", &[&format!("n{}", i - 1)])));
    nodes.reverse();
    let graph = graph(nodes).unwrap();
    let last = graph.likely_output().unwrap();
    assert_eq!(graph.node(last).name, "n49999");
    assert_eq!(graph.order(&names(&["n49999"]), &[]).unwrap().len(), DEPTH);
}

#[test]
fn a_function_is_refused_where_a_node_calls_it() {
    // FunctionDefLibrary { function: FunctionDef { signature: OpDef { name: "twice" } } }
    let library = Some(Bytes::from_static(b"\x0a\x09\x0a\x07\x0a\x05twice"));
    let nodes = vec![node("a", "Const", &[]), node("b", "twice", &["a"])];
    let graph = GraphDef { library, ..GraphDef::new(nodes, 8) };
    let graph = FrozenGraph::from_bytes(graph.to_bytes().unwrap()).unwrap();
    assert_eq!(order(&graph, &["a"], &[]), "a");
    let error = graph.order(&names(&["b"]), &[]).unwrap_err().to_string();
    assert!(error.contains("b (twice) calls a function"), "{error}");
}

#[test]
fn attributes_have_types_and_defaults() {
    let nodes = vec![
        node("a", "Conv2D", &[])
            .attr("strides", AttrValue::ints(&[1, 2, 2, 1]))
            .attr("alpha", AttrValue::float(0.5))
            .attr("betas", AttrValue::floats(&[1.0, 2.0]))
            .attr("none", AttrValue::ints(&[]))
            .attr("group", AttrValue::int(-3))
            .attr("group", AttrValue::int(4))
            .attr("padding", AttrValue::text("SAME"))
            .attr("flag", AttrValue::flag(true))
            .attr("T", AttrValue::data_type(DataType::Half))
            .attr("open", AttrValue::shape(&[None, Some(0)])),
    ];
    let graph = graph(nodes).unwrap();
    let node = graph.node(0);
    assert_eq!(node.ints("strides", None).unwrap(), [1, 2, 2, 1]);
    assert_eq!(node.ints("dilations", &[1, 1][..]).unwrap(), [1, 1]);
    assert!(node.ints("none", None).unwrap().is_empty());
    assert!(node.floats("none", None).unwrap().is_empty());
    assert_eq!(node.floats("betas", None).unwrap(), [1.0, 2.0]);
    assert_eq!(node.int("group", 1).unwrap(), 4);
    assert_eq!(node.float("alpha", None).unwrap(), 0.5);
    assert_eq!(node.float("epsilon", 1e-4).unwrap(), 1e-4);
    assert_eq!(node.text("padding", None).unwrap(), "SAME");
    assert_eq!(node.text("data_format", "NHWC").unwrap(), "NHWC");
    assert!(node.flag("flag", false).unwrap() && node.flag("is_training", true).unwrap());
    assert_eq!(node.data_type("T", None).unwrap(), DataType::Half);
    assert_eq!(node.shape("open").unwrap(), Some(vec![None, Some(0)]));
    assert_eq!(node.shape("shape").unwrap(), None);
    assert!(node.has("T") && !node.has("t"));
    let error = |result: anyhow::Result<i64>| format!("{:#}", result.unwrap_err());
    assert_eq!(error(node.int("num_split", None)), "a (Conv2D) lacks num_split, an integer");
    assert_eq!(error(node.int("alpha", 1)), "a (Conv2D): alpha is not an integer");
    let error = format!("{:#}", node.ints("betas", None).unwrap_err());
    assert_eq!(error, "a (Conv2D): betas is not a list of integers");
}

#[test]
fn weights_stay_in_the_memory_of_the_file() {
    let weights = Tensor::new(vec![2, 3], Values::Float(vec![1.5; 6])).unwrap();
    let bytes =
        Bytes::from(GraphDef::new(vec![NodeDef::constant("w", &weights)], 8).to_bytes().unwrap());
    let range = bytes.as_ptr_range();
    let graph = FrozenGraph::from_bytes(bytes).unwrap();
    let constant = graph.node(0).constant("value").unwrap();
    assert!(range.contains(&constant.raw().as_ptr()), "the values were copied");
    let mut values = [0.0; 6];
    constant.copy_to(&mut values).unwrap();
    assert_eq!(values, [1.5; 6]);
}

/// A graph as TensorFlow 2.15.1 writes it.
///
/// ```python
/// g = tf.compat.v1.GraphDef()
/// g.versions.producer = 8
/// n = g.node.add(name="x", op="Placeholder")
/// n.attr["dtype"].type = 1
/// for size in (-1, 4): n.attr["shape"].shape.dim.add(size=size)
/// n = g.node.add(name="w", op="Const")
/// n.attr["dtype"].type = 1
/// n.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([[1.5, -2.0]]))
/// n = g.node.add(name="y", op="Conv2D", input=["x", "w:0", "^x"])
/// n.attr["a"].list.i[:] = [1, -2]
/// n.attr["b"].list.f[:] = [0.5]
/// n.attr["c"].s = b"SAME"
/// n.attr["d"].i = -1
/// n.attr["e"].f = 0.1
/// n.attr["f"].b = False
/// print(g.SerializeToString(deterministic=True))
/// ```
const TENSORFLOW: &[u8] =
    b"\n;\n\x01x\x12\x0bPlaceholder*\x0b\n\x05dtype\x12\x020\x01*\x1c\n\x05shape\x12\x13:\x11\
      \x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x02\x08\x04\n:\n\x01w\x12\x05Const*\
      \x0b\n\x05dtype\x12\x020\x01*!\n\x05value\x12\x18B\x16\x08\x01\x12\x08\x12\x02\x08\x01\x12\x02\
      \x08\x02\"\x08\0\0\xc0?\0\0\0\xc0\np\n\x01y\x12\x06Conv2D\x1a\x01x\x1a\x03w:0\x1a\x02^x*\x14\n\
      \x01a\x12\x0f\n\r\x1a\x0b\x01\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01*\r\n\x01b\x12\x08\n\x06\
      \"\x04\0\0\0?*\x0b\n\x01c\x12\x06\x12\x04SAME*\x10\n\x01d\x12\x0b\x18\xff\xff\xff\xff\xff\
      \xff\xff\xff\xff\x01*\n\n\x01e\x12\x05%\xcd\xcc\xcc=*\x07\n\x01f\x12\x02(\0\"\x02\x08\x08";

#[test]
fn graphs_are_written_as_tensorflow_writes_them() {
    let weights = Tensor::new(vec![1, 2], Values::Float(vec![1.5, -2.0])).unwrap();
    let nodes = vec![
        NodeDef::placeholder("x", DataType::Float, &[None, Some(4)]),
        NodeDef::constant("w", &weights),
        node("y", "Conv2D", &["x", "w:0", "^x"])
            .attr("a", AttrValue::ints(&[1, -2]))
            .attr("b", AttrValue::floats(&[0.5]))
            .attr("c", AttrValue::text("SAME"))
            .attr("d", AttrValue::int(-1))
            .attr("e", AttrValue::float(0.1))
            .attr("f", AttrValue::flag(false)),
    ];
    assert_eq!(GraphDef::new(nodes, 8).to_bytes().unwrap(), TENSORFLOW);
    let graph = FrozenGraph::from_bytes(TENSORFLOW).unwrap();
    assert_eq!(order(&graph, &["y"], &[]), "x w y");
    assert_eq!(graph.node(1).constant("value").unwrap().to_tensor().unwrap(), weights);
}

/// The folder of graphs and photos, if `TFM_DATA_DIR` has it.
pub(super) fn data() -> Option<PathBuf> {
    let data = std::env::var_os("TFM_DATA_DIR").map(|data| PathBuf::from(data).join("imagenet"));
    let data = data.filter(|data| data.is_dir());
    if data.is_none() {
        println!("skipped: TFM_DATA_DIR has no imagenet");
    }
    data
}

#[test]
fn published_graphs_are_read() {
    let Some(data) = data() else { return };
    let graph =
        FrozenGraph::open(&data.join("inception2015-mini/classify_image_graph_def.pb")).unwrap();
    let name = |index: usize| &*graph.node(index).name;
    assert_eq!((graph.nodes().len(), graph.producer()), (994, 8));
    assert_eq!(graph.op_counts()[0], ("Const", 489));
    assert_eq!(graph.inputs().into_iter().map(name).collect::<Vec<_>>(), ["DecodeJpeg/contents"]);
    assert_eq!(graph.outputs().into_iter().map(name).collect::<Vec<_>>(), ["softmax"]);
    assert_eq!(name(graph.likely_output().unwrap()), "softmax");
    // 94 checks are read by nobody but `^name`.
    assert_eq!(graph.order(&names(&["softmax"]), &[]).unwrap().len(), 994 - 94);
    let shape = graph.node(11).constant("value").unwrap().shape().to_vec();
    assert_eq!((name(11), &shape[..]), ("conv/conv2d_params", &[3, 3, 3, 4][..]));

    let path = data.join("mobilenet_v1_1.0_224_imagenet1001.pb");
    let graph = FrozenGraph::open(&path).unwrap();
    let name = |index: usize| &*graph.node(index).name;
    assert_eq!(graph.inputs().into_iter().map(name).collect::<Vec<_>>(), ["input"]);
    let outputs: Vec<_> = graph.outputs().into_iter().map(name).collect();
    assert_eq!(outputs, ["MobilenetV1/Predictions/Reshape"]);
    for node in graph.nodes().iter().filter(|node| node.op == "Const") {
        let constant = node.constant("value").unwrap();
        assert_eq!(constant.to_tensor().unwrap().values.len(), constant.len());
    }
}
