//! What rewrites, memory and backward pass make of whole networks.

mod outputs;
mod sharing;

use std::sync::Arc;

use crate::nn::graph::{Builder, Filters, Graph, Init, Output, Value};
use crate::nn::{Constant, Feed, Mode, Network, Parameter, RandomFeed};
use crate::ops::lrn::Lrn;
use crate::ops::window::Padding::{Same, Valid};
use crate::ops::{Cpu, Isa};
use crate::rng::Stream;

const BATCH: usize = 3;
const LRN: Lrn = Lrn { radius: 2, bias: 1.0, alpha: 0.3, beta: 0.75 };

fn init() -> Init {
    Init::truncated_normal(0.3).bias(0.1)
}

/// A network of that forward pass on images (6, 6, 2), with a linear layer to five classes.
fn network(forward: impl for<'g> Fn(&'g Builder, Value<'g>) -> Value<'g>) -> Graphs {
    network_on(6, forward)
}

/// The same on images of another side.
fn network_on(
    side: usize,
    forward: impl for<'g> Fn(&'g Builder, Value<'g>) -> Value<'g>,
) -> Graphs {
    let (graph, [logits, loss]) = Graph::build(|g| {
        let (images, labels) = (g.input("images", &[side, side, 2]), g.ids("labels"));
        let logits = forward(g, images).linear("logits", 5, init());
        [logits.output(), logits.cross_entropy(labels).output()]
    })
    .unwrap();
    Graphs { graph, logits, loss }
}

struct Graphs {
    graph: Graph,
    logits: Output,
    loss: Output,
}

/// Logits, losses and gradients.
type Results = (Vec<f32>, Vec<f32>, Vec<Vec<f32>>);

impl Graphs {
    fn network(&self) -> Network {
        Network::new(self.graph.clone(), 4).unwrap()
    }

    fn random(&self, network: &Network) -> RandomFeed {
        let mut random = RandomFeed::new(network, BATCH, 1, 5);
        // Larger than the usual images, so that every operator has something to do.
        random.inputs_mut().for_each(|x| *x *= 10.0);
        random
    }

    fn run(&self, network: &mut Network, cpu: &Cpu) -> Results {
        let mut random = self.random(network);
        let logits =
            network.run(cpu, Mode::Inference, self.logits, random.feed()).unwrap().to_vec();
        let mode = Mode::Gradients { step: 3, scale: 0.5 };
        let losses = network.run(cpu, mode, self.loss, random.feed()).unwrap().to_vec();
        let gradients = network.gradients().iter().map(|g| g.values().to_vec()).collect();
        (logits, losses, gradients)
    }

    fn kinds(&self, mode: Mode) -> Vec<String> {
        let mut network = self.network();
        let mut random = self.random(&network);
        let output = if mode == Mode::Inference { self.logits } else { self.loss };
        let plan = network.plan_for(mode, &[output], &random.feed()).unwrap();
        plan.forward_nodes().into_iter().map(|(_, kind)| kind).collect()
    }
}

#[track_caller]
fn near(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(1e-3f32, |largest, want| largest.max(want.abs()));
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= 2e-5 * largest, "{got} and {want}");
    }
}

const TRAINING: Mode = Mode::Gradients { step: 3, scale: 0.5 };

/// Holds a network's fused run to the unfused one, and what is fused to `training` and `inference`.
#[track_caller]
fn check(graphs: &Graphs, training: &[&str], inference: &[&str]) {
    assert_eq!(graphs.kinds(TRAINING), [training, &["linear", "softmax cross-entropy"]].concat());
    assert_eq!(graphs.kinds(Mode::Inference), [inference, &["linear"]].concat());
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 2).unwrap();
        let (logits, losses, gradients) = graphs.run(&mut graphs.network(), &cpu);
        let plain = graphs.run(&mut graphs.network().unfused(), &cpu);
        near(&logits, &plain.0);
        near(&losses, &plain.1);
        for (got, want) in gradients.iter().zip(&plain.2) {
            near(got, want);
        }
    }
}

#[test]
fn relu_goes_into_convolutions_and_products() {
    let graphs = network(|_, x| {
        let x = x.conv2d("conv", Filters::new(4, 3), init()).relu();
        x.linear("fc", 8, init()).relu()
    });
    check(&graphs, &["conv2d + relu", "linear + relu"], &["conv2d + relu", "linear + relu"]);
}

#[test]
fn dropout_goes_into_products_and_is_gone_in_inference() {
    let graphs = network(|_, x| x.linear("fc", 8, init()).relu().dropout("fc", 0.5));
    check(&graphs, &["linear + relu + dropout"], &["linear + relu"]);
    let graphs = network(|_, x| x.linear("fc", 8, init()).tanh().dropout("fc", 0.5));
    check(&graphs, &["linear", "tanh", "dropout"], &["linear", "tanh"]);
}

#[test]
fn relu_before_a_pooling_is_undone_by_it() {
    let convolution =
        network(|_, x| x.conv2d("conv", Filters::new(4, 3), init()).relu().max_pool(2, 2, Same));
    let kinds = ["conv2d + relu", "relu + max_pool"];
    check(&convolution, &kinds, &kinds);
    let sum = network(|_, x| {
        let a = x.conv2d("a", Filters::new(4, 3), init());
        a.add(x.conv2d("b", Filters::new(4, 1), init())).relu().max_pool(3, 2, Same)
    });
    let kinds = ["conv2d", "conv2d", "add", "relu + max_pool"];
    check(&sum, &kinds, &kinds);
}

#[test]
fn pooling_and_normalisation_are_one_pass() {
    let first = network(|_, x| {
        let x = x.conv2d("conv", Filters::new(4, 3), init()).relu();
        x.max_pool(3, 2, Same).lrn(LRN)
    });
    check(
        &first,
        &["conv2d + relu", "relu + max_pool + lrn"],
        &["conv2d + relu", "relu + max_pool + lrn"],
    );
    let second = network(|_, x| {
        let x = x.conv2d("conv", Filters::new(4, 3), init()).relu();
        x.lrn(LRN).max_pool(2, 2, Valid)
    });
    check(
        &second,
        &["conv2d + relu", "relu + lrn + max_pool"],
        &["conv2d + relu", "relu + lrn + max_pool"],
    );
}

#[test]
fn a_large_convolution_goes_with_its_pooling_in_inference() {
    let pooled = |normalised: bool| {
        Graph::build(|g| {
            let x = g.input("images", &[64, 64, 2]);
            let x = x.conv2d("conv", Filters::new(32, 3), init()).relu().max_pool(3, 2, Same);
            if normalised { x.lrn(LRN).output() } else { x.output() }
        })
        .unwrap()
    };
    for (normalised, kind) in
        [(false, "conv2d + relu + max_pool"), (true, "conv2d + relu + max_pool + lrn")]
    {
        let (graph, output) = pooled(normalised);
        let network = || Network::new(graph.clone(), 4).unwrap();
        let kinds = |batch, mode| {
            let mut random = RandomFeed::new(&network(), batch, 1, 5);
            let mut network = network();
            let plan = network.plan_for(mode, &[output], &random.feed()).unwrap();
            plan.forward_nodes().into_iter().map(|(_, kind)| kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(37, Mode::Inference), [kind]);
        assert_eq!(kinds(16, Mode::Inference).len(), 2, "what is small is kept");
        assert_eq!(kinds(37, Mode::Training { step: 0 }).len(), 2);
        let mut random = RandomFeed::new(&network(), 37, 1, 5);
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let mut run = |mut network: Network| {
                network.run(&cpu, Mode::Inference, output, random.feed()).unwrap().to_vec()
            };
            assert_eq!(run(network()), run(network().unfused()), "{isa:?}");
        }
    }
}

#[test]
fn batch_normalisation_goes_into_filters_in_inference() {
    let graphs = network(|_, x| {
        let x = x.conv2d_without_biases("conv", Filters::new(4, 3), init()).batch_norm("norm");
        x.relu().conv2d("next", Filters::new(3, 1), init()).batch_norm("norm2")
    });
    check(
        &graphs,
        &["conv2d", "batch_norm", "relu", "conv2d", "batch_norm"],
        &["conv2d + batch_norm + relu", "conv2d + batch_norm"],
    );
}

#[test]
fn every_rectifier_goes_into_filters_in_inference() {
    let graphs = network(|_, x| {
        let x = x.conv2d_without_biases("conv", Filters::new(4, 3), init()).batch_norm("norm");
        let x = x.relu6().depthwise_conv2d("depthwise", Filters::new(1, 3), init());
        x.batch_norm("norm2").relu6()
    });
    check(
        &graphs,
        &["conv2d", "batch_norm", "relu6", "depthwise_conv2d", "batch_norm", "relu6"],
        &["conv2d + batch_norm + relu6", "depthwise_conv2d + batch_norm + relu6"],
    );
}

#[test]
fn a_depthwise_convolution_and_the_one_of_pixels_behind_it_are_one_in_inference() {
    let graphs = network_on(13, |_, x| {
        let x = x.conv2d("conv", Filters::new(18, 3), init());
        let x = x.depthwise_conv2d("depthwise", Filters::new(1, 3), init()).relu6();
        x.conv2d("pixels", Filters::new(20, 1), init()).relu()
    });
    let separable = "depthwise_conv2d + relu6 + conv2d + relu";
    check(
        &graphs,
        &["conv2d", "depthwise_conv2d", "relu6", "conv2d + relu"],
        &["conv2d", separable],
    );
}

#[derive(Debug)]
struct Fixed(Vec<f32>);

impl Constant for Fixed {
    fn copy_to(&self, values: &mut [f32]) {
        values.copy_from_slice(&self.0);
    }
}

#[test]
fn a_network_of_constants_computes_what_one_that_can_be_trained_does() {
    // On larger images, what is one after another runs as one.
    [6, 13].into_iter().for_each(check_constants);
}

fn check_constants(side: usize) {
    let graphs = network_on(side, |_, x| {
        let x = x.conv2d_without_biases("conv", Filters::new(20, 3), init()).batch_norm("norm");
        let x = x.relu6().depthwise_conv2d("depthwise", Filters::new(1, 3), init()).relu();
        x.conv2d("pixels", Filters::new(17, 1), init()).relu()
    });
    for isa in Isa::available() {
        let (cpu, mut trained) = (Cpu::new(isa, 2).unwrap(), graphs.network());
        let mut fixed = Network::of_constants(graphs.graph.clone(), |spec| {
            let known = trained.parameters().iter().find(|known| known.name() == spec.name);
            Ok(Arc::new(Fixed(known.unwrap().values().to_vec())))
        })
        .unwrap();
        let mut random = graphs.random(&trained);
        let mut logits = |network: &mut Network| {
            network.run(&cpu, Mode::Inference, graphs.logits, random.feed()).unwrap().to_vec()
        };
        let want = logits(&mut trained);
        for _ in 0..2 {
            near(&logits(&mut fixed), &want);
        }
        let error = fixed.parameters()[0].set(&[0.0; 360]).unwrap_err().to_string();
        assert!(error.contains("conv/weights is a constant"), "{error}");
    }
}

#[test]
fn what_somebody_else_reads_is_not_fused_away() {
    let graphs = network(|_, x| {
        let x = x.conv2d("conv", Filters::new(4, 3), init());
        x.relu().add(x)
    });
    check(&graphs, &["conv2d", "relu", "add"], &["conv2d", "relu", "add"]);
    // A value that the caller asks for stays, too.
    let graphs = network(|_, x| {
        x.conv2d("conv", Filters::new(4, 3), init()).relu().max_pool(2, 2, Same).lrn(LRN)
    });
    let mut network = graphs.network();
    let mut random = graphs.random(&network);
    let pooled = graphs.graph.find("pool1").unwrap();
    let outputs = [pooled, graphs.logits];
    let plan = network.plan_for(Mode::Inference, &outputs, &random.feed()).unwrap();
    let kinds: Vec<_> = plan.forward_nodes().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["conv2d + relu", "relu + max_pool", "lrn", "linear"]);
}

/// The slope of the losses along a random direction in all parameters, by the plain formulas, is
/// the sum over them of gradient times direction.
#[track_caller]
fn check_slope(graphs: &Graphs) {
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 3).unwrap();
        let mut network = graphs.network();
        let mut random = graphs.random(&network);
        let mode = Mode::Gradients { step: 0, scale: 1.0 };
        network.run(&cpu, mode, graphs.loss, random.feed()).unwrap();
        let mut numbers = Stream::new(8, "direction").at(0);
        let (mut slope, mut directions) = (0.0, Vec::new());
        for (parameter, gradient) in network.parameters().iter().zip(network.gradients()) {
            let direction: Vec<f32> =
                (0..parameter.len()).map(|_| 1e-4 * numbers.normal() as f32).collect();
            let pairs = gradient.values().iter().zip(&direction);
            slope += pairs.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum::<f64>();
            directions.push(direction);
        }
        let mut at = |sign: f32| {
            for (parameter, direction) in network.parameters().iter().zip(&directions) {
                let step = |(w, d): (&mut f32, &f32)| *w += sign * d;
                parameter.update(|w| w.iter_mut().zip(direction).for_each(step)).unwrap();
            }
            network.reference(graphs.loss, &random.feed()).unwrap().iter().sum::<f64>()
        };
        let (above, below) = (at(1.0), at(-2.0));
        let found = (above - below) / 2.0;
        assert!((found - slope).abs() < 2e-3 * slope.abs(), "{isa:?}: {found} and {slope}");
    }
}

#[test]
fn a_value_that_several_nodes_read_gets_the_sum_of_their_gradients() {
    check_slope(&network(|_, x| {
        let x = x.conv2d("conv", Filters::new(4, 3), init()).tanh();
        let y = x.conv2d("inner", Filters::new(4, 3), init()).tanh();
        let z = y.conv2d("inner2", Filters::new(4, 3), init());
        z.add(x).add(y).add(y)
    }));
    check_slope(&network(|_, x| {
        let x = x.conv2d("conv", Filters::new(4, 3), init());
        let both = x.silu().concat(3, &[x, x.gelu(), x.sigmoid(), x.tanh()]);
        both.slice(3, 3, 11).add(both.slice(3, 0, 11)).global_avg_pool()
    }));
    check_slope(&network(|_, x| {
        let x = x.linear("a", 8, init());
        x.reshape(&[2, 4]).add(x.softmax().reshape(&[2, 4])).flatten().add(x)
    }));
}

#[test]
fn a_parameter_that_several_nodes_use_gets_the_sum_of_its_gradients() {
    check_slope(&network(|g, x| {
        let x = x.linear("in", 8, init()).tanh();
        let y = x.linear("step", 8, init()).tanh();
        let z = g.shared(|| y.linear("step", 8, init()).tanh());
        g.shared(|| z.linear("step", 8, init()))
    }));
}

#[test]
fn rows_of_a_shared_embedding_are_all_there() {
    let (graph, loss) = Graph::build(|g| {
        let (words, others, labels) = (g.ids("words"), g.ids("others"), g.ids("labels"));
        let x = words.embedding("table", 7, 4, init());
        let y = g.shared(|| others.embedding("table", 7, 4, init()));
        let logits = x.tanh().add(y).linear("logits", 5, init());
        logits.cross_entropy(labels).output()
    })
    .unwrap();
    let mut network = Network::new(graph, 1).unwrap();
    let feed = |states| Feed {
        batch: 3,
        inputs: Vec::new(),
        ids: vec![&[1, 2, 1], &[6, 1, 0], &[0, 4, 2]],
        states,
    };
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mode = Mode::Gradients { step: 0, scale: 1.0 };
    network.run(&cpu, mode, loss, feed(&mut [])).unwrap();
    let crate::nn::Gradient::Rows { ids, .. } = &network.gradients()[0] else { panic!("dense") };
    assert_eq!(ids, &[6, 1, 0, 1, 2, 1]);
}

#[test]
fn runs_of_other_sizes_and_kinds_leave_nothing_behind() {
    let graphs = network(|_, x| {
        let x = x.conv2d("conv", Filters::new(4, 3), init()).relu().max_pool(2, 2, Same);
        x.linear("fc", 8, init()).relu().dropout("fc", 0.5)
    });
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mut used = graphs.network();
    let first = graphs.run(&mut used, &cpu);
    for batch in [1, 40, 7] {
        let mut random = RandomFeed::new(&used, batch, 1, 9);
        used.run(&cpu, Mode::Inference, graphs.logits, random.feed()).unwrap();
    }
    assert!(graphs.run(&mut used, &cpu) == first);
    assert!(graphs.run(&mut graphs.network(), &cpu) == first);
}

#[test]
fn other_values_are_found_by_the_whole_name() {
    let graphs = network(|_, x| {
        let x = x.linear("b", 4, init());
        x.linear("a/b", 3, init())
    });
    let network = graphs.network();
    let average = |name: &str| {
        let of = network.parameters().iter().find(|parameter| parameter.name() == name).unwrap();
        Parameter::constant(&format!("average/{name}"), of.shape(), 2.0).unwrap()
    };
    let other = network.with_values(&[average("a/b/weights"), average("b/weights")]);
    for (parameter, own) in other.parameters().iter().zip(network.parameters()) {
        assert_eq!(parameter.shape(), own.shape());
        assert_eq!(parameter.name(), own.name());
        let is_averaged = parameter.values().iter().all(|&value| value == 2.0);
        assert_eq!(
            is_averaged,
            ["a/b/weights", "b/weights"].contains(&own.name()),
            "{}",
            own.name()
        );
    }
}

#[test]
fn inference_keeps_nothing_for_a_backward_pass() {
    // Ten layers of one size need room for two values in inference.
    let graphs = network(|_, mut x| {
        for i in 0..10 {
            x = x.conv2d(&format!("conv{i}"), Filters::new(32, 3), init()).relu();
        }
        x
    });
    let mut network = graphs.network();
    let mut random = graphs.random(&network);
    let value = BATCH * 6 * 6 * 32 * 4;
    let mut memory =
        |mode, output| network.plan_for(mode, &[output], &random.feed()).unwrap().memory();
    let (inference, training) =
        (memory(Mode::Inference, graphs.logits), memory(TRAINING, graphs.loss));
    assert!((2 * value..2 * value + 4096).contains(&inference), "{inference} and {value}");
    assert!((11 * value..13 * value).contains(&training), "{training} and {value}");
}

#[test]
fn what_is_fed_is_held_to_the_graph() {
    let graphs = network(|_, x| x);
    let mut network = graphs.network();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mut run = |batch, images: &[f32], labels: &[u32]| {
        let feed = Feed::images(batch, images, labels);
        network.run(&cpu, TRAINING, graphs.loss, feed).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(run(2, &[0.0; 100], &[1, 2]), "images: 100 values are not rows of 72 for batch 2");
    assert_eq!(run(2, &[0.0; 144], &[1]), "loss: the logits are (2, 5) and the labels (1)");
    let feed = Feed::images(2, &[0.0; 144], &[]);
    let error = network.run(&cpu, TRAINING, graphs.logits, feed).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "gradients need a loss, but logits is not one");
    let feed = Feed::images(2, &[0.0; 144], &[]);
    let error = network.run(&cpu, TRAINING, graphs.loss, feed).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "loss: its integer input labels is missing");
}

#[test]
fn operators_behind_a_reshape_have_their_own_axes() {
    let graphs = [
        network(|_, x| x.conv2d("conv", Filters::new(4, 3), init()).flatten().batch_norm("norm")),
        network(|_, x| {
            let x = x.conv2d("conv", Filters::new(4, 3), init()).relu();
            x.reshape(&[12, 6, 2]).max_pool(2, 2, Same)
        }),
        network(|_, x| x.lrn(LRN).reshape(&[3, 12, 2]).max_pool(3, 2, Valid)),
        network(|_, x| x.max_pool(2, 1, Same).reshape(&[6, 3, 4]).lrn(LRN)),
    ];
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    for graphs in graphs {
        let fused = graphs.run(&mut graphs.network(), &cpu);
        let plain = graphs.run(&mut graphs.network().unfused(), &cpu);
        near(&fused.0, &plain.0);
        near(&fused.1, &plain.1);
        fused.2.iter().zip(&plain.2).for_each(|(got, want)| near(got, want));
    }
}

#[test]
fn a_loss_that_another_node_reads_is_refused() {
    let (graph, output) = Graph::build(|g| {
        let logits = g.input("x", &[4]).linear("logits", 3, init());
        let loss = logits.cross_entropy(g.ids("labels")).reshape(&[1]);
        loss.linear("w", 1, init()).half_sum_of_squares().output()
    })
    .unwrap();
    let mut network = Network::new(graph, 1).unwrap();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let feed = Feed::images(2, &[0.5; 8], &[1, 2]);
    let error = network.run(&cpu, TRAINING, output, feed).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "loss: a loss that another node reads has no gradient");
}
