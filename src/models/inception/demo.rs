//! A small frozen graph of the kind of 2015 and pictures to try it on, made without any download:
//! patterns that are known by the mean size of their slopes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::{ImageFormat, Rgb, RgbImage};

use crate::atomic;
use crate::data::graphdef::proto::{AttrValue, GraphDef, NodeDef};
use crate::data::graphdef::{DataType, Tensor, Values};
use crate::rng::Stream;
use crate::run;

/// The classes, in the order of the scores.
pub const CLASSES: [&str; 4] = ["plain", "horizontal stripes", "vertical stripes", "checkerboard"];
/// The file name of the graph, the same as in the reference.
pub const GRAPH: &str = "classify_image_graph_def.pb";
/// The side of an image of the network.
const SIDE: usize = 32;
/// Pixels of a stripe at the size of the network.
const STRIPE: usize = 4;
/// Factor of the logits.
const SHARPNESS: f32 = 24.0;
/// The last producer of graphs with `BatchNormWithGlobalNormalization`.
const PRODUCER: i32 = 8;

/// The files that were written.
#[derive(Debug)]
pub struct Demo {
    /// The graph; `labels.txt` is next to it.
    pub graph: PathBuf,
    /// The folder of the images, with one folder per class.
    pub pictures: PathBuf,
    /// Pictures of all classes.
    pub count: usize,
}

/// Writes the graph, its labels and `each` images per class to a folder.
///
/// # Errors
/// Files that already exist, unless they may be replaced (`force`), and files that cannot be
/// written.
pub fn write(folder: &Path, each: usize, seed: u64, force: bool) -> Result<Demo> {
    let [graph, labels, pictures] = [GRAPH, "labels.txt", "pictures"].map(|name| folder.join(name));
    for path in [&graph, &labels, &pictures] {
        run::check_output(path, force)?;
    }
    atomic::create_folder(folder)?;
    atomic::write(&graph, &frozen_graph().to_bytes()?)?;
    atomic::write(&labels, (CLASSES.join("\n") + "\n").as_bytes())?;
    for (class, name) in CLASSES.iter().enumerate() {
        let folder = pictures.join(name.replace(' ', "_"));
        atomic::create_folder(&folder)?;
        for number in 0..each {
            let path = folder.join(format!("{number:03}.jpg"));
            let mut bytes = std::io::Cursor::new(Vec::new());
            picture(class, number as u64, seed)
                .write_to(&mut bytes, ImageFormat::Jpeg)
                .with_context(|| format!("cannot make {}", path.display()))?;
            atomic::write(&path, bytes.get_ref())?;
        }
    }
    Ok(Demo { graph, pictures, count: each * CLASSES.len() })
}

/// An image of a class: its pattern in two colours, at any size and position, with noise.
fn picture(class: usize, number: u64, seed: u64) -> RgbImage {
    let mut numbers = Stream::new(seed, &format!("pattern/{class}")).at(number);
    let side = 96 + numbers.below(96);
    let stripe = (side as usize * STRIPE / SIDE) as u32;
    let [x0, y0] = [0; 2].map(|_: u32| numbers.below(2 * stripe));
    let dark = [0; 3].map(|_: u8| numbers.below(90) as u8);
    let light = [0; 3].map(|_: u8| 165 + numbers.below(90) as u8);
    RgbImage::from_fn(side, side, |x, y| {
        let [column, row] = [(x + x0) / stripe % 2, (y + y0) / stripe % 2];
        let is_light = match class {
            0 => 0,
            1 => row,
            2 => column,
            _ => (row + column) % 2,
        };
        let noise = numbers.below(20) as u8;
        Rgb(if is_light == 1 { light } else { dark }.map(|value| value.saturating_add(noise)))
    })
}

/// The graph: the pixels are preprocessed as in 2015; slopes along both axes, of either sign, go
/// through a ReLU and are averaged; the last layer weighs these means.
fn frozen_graph() -> GraphDef {
    // Of each colour a third; filters (height, width, in, out): the slope along x, its negative, and
    // the same along y.
    let mut filters = vec![0.0; 3 * 3 * 3 * 4];
    for colour in 0..3 {
        for (at, sign) in [(0, -1.0), (2, 1.0)] {
            let tap = |y: usize, x: usize, out: usize| ((y * 3 + x) * 3 + colour) * 4 + out;
            filters[tap(1, at, 0)] = sign / 3.0;
            filters[tap(1, at, 1)] = -sign / 3.0;
            filters[tap(at, 1, 2)] = sign / 3.0;
            filters[tap(at, 1, 3)] = -sign / 3.0;
        }
    }
    // A pattern has slopes of a quarter of the contrast or more, noise has less.
    let (across, along) = ([1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]);
    let weigh = |sign_x: f32, sign_y: f32| {
        let value = |i: usize| SHARPNESS * (sign_x * across[i] + sign_y * along[i]);
        (0..4).map(value).collect::<Vec<_>>()
    };
    let columns = [weigh(-1.0, -1.0), weigh(-1.0, 1.0), weigh(1.0, -1.0), weigh(1.0, 1.0)];
    let weights = (0..4).flat_map(|i| columns.iter().map(move |column| column[i])).collect();
    let middle = 0.18 * SHARPNESS;
    let biases = vec![middle, 0.0, 0.0, -middle];
    let float = AttrValue::data_type(DataType::Float);
    let node = |name: &str, op: &str, inputs: &[&str]| {
        let node = NodeDef::new(name, op).attr("T", float.clone());
        inputs.iter().fold(node, |node, &input| node.input(input))
    };
    let strides = AttrValue::ints(&[1, 1, 1, 1]);
    let nodes = vec![
        constant("DecodeJpeg/contents", vec![], Values::String(vec![Default::default()])),
        NodeDef::new("DecodeJpeg", "DecodeJpeg")
            .input("DecodeJpeg/contents")
            .attr("channels", AttrValue::int(3)),
        NodeDef::new("Cast", "Cast")
            .input("DecodeJpeg")
            .attr("SrcT", AttrValue::data_type(DataType::Uint8))
            .attr("DstT", float.clone()),
        constant("ExpandDims/dim", vec![], Values::Int32(vec![0])),
        node("ExpandDims", "ExpandDims", &["Cast", "ExpandDims/dim"]),
        constant("ResizeBilinear/size", vec![2], Values::Int32(vec![SIDE as i32; 2])),
        node("ResizeBilinear", "ResizeBilinear", &["ExpandDims", "ResizeBilinear/size"]),
        constant("Sub/y", vec![], Values::Float(vec![128.0])),
        node("Sub", "Sub", &["ResizeBilinear", "Sub/y"]),
        constant("Mul/y", vec![], Values::Float(vec![1.0 / 128.0])),
        node("Mul", "Mul", &["Sub", "Mul/y"]),
        constant("conv/conv2d_params", vec![3, 3, 3, 4], Values::Float(filters)),
        node("conv/Conv2D", "Conv2D", &["Mul", "conv/conv2d_params"])
            .attr("strides", strides.clone())
            .attr("padding", AttrValue::text("VALID")),
        constant("conv/batchnorm/moving_mean", vec![4], Values::Float(vec![0.0; 4])),
        constant("conv/batchnorm/moving_variance", vec![4], Values::Float(vec![1.0; 4])),
        constant("conv/batchnorm/beta", vec![4], Values::Float(vec![-0.1; 4])),
        constant("conv/batchnorm/gamma", vec![4], Values::Float(vec![1.0; 4])),
        node(
            "conv/batchnorm",
            "BatchNormWithGlobalNormalization",
            &[
                "conv/Conv2D",
                "conv/batchnorm/moving_mean",
                "conv/batchnorm/moving_variance",
                "conv/batchnorm/beta",
                "conv/batchnorm/gamma",
            ],
        )
        .attr("variance_epsilon", AttrValue::float(0.001))
        .attr("scale_after_normalization", AttrValue::flag(false)),
        node("conv/CheckNumerics", "CheckNumerics", &["conv/batchnorm"])
            .attr("message", AttrValue::text("activation input is not finite.")),
        node("conv", "Relu", &["conv/CheckNumerics"]),
        node("pool_3", "AvgPool", &["conv"])
            .attr("ksize", AttrValue::ints(&[1, SIDE as i64 - 2, SIDE as i64 - 2, 1]))
            .attr("strides", strides)
            .attr("padding", AttrValue::text("VALID")),
        constant("pool_3/_reshape/shape", vec![2], Values::Int32(vec![1, 4])),
        node("pool_3/_reshape", "Reshape", &["pool_3", "pool_3/_reshape/shape"]),
        constant("softmax/weights", vec![4, 4], Values::Float(weights)),
        node("softmax/logits/MatMul", "MatMul", &["pool_3/_reshape", "softmax/weights"]),
        constant("softmax/biases", vec![4], Values::Float(biases)),
        node("softmax/logits", "BiasAdd", &["softmax/logits/MatMul", "softmax/biases"]),
        node("softmax", "Softmax", &["softmax/logits"]),
    ];
    GraphDef::new(nodes, PRODUCER)
}

fn constant(name: &str, shape: Vec<usize>, values: Values) -> NodeDef {
    NodeDef::constant(name, &Tensor { shape, values })
}
