//! Outputs that are inputs.

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
