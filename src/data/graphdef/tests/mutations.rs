//! Damaged graphs: whatever the bytes are, reading them ends soon, in a graph or in one sentence.

use std::time::{Duration, Instant};

use super::*;
use crate::rng::{Sequence, Stream};

/// Mutations where `TFM_FUZZ` does not say how many.
const MUTATIONS: u64 = 3000;
/// Constants are copied up to so many values, which a splat of any graph may have.
const MAX_COPIED: usize = 1 << 16;

#[test]
fn damaged_graphs_end_in_one_sentence() {
    let n = std::env::var("TFM_FUZZ").map_or(MUTATIONS, |n| n.parse().unwrap());
    let originals = originals();
    let stream = Stream::new(1, "mutations");
    let (mut read, mut slowest) = (0, Duration::ZERO);
    for i in 0..n {
        let mut sequence = stream.at(i);
        let original = &originals[sequence.below(originals.len() as u32) as usize];
        let bytes = mutated(original.clone(), &mut sequence);
        let start = Instant::now();
        match FrozenGraph::from_bytes(bytes) {
            Ok(graph) => {
                read += 1;
                use_all(&graph);
            }
            Err(error) => check_words(&error),
        }
        slowest = slowest.max(start.elapsed());
    }
    println!("{n} mutations: {read} were read, {} refused; {slowest:.1?} the slowest", n - read);
    assert!(n < MUTATIONS || (n / 50..n).contains(&read), "mutations of one kind alone");
}

/// Graphs with everything that a reader looks at.
fn originals() -> Vec<Vec<u8>> {
    let mut nodes = small();
    nodes.push(NodeDef::constant("axes", &Tensor::int32s(&[1, 2])));
    nodes.push(
        node("conv", "Conv2D", &["scaled", "axes"])
            .attr("strides", AttrValue::ints(&[1, 2, 2, 1]))
            .attr("padding", AttrValue::text("SAME"))
            .attr("epsilon", AttrValue::float(0.1))
            .attr("shape", AttrValue::shape(&[None, Some(4)])),
    );
    let library = Some(Bytes::from_static(b"\x0a\x09\x0a\x07\x0a\x05twice"));
    let graph = GraphDef { library, ..GraphDef::new(nodes, 8) };
    let mut originals = vec![graph.to_bytes().unwrap(), TENSORFLOW.to_vec()];
    if let Some(data) = data() {
        originals.push(beginning(&data.join("inception2015-mini/classify_image_graph_def.pb")));
    }
    originals
}

/// The first nodes of a graph.
fn beginning(path: &Path) -> Vec<u8> {
    let mut graph = GraphDef::decode(&*std::fs::read(path).unwrap()).unwrap();
    graph.node.truncate(30);
    graph.to_bytes().unwrap()
}

/// One to three changes.
fn mutated(mut bytes: Vec<u8>, sequence: &mut Sequence) -> Vec<u8> {
    for _ in 0..=sequence.below(3) {
        let at = sequence.below(bytes.len().max(1) as u32) as usize;
        let end = (at + 1 + sequence.below(16) as usize).min(bytes.len());
        match sequence.below(7) {
            _ if bytes.is_empty() => bytes.push(sequence.word() as u8),
            0 => bytes[at] ^= 1 << sequence.below(8),
            1 => bytes[at] = sequence.word() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.insert(at, sequence.word() as u8),
            5 => bytes[at..end].fill(0xff),
            _ => {
                let copy = bytes[at..end].to_vec();
                let to = sequence.below(bytes.len() as u32) as usize;
                bytes.splice(to..to, copy);
            }
        }
    }
    bytes
}

/// Asks a graph for all that it can tell.
fn use_all(graph: &FrozenGraph) {
    let (inputs, outputs, counts) = (graph.inputs(), graph.outputs(), graph.op_counts());
    let nodes = graph.nodes().len();
    assert!(inputs.len() + outputs.len() <= 2 * nodes && counts.len() <= nodes);
    for output in outputs.into_iter().chain(graph.likely_output()) {
        let name = TensorName { node: graph.node(output).name.clone(), output: 0 };
        match graph.order(&[name], &[]) {
            Ok(order) => assert_eq!(order.last(), Some(&output)),
            Err(error) => check_words(&error),
        }
    }
    for node in graph.nodes() {
        let results = [
            node.ints("strides", None).map(drop),
            node.text("padding", "SAME").map(drop),
            node.float("epsilon", 0.0).map(drop),
            node.shape("shape").map(drop),
            node.data_type("dtype", None).map(drop),
            node.constant("value").and_then(|constant| {
                if constant.len() <= MAX_COPIED { constant.to_tensor().map(drop) } else { Ok(()) }
            }),
        ];
        results.iter().filter_map(|result| result.as_ref().err()).for_each(check_words);
    }
}

fn check_words(error: &anyhow::Error) {
    let words = format!("{error:#}");
    assert!(!words.is_empty() && !words.contains(|c: char| c.is_control()), "{words:?}");
}
