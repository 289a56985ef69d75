//! Layers that share parameters.

use super::init;
use crate::nn::graph::{Graph, Value};
use crate::nn::{Feed, Mode, Network};
use crate::ops::{Cpu, Isa};

/// A layer of four units with these weights and biases, or without biases.
fn layer<'g>(x: Value<'g>, names: [&str; 2]) -> Value<'g> {
    match names {
        [weights, ""] => x.project(weights, 4, init()),
        names => x.linear_named(names[0], names, 4, init()),
    }
}

/// Against finite differences: layers that share their weights alone, or their biases alone, or their
/// weights with a layer that has no biases.
#[test]
fn layers_may_share_some_of_their_parameters() {
    let of = [
        [["w", "b1"], ["w", "b2"]],
        [["w1", "b"], ["w2", "b"]],
        [["w", "b"], ["w", "b"]],
        [["w", "b"], ["w", ""]],
        [["w", ""], ["w", "b"]],
    ];
    for [first, second] in of {
        let (graph, loss) = Graph::build(|g| {
            let x = layer(g.input("x", &[4]), first).tanh();
            g.shared(|| layer(x, second)).cross_entropy(g.ids("labels")).output()
        })
        .unwrap();
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let mut network = Network::new(graph, 3).unwrap();
        let x: Vec<f32> = (0..8).map(|i| (i as f32 * 0.9).sin()).collect();
        let sum = |network: &mut Network| {
            let feed = Feed::images(2, &x, &[1, 3]);
            let mode = Mode::Gradients { step: 0, scale: 1.0 };
            network.run(&cpu, mode, loss, feed).unwrap().iter().sum::<f32>()
        };
        // Twice: nothing of an earlier run is left.
        sum(&mut network);
        sum(&mut network);
        let gradients: Vec<Vec<f32>> =
            network.gradients().iter().map(|gradient| gradient.values().to_vec()).collect();
        for (number, gradient) in gradients.iter().enumerate() {
            let values = network.parameters()[number].values().to_vec();
            for i in 0..values.len() {
                let mut at = |shift: f32| {
                    let mut moved = values.clone();
                    moved[i] += shift;
                    network.parameters()[number].set(&moved).unwrap();
                    sum(&mut network)
                };
                let slope = (at(0.01) - at(-0.01)) / 0.02;
                assert!((slope - gradient[i]).abs() < 2e-3, "{first:?} {second:?} {number} {i}");
            }
            network.parameters()[number].set(&values).unwrap();
        }
    }
}
