//! Any node with any inputs is computed or refused: random ones, and those that TensorFlow has computed
//! with one thing changed.

use prost::bytes::Bytes;

use super::super::{KINDS, evaluate};
use super::{cases, node};
use crate::data::graphdef::proto::{AttrValue, NodeDef};
use crate::data::graphdef::{DataType, Tensor, Values};
use crate::rng::{Sequence, Stream};

/// Nodes of each operation, and inputs for each node.
const NODES: usize = 12;
const INPUTS: usize = 24;

/// Changes of each node of TensorFlow's.
const CHANGES: usize = 6;

fn pick<T: Copy>(random: &mut Sequence, of: &[T]) -> T {
    of[random.below(of.len() as u32) as usize]
}

/// Sizes up to 4, rarely of an axis that only a tensor without values can have.
fn shape(random: &mut Sequence) -> Vec<usize> {
    let rank = pick(random, &[0, 1, 1, 2, 2, 3, 4, 4]);
    let mut shape: Vec<_> = (0..rank).map(|_| pick(random, &[0, 1, 1, 2, 2, 2, 3, 4])).collect();
    if shape.contains(&0) && random.below(4) == 0 {
        let axis = random.below(rank as u32) as usize;
        shape[axis] = if shape[axis] == 0 { 0 } else { 1 << 60 };
    }
    shape
}

fn values(random: &mut Sequence, n: usize) -> Values {
    const INTS: &[i64] =
        &[-2, -1, -1, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, i32::MIN as i64, i64::MIN, i64::MAX];
    const FLOATS: &[f32] = &[-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, 1e30, f32::NAN, f32::INFINITY];
    let kind = random.below(14);
    let mut int = || pick(random, INTS);
    match kind {
        0..5 => Values::Int32((0..n).map(|_| int() as i32).collect()),
        5 => Values::Int64((0..n).map(|_| int()).collect()),
        6 => Values::Uint8((0..n).map(|_| int() as u8).collect()),
        7 => Values::Bool((0..n).map(|_| int() == 1).collect()),
        8 => Values::String(vec![Bytes::from_static(b"x"); n]),
        9 => Values::Double((0..n).map(|_| int() as f64).collect()),
        _ => Values::Float((0..n).map(|_| pick(random, FLOATS)).collect()),
    }
}

fn tensor(random: &mut Sequence) -> Tensor {
    let shape = shape(random);
    let n = if shape.contains(&0) { 0 } else { shape.iter().product() };
    Tensor { shape, values: values(random, n) }
}

fn attribute(random: &mut Sequence, key: &str) -> AttrValue {
    let types =
        [DataType::Float, DataType::Half, DataType::Int32, DataType::Int64, DataType::Uint8];
    match key {
        "padding" => AttrValue::text(pick(random, &["SAME", "VALID", "EXPLICIT", "WIDE"])),
        "data_format" => AttrValue::text(pick(random, &["NHWC", "NCHW", "HWNC"])),
        "mode" => AttrValue::text(pick(random, &["REFLECT", "SYMMETRIC"])),
        "DstT" | "out_type" | "output_type" => AttrValue::data_type(pick(random, &types)),
        "strides" | "ksize" | "dilations" => {
            let mut size = || pick(random, &[1, 1, 2, 3, 0, -1, i64::MAX, i32::MAX as i64]);
            let sizes = [size(), size()];
            AttrValue::ints(&pick(
                random,
                &[[1, sizes[0], sizes[1], 1], [1, 1, sizes[0], sizes[1]]],
            ))
        }
        "explicit_paddings" => {
            let n = pick(random, &[0, 8, 8, 7]);
            let ends = pick(random, &[0, 0, 1]);
            AttrValue::ints(&[ends, 0, 1, 2, 0, 1, 0, 0][..n])
        }
        "squeeze_dims" => AttrValue::ints(pick(random, &[&[][..], &[0], &[-1, 1], &[i64::MIN]])),
        "epsilon" | "variance_epsilon" | "alpha" | "beta" | "min" | "max" => {
            AttrValue::float(pick(random, &[0.0, 0.5, -1.0, f32::NAN]))
        }
        "num_bits" | "depth_radius" | "batch_dims" | "axis" | "num" | "num_split" => {
            AttrValue::int(pick(random, &[0, 1, 2, 3, -1, i64::MAX, i64::MIN]))
        }
        key if key.ends_with("_mask") => AttrValue::int(pick(random, &[0, 0, 1, 2, 3, 4, -1])),
        _ => AttrValue::flag(random.below(2) == 0),
    }
}

/// An operation with most of the attributes that any has.
fn any_node(random: &mut Sequence, op: &str) -> NodeDef {
    const KEYS: &str = "padding data_format mode DstT out_type output_type strides ksize dilations \
        explicit_paddings squeeze_dims epsilon variance_epsilon alpha beta min max num_bits depth_radius \
        batch_dims axis num num_split begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask \
        keep_dims is_training scale_after_normalization transpose_a transpose_b adj_x adj_y narrow_range \
        align_corners half_pixel_centers";
    KEYS.split_whitespace().fold(NodeDef::new("n", op), |node, key| {
        // What has no default is seldom left out.
        let is_due = ["strides", "ksize", "padding", "DstT", "num", "num_split"].contains(&key);
        let is_given = random.below(if is_due { 16 } else { 2 }) > 0;
        if is_given { node.attr(key, attribute(random, key)) } else { node }
    })
}

#[test]
fn nothing_panics() {
    let stream = Stream::new(1, "hostile");
    let (mut step, mut computed) = (0, 0);
    for operation in KINDS.iter().copied().flatten() {
        for _ in 0..NODES {
            let mut random = stream.at(step);
            step += 1;
            let node = node(any_node(&mut random, operation.name));
            for _ in 0..INPUTS {
                let more = usize::from(*operation.inputs.end() == usize::MAX);
                let n = operation.inputs.start() + more * random.below(3) as usize;
                let inputs: Vec<_> = (0..n).map(|_| tensor(&mut random)).collect();
                if let Ok(outputs) = evaluate(&node, &inputs.iter().collect::<Vec<_>>()) {
                    computed += 1;
                    let fits = |output: &Tensor| {
                        Tensor::new(output.shape.clone(), output.values.clone()).is_ok()
                    };
                    let is_whole = |output| fits(output) || output.values.is_empty();
                    assert!(outputs.iter().all(is_whole), "{node:?} {inputs:?}");
                }
            }
        }
    }
    assert!(computed > 1000, "{computed} nodes were computed");
}

/// Changes a value, a type or a shape.
fn change(random: &mut Sequence, tensor: &mut Tensor) {
    let at = random.below(tensor.values.len().max(1) as u32) as usize;
    let ints = [-1, 0, 1, 2, 3, 5, 500, i64::from(i32::MIN), i64::MIN, i64::MAX];
    let int = pick(random, &ints);
    match (random.below(4), &mut tensor.values) {
        (0, _) => tensor.shape.push(1),
        (1, _) => *tensor = self::tensor(random),
        (_, Values::Float(values)) if at < values.len() => values[at] = f32::NAN,
        (_, Values::Int32(values)) if at < values.len() => values[at] = int as i32,
        (_, Values::Int64(values)) if at < values.len() => values[at] = int,
        (_, Values::Uint8(values)) if at < values.len() => values[at] = int as u8,
        _ => tensor.values = values(random, tensor.values.len()),
    }
}

#[test]
fn what_is_changed_does_not_panic() {
    let stream = Stream::new(1, "changed");
    let mut refused = 0;
    for (step, case) in cases().iter().enumerate() {
        let mut random = stream.at(step as u64);
        for _ in 0..CHANGES {
            let mut inputs = case.tensors();
            let mut new = case.definition();
            if random.below(3) == 0 && !new.attr.is_empty() {
                let which = random.below(new.attr.len() as u32) as usize;
                let key = new.attr.remove(which).key;
                let value = attribute(&mut random, &key);
                new = new.attr(key, value);
            } else if !inputs.is_empty() {
                let which = random.below(inputs.len() as u32) as usize;
                change(&mut random, &mut inputs[which]);
            }
            let result = evaluate(&node(new), &inputs.iter().collect::<Vec<_>>());
            refused += usize::from(result.is_err());
        }
    }
    assert!(refused > 1000, "{refused} nodes were refused");
}
