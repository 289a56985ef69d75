//! Outputs that are inputs, and ids that are outside.

use super::init;
use crate::nn::graph::Graph;
use crate::nn::{Feed, Mode, Network, Output};
use crate::ops::{Cpu, Isa};

#[test]
fn an_output_may_be_an_input_or_a_reshape_of_one() {
    let (graph, outputs) = Graph::build(|g| {
        let (x, y) = (g.input("x", &[4]), g.input("y", &[4]));
        [
            x.linear("logits", 3, init()).output(),
            y.output(),
            y.reshape(&[2, 2]).output(),
            x.output(),
        ]
    })
    .unwrap();
    let mut network = Network::new(graph, 1).unwrap();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let (x, y) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
    let feed = || Feed { batch: 1, inputs: vec![&x, &y], ids: Vec::new(), states: &mut [] };
    let found = network.run_for(&cpu, Mode::Inference, &outputs, feed()).unwrap();
    assert_eq!((&found[1][..], &found[2][..], &found[3][..]), (&y[..], &y[..], &x[..]));
    assert_eq!(network.run(&cpu, Mode::Inference, outputs[1], feed()).unwrap(), y);
}

#[test]
fn ids_outside_the_classes_are_an_error_where_they_are_read() {
    let (graph, [logits, loss]) = Graph::build(|g| {
        let logits =
            g.ids("words").embedding("embedding", 5, 3, init()).linear("logits", 4, init());
        [logits.output(), logits.cross_entropy(g.ids("labels")).output()]
    })
    .unwrap();
    let mut network = Network::new(graph, 1).unwrap();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mut run = |output, words: [u32; 2], labels: [u32; 2]| {
        let feed = Feed { batch: 2, inputs: vec![], ids: vec![&words, &labels], states: &mut [] };
        network.run(&cpu, Mode::Inference, output, feed).map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(run(loss, [4, 0], [3, 0]), Ok(()));
    let error = "embedding: words has 5 at position 1; all must be below 5".to_string();
    assert_eq!(run(loss, [4, 5], [3, 0]), Err(error));
    let error = "loss: labels has 4 at position 0; all must be below 4".to_string();
    assert_eq!(run(loss, [4, 0], [4, 0]), Err(error));
    // Nobody reads the labels for the logits.
    assert_eq!(run(logits, [4, 0], [9, 9]), Ok(()));
}

#[test]
fn lengths_beyond_the_steps_are_an_error() {
    let (graph, [reversed, weights]) = Graph::build(|g| {
        let (words, lengths) = (g.ids_of("words", 2), g.lengths("lengths"));
        let vectors = words.embedding("embedding", 5, 3, init());
        let query = words.step(0).embedding("queries", 5, 3, init());
        [
            vectors.reversed(lengths).output(),
            vectors.attention("v", query, Some(lengths), init()).output(),
        ]
    })
    .unwrap();
    let mut network = Network::new(graph, 1).unwrap();
    let mut run = |output, lengths: [u32; 2]| run(&mut network, output, &[&[1, 2, 3, 4], &lengths]);
    assert_eq!(run(reversed, [2, 0]), Ok(()));
    let error = "reverse1: lengths has 3 at position 1; all must be below 3".to_string();
    assert_eq!(run(reversed, [2, 3]), Err(error));
    assert_eq!(run(weights, [2, 1]), Ok(()));
    let error = "v: lengths has 0 at position 0; all must be 1 to 2".to_string();
    assert_eq!(run(weights, [0, 1]), Err(error));
}

#[test]
fn ids_of_a_part_of_a_time_step_are_an_error() {
    let (graph, second) =
        Graph::build(|g| g.ids_of("words", 2).step(1).embedding("second", 5, 3, init()).output())
            .unwrap();
    let mut network = Network::new(graph, 1).unwrap();
    assert_eq!(run(&mut network, second, &[&[1, 2, 3, 4]]), Ok(()));
    let error = "second: the 3 values of words are not whole steps of 2".to_string();
    assert_eq!(run(&mut network, second, &[&[1, 2, 3]]), Err(error));
}

/// A pass of two examples: its error in words.
fn run(network: &mut Network, output: Output, ids: &[&[u32]]) -> Result<(), String> {
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let feed = Feed { batch: 2, inputs: vec![], ids: ids.to_vec(), states: &mut [] };
    network.run(&cpu, Mode::Inference, output, feed).map(|_| ()).map_err(|e| e.to_string())
}
