//! Inputs and outputs of small graphs: every test writes one and computes its row for an image.

use std::fs;
use std::path::Path;

use anyhow::Result;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

use super::entry_point::EntryPoint;
use super::options::GraphOptions;
use super::pictures::PictureGraph;
use crate::data::graphdef::proto::{AttrValue, GraphDef, NodeDef};
use crate::data::graphdef::{DataType, FrozenGraph, LabelMap, Tensor, TensorName, Values};
use crate::ops::{Cpu, Isa};

/// The sides of pictures and images.
const SIDE: usize = 4;
/// Red, green and blue of the picture.
const COLOUR: [u8; 3] = [200, 100, 50];

struct Graph(TempDir);

impl Graph {
    fn new(nodes: Vec<NodeDef>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bytes = GraphDef::new(nodes, 1000).to_bytes().unwrap();
        fs::write(dir.path().join("graph.pb"), bytes).unwrap();
        let side = SIDE as u32;
        let picture = RgbImage::from_pixel(side, side, Rgb(COLOUR));
        picture.save(dir.path().join("picture.png")).unwrap();
        Self(dir)
    }

    fn options(&self) -> GraphOptions {
        GraphOptions::of(&self.0.path().join("graph.pb"))
    }

    /// The row of the picture, of scores where they are wanted.
    fn row(&self, options: &GraphOptions, scores: bool) -> Result<Vec<f32>> {
        let mut graph = PictureGraph::open(options, None)?;
        if scores {
            graph = graph.for_scores();
        }
        let (cpu, pictures) = (Cpu::new(Isa::Portable, 1)?, [self.0.path().join("picture.png")]);
        let mut found = None;
        graph.each(&cpu, &pictures, 1, |(_, row)| {
            found = Some(row);
            Ok(true)
        })?;
        found.unwrap()
    }

    #[track_caller]
    fn refuses(&self, scores: bool, expect: &str) {
        let error = format!("{:#}", self.row(&self.options(), scores).unwrap_err());
        assert!(error.contains(expect), "{error}");
    }
}

fn placeholder(data_type: DataType, shape: &[Option<usize>]) -> NodeDef {
    NodeDef::placeholder("input", data_type, shape)
}

fn images(data_type: DataType, channels: usize) -> NodeDef {
    placeholder(data_type, &[None, Some(SIDE), Some(SIDE), Some(channels)])
}

fn constant(name: &str, shape: &[usize], values: Vec<f32>) -> NodeDef {
    NodeDef::constant(name, &Tensor::new(shape.to_vec(), Values::Float(values)).unwrap())
}

fn node(name: &str, op: &str, inputs: &[&str]) -> NodeDef {
    let float = AttrValue::data_type(DataType::Float);
    inputs.iter().fold(NodeDef::new(name, op), |node, input| node.input(*input)).attr("T", float)
}

/// The mean over two axes of a tensor.
fn mean(of: &str, axes: [i32; 2]) -> Vec<NodeDef> {
    let axes = Tensor::new(vec![2], Values::Int32(axes.to_vec())).unwrap();
    vec![NodeDef::constant("axes", &axes), node("mean", "Mean", &[of, "axes"])]
}

fn cast(from: DataType) -> NodeDef {
    NodeDef::new("cast", "Cast")
        .input("input")
        .attr("SrcT", AttrValue::data_type(from))
        .attr("DstT", AttrValue::data_type(DataType::Float))
}

/// Integers are fed the pixels as they are.
#[test]
fn a_placeholder_of_integers_takes_pixels() {
    for data_type in [DataType::Uint8, DataType::Int32] {
        let graph = Graph::new(
            [vec![images(data_type, 3), cast(data_type)], mean("cast", [1, 2])].concat(),
        );
        let row = graph.row(&graph.options(), true).unwrap();
        assert_eq!(row, COLOUR.map(f32::from), "{data_type}");
    }
}

#[test]
fn planes_of_colours_are_fed_as_planes() {
    let planes = placeholder(DataType::Float, &[None, Some(3), Some(SIDE), Some(SIDE)]);
    let graph = Graph::new([vec![planes], mean("input", [2, 3])].concat());
    let options = GraphOptions { mean: Some([0.0; 3]), scale: Some(1.0), ..graph.options() };
    assert_eq!(graph.row(&options, true).unwrap(), COLOUR.map(f32::from));
    let entry =
        EntryPoint::find(&FrozenGraph::open(&options.path().unwrap()).unwrap(), &options).unwrap();
    assert!(entry.in_words().contains("images of 4 × 4"), "{}", entry.in_words());
}

#[test]
fn what_takes_no_pictures_is_told() {
    for (shape, expect) in [
        (vec![None, Some(28), Some(28), Some(1)], "takes tensors of (?, 28, 28, 1), but images"),
        (vec![None, Some(784)], "takes tensors of (?, 784)"),
        (vec![None, Some(4), Some(32), Some(32)], "takes tensors of (?, 4, 32, 32)"),
    ] {
        let input = placeholder(DataType::Float, &shape);
        Graph::new(vec![input, node("out", "Relu", &["input"])]).refuses(false, expect);
    }
    let input = placeholder(DataType::String, &[]);
    Graph::new(vec![input, node("out", "Relu", &["input"])]).refuses(false, "takes string values");
}

/// For a graph that outputs a class number, the scores before the argmax are used.
#[test]
fn scores_are_what_a_class_is_chosen_from() {
    let axis = NodeDef::constant("axis", &Tensor::new(vec![], Values::Int32(vec![1])).unwrap());
    let choice = node("choice", "ArgMax", &["mean", "axis"]);
    let last = NodeDef::new("output", "Identity")
        .input("choice")
        .attr("T", AttrValue::data_type(DataType::Int64));
    let chosen = [mean("input", [1, 2]), vec![axis, choice, last]].concat();
    let graph = Graph::new([vec![images(DataType::Float, 3)], chosen].concat());
    assert_eq!(graph.row(&graph.options(), true).unwrap().len(), 3);
    let named: TensorName = "output".parse().unwrap();
    let options = GraphOptions { output: Some(named), ..graph.options() };
    let error = format!("{:#}", graph.row(&options, true).unwrap_err());
    assert!(error.contains("output:0 gives whole numbers of shape [1], not one score"), "{error}");
    assert_eq!(graph.row(&options, false).unwrap(), [0.0]);
}

/// `swish` as Keras writes it: x · sigmoid(x) next to x, for a custom gradient.
#[test]
fn identities_of_several_values_are_passed() {
    let nodes = vec![
        images(DataType::Float, 3),
        node("sigmoid", "Sigmoid", &["input"]),
        node("product", "Mul", &["input", "sigmoid"]),
        NodeDef::new("both", "IdentityN").input("product").input("input"),
        node("twice", "AddV2", &["both:0", "both:1"]),
    ];
    let graph = Graph::new([nodes, mean("twice", [1, 2])].concat());
    let options = GraphOptions { mean: Some([0.0; 3]), scale: Some(0.01), ..graph.options() };
    let x = COLOUR.map(|value| f32::from(value) * 0.01);
    let expect = x.map(|x| x + x / (1.0 + (-x).exp()));
    let row = graph.row(&options, true).unwrap();
    assert!(row.iter().zip(expect).all(|(a, b)| (a - b).abs() < 1e-5), "{row:?} {expect:?}");
}

/// What fails for every image is one error, not one per image.
#[test]
fn a_graph_that_computes_nothing_is_to_blame_itself() {
    let pool = node("out", "AvgPool", &["input"])
        .attr("ksize", AttrValue::ints(&[1, 7, 7, 1]))
        .attr("strides", AttrValue::ints(&[1, 1, 1, 1]))
        .attr("padding", AttrValue::text("VALID"));
    let graph = Graph::new(vec![images(DataType::Float, 3), pool]);
    graph.refuses(false, "the graph cannot be computed for any image: ");
    let broken = constant("broken", &[1], vec![f32::NAN]);
    let sum = node("out", "AddV2", &["input", "broken"]);
    let graph = Graph::new(vec![images(DataType::Float, 3), broken, sum]);
    graph.refuses(false, "the graph cannot be computed for any image: ");
}

#[test]
fn several_rows_of_a_picture_are_no_scores() {
    let graph = Graph::new(vec![images(DataType::Float, 3), node("out", "Relu", &["input"])]);
    graph.refuses(true, "gives floats of shape [1, 4, 4, 3], not one score per class");
    assert_eq!(graph.row(&graph.options(), false).unwrap().len(), SIDE * SIDE * 3);
}

#[test]
fn weights_that_do_not_fit_are_told() {
    let filters = constant("filters", &[1, 1, 5, 2], vec![0.0; 10]);
    let layer = node("conv", "Conv2D", &["input", "filters"])
        .attr("strides", AttrValue::ints(&[1, 1, 1, 1]))
        .attr("padding", AttrValue::text("SAME"));
    let graph = Graph::new(vec![images(DataType::Float, 3), filters, layer]);
    graph.refuses(false, "conv");
    let matrix = constant("matrix", &[5, 2], vec![0.0; 10]);
    let product = node("product", "MatMul", &["mean", "matrix"]);
    let nodes = [vec![images(DataType::Float, 3)], mean("input", [1, 2]), vec![matrix, product]];
    Graph::new(nodes.concat()).refuses(false, "product");
}

/// Sizes whose products and sums overflow, and images that do not fit into memory.
#[test]
fn sizes_without_an_end_are_told() {
    let sizes = |name: &str, values: &[i64]| {
        let values = Values::Int64(values.to_vec());
        NodeDef::constant(name, &Tensor::new(vec![values.len()], values).unwrap())
    };
    // Three values are as many as 5 · 7378697629483820647 modulo 2^64.
    let shape = sizes("shape", &[-1, 7_378_697_629_483_820_647, 5]);
    let reshaped = [mean("input", [1, 2]), vec![shape, node("out", "Reshape", &["mean", "shape"])]];
    let mut padded = Vec::new();
    for by in [1 << 62, i64::MAX, (1 << 32) - 13] {
        let by = Tensor::new(vec![4, 2], Values::Int64(vec![0, 0, by, by, by, by, 0, 0])).unwrap();
        padded.push(vec![
            NodeDef::constant("by", &by),
            node("out", "Pad", &["input", "by"])
                .attr("Tpaddings", AttrValue::data_type(DataType::Int64)),
        ]);
    }
    for nodes in padded.into_iter().chain([reshaped.concat()]) {
        Graph::new([vec![images(DataType::Float, 3)], nodes].concat()).refuses(false, "out");
    }
    let normalised = |radius| {
        let lrn = node("out", "LRN", &["input"]).attr("depth_radius", AttrValue::int(radius));
        Graph::new(vec![images(DataType::Float, 3), lrn])
    };
    normalised(-1).refuses(false, "depth_radius = -1");
    let whole = normalised(3);
    let all = whole.row(&whole.options(), false).unwrap();
    let wide = normalised(1 << 62);
    let row = wide.row(&wide.options(), false).unwrap();
    assert!(all.iter().zip(&row).all(|(a, b)| (a - b).abs() < 1e-6), "{all:?} {row:?}");
    let large = placeholder(DataType::Float, &[None, Some(20_000), Some(20_000), Some(3)]);
    Graph::new(vec![large, node("out", "Relu", &["input"])])
        .refuses(false, "takes images of 20000 × 20000, but sides must be from 1 to 8192");
}

#[test]
fn options_that_a_graph_has_no_use_for_are_refused() {
    let file = NodeDef::placeholder("input", DataType::String, &[]);
    let decoder = |key: &str, value: AttrValue| {
        let decoded = NodeDef::new("decoded", "DecodeJpeg").input("input").attr(key, value);
        Graph::new(vec![file.clone(), decoded, node("out", "Relu", &["decoded"])])
    };
    let graph = decoder("channels", AttrValue::int(3));
    let options = GraphOptions { crop: 0.5, ..graph.options() };
    let error = format!("{:#}", graph.row(&options, false).unwrap_err());
    assert!(error.contains("--crop (in a config: preprocessing.crop) has no effect"), "{error}");
    decoder("channels", AttrValue::int(1)).refuses(false, "channels = 1, but images are decoded");
    decoder("dtype", AttrValue::data_type(DataType::Float)).refuses(false, "dtype = float");
}

#[test]
fn a_file_of_labels_reads_back_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| Path::new(dir.path()).join(name);
    for names in [["tulip", "rose"], ["0:cls", "10:cls"], ["n01440764", "n01443537"]] {
        let names = names.map(str::to_owned);
        fs::write(path("labels.txt"), LabelMap::written(&names).unwrap()).unwrap();
        let read = LabelMap::open(&path("labels.txt")).unwrap();
        assert_eq!([0, 1].map(|class| read.text(class).to_owned()), names);
    }
    let error = LabelMap::written(&["a\nb".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("rename the image folders"), "{error}");
}

fn flag(value: bool) -> Tensor {
    Tensor::new(Vec::new(), Values::Bool(vec![value])).unwrap()
}

/// What `tf.cond` makes of `x · 2 if training else x + 1`, nested once more. The constant of a branch
/// depends on it only by a control input.
fn branches(training: NodeDef) -> Vec<NodeDef> {
    let boolean = |name: &str, op: &str, inputs: &[&str]| {
        let node = inputs.iter().fold(NodeDef::new(name, op), |node, input| node.input(*input));
        node.attr("T", AttrValue::data_type(DataType::Bool))
    };
    vec![
        images(DataType::Float, 3),
        training,
        boolean("switch", "Switch", &["training", "training"]),
        boolean("switch_t", "Identity", &["switch:1"]),
        boolean("switch_f", "Identity", &["switch"]),
        boolean("choice", "Identity", &["training"]),
        node("x", "Switch", &["mean", "choice"]),
        constant("two", &[], vec![2.0]).input("^switch_t"),
        node("twice", "Mul", &["x:1", "two"]),
        // The branch of the inner condition, whose choice is handed in by the outer one.
        boolean("inner_choice", "Switch", &["choice", "choice"]),
        boolean("not", "LogicalNot", &["inner_choice"]),
        node("inner_x", "Switch", &["x", "not"]),
        constant("one", &[], vec![1.0]).input("^switch_f"),
        node("more", "Add", &["inner_x:1", "one"]),
        node("less", "Sub", &["inner_x", "one"]),
        node("inner", "Merge", &["less", "more"]),
        node("merge", "Merge", &["inner", "twice"]),
        node("scores", "Identity", &["merge"]),
    ]
}

#[test]
fn of_branches_the_one_is_taken_that_a_constant_chooses() {
    let default = |value: bool| {
        NodeDef::new("training", "PlaceholderWithDefault")
            .input("default")
            .attr("dtype", AttrValue::data_type(DataType::Bool))
            .attr("default", AttrValue::flag(value))
    };
    for (training, want) in
        [(false, COLOUR.map(|c| f32::from(c) + 1.0)), (true, COLOUR.map(|c| f32::from(c) * 2.0))]
    {
        let nodes = branches(default(training));
        let constant = vec![NodeDef::constant("default", &flag(training))];
        let graph = Graph::new([constant, mean("input", [1, 2]), nodes].concat());
        let options = GraphOptions { mean: Some([0.0; 3]), scale: Some(1.0), ..graph.options() };
        assert_eq!(graph.row(&options, true).unwrap(), want, "{training}");
    }
}

#[test]
fn a_value_that_is_given_chooses_a_branch() {
    let training = NodeDef::placeholder("training", DataType::Bool, &[]);
    let graph = Graph::new([mean("input", [1, 2]), branches(training)].concat());
    let given = |feed: &[&str]| GraphOptions {
        mean: Some([0.0; 3]),
        scale: Some(1.0),
        feed: feed.iter().map(|feed| feed.parse().unwrap()).collect(),
        ..graph.options()
    };
    let row = graph.row(&given(&["training=true"]), true).unwrap();
    assert_eq!(row, COLOUR.map(|c| f32::from(c) * 2.0));
    for (feed, expect) in [
        (&[][..], "is not constant; fix it with --feed training=false (or true)"),
        (&["trainin=true"], "has no node trainin; is it training?"),
        (&["training=2"], "training (Placeholder): must be true or false, not 2"),
        (&["training=0,1"], "training (Placeholder) has shape [], but 2 values are given"),
        (&["mean:1=0"], "only the first output of mean (Mean) can be fed"),
    ] {
        let error = format!("{:#}", graph.row(&given(feed), true).unwrap_err());
        assert!(error.contains(expect), "{error}");
    }
    for (text, expect) in [("training", "write TENSOR=VALUE"), ("a=b", "neither a number nor true")]
    {
        let error = text.parse::<super::feeds::Given>().unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
}

/// Dropout with a placeholder: floor(keep + random) is 1 for any number where everything is kept.
#[test]
fn a_dropout_that_keeps_everything_changes_nothing() {
    let keep = NodeDef::placeholder("keep", DataType::Float, &[]);
    let random = NodeDef::new("random", "RandomUniform")
        .input("shape")
        .attr("dtype", AttrValue::data_type(DataType::Float));
    let graph = Graph::new(
        [
            vec![images(DataType::Float, 3), keep, random],
            mean("input", [1, 2]),
            vec![
                NodeDef::new("shape", "Shape").input("mean"),
                node("added", "Add", &["random", "keep"]),
                node("mask", "Floor", &["added"]),
                node("scaled", "RealDiv", &["mean", "keep"]),
                node("scores", "Mul", &["scaled", "mask"]),
            ],
        ]
        .concat(),
    );
    let feed = vec!["keep=1".parse().unwrap()];
    let options = GraphOptions { mean: Some([0.0; 3]), scale: Some(1.0), feed, ..graph.options() };
    assert_eq!(graph.row(&options, true).unwrap(), COLOUR.map(f32::from));
    graph.refuses(true, "--feed keep=VALUE");
}
