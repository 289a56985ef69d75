//! Outputs that are inputs, and ids that are outside.

use super::init;
use crate::nn::graph::Graph;
use crate::nn::{Feed, Mode, Network};
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
