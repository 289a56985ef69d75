//! Layers that share parameters.

use super::init;
use crate::nn::graph::{Graph, Value};
use crate::nn::{Feed, Mode, Network};
use crate::ops::{Cpu, Isa};

#[test]
fn a_loss_leaves_what_it_does_not_depend_on() {
    let (graph, [first, second]) = Graph::build(|g| {
        let (x, labels) = (g.input("x", &[4]), g.ids("labels"));
        let [a, b] = ["a", "b"].map(|name| x.linear(name, 4, init()).batch_norm(name));
        [a.cross_entropy(labels).output(), b.cross_entropy(labels).output()]
    })
    .unwrap();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mut network = Network::new(graph, 3).unwrap();
    for loss in [first, second] {
        let feed = Feed::images(2, &[0.1, 0.5, -0.3, 0.9, 0.2, -0.8, 0.4, 0.0], &[1, 3]);
        network.run(&cpu, Mode::Gradients { step: 0, scale: 1.0 }, loss, feed).unwrap();
        let own = if loss == first { "a" } else { "b" };
        for (parameter, gradient) in network.parameters().iter().zip(network.gradients()) {
            let still = match parameter.statistic_momentum() {
                Some(_) => parameter.values().to_vec(),
                None => vec![0.0; parameter.len()],
            };
            let is_own = parameter.name().starts_with(own);
            assert_eq!(gradient.values() == still, !is_own, "{}", parameter.name());
        }
    }
}

#[test]
fn the_statistics_of_a_shared_normalisation_are_their_mean() {
    let (graph, loss) = Graph::build(|g| {
        let [a, b] = ["a", "b"].map(|name| g.input(name, &[2]));
        let a = a.batch_norm("norm");
        let b = g.shared(|| b.batch_norm("norm"));
        a.add(b).cross_entropy(g.ids("labels")).output()
    })
    .unwrap();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mut network = Network::new(graph, 3).unwrap();
    let (a, b) = ([1.0, 2.0, 3.0, 6.0], [10.0, 20.0, 30.0, 60.0]);
    let feed = Feed { batch: 2, inputs: vec![&a, &b], ids: vec![&[0, 1]], states: &mut [] };
    network.run(&cpu, Mode::Gradients { step: 0, scale: 1.0 }, loss, feed).unwrap();
    let named = network.parameters().iter().zip(network.gradients());
    let mean = named.clone().find(|(parameter, _)| parameter.name().contains("mean"));
    // Of 2 and 4, and of 20 and 40.
    assert_eq!(mean.unwrap().1.values(), [11.0, 22.0]);
}

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
