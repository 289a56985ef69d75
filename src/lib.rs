//! tfm trains, evaluates, benchmarks and uses the classic deep-learning models.
//!
//! The program is described in its README. This page shows the library: how a network is
//! described, trained, saved and used. `examples/residual.rs` does the same at full size: a residual
//! network that learns ten shapes in about a minute.
//!
//! # A network is its forward pass
//!
//! A layer is a method of the value that it reads. The closure returns the outputs that the network
//! will compute: here its logits, and a loss for each image.
//!
//! ```
//! use tfm::nn::{Filters, Graph, Init, Value};
//!
//! /// Two convolutions beside a shortcut (He et al., arXiv 1512.03385).
//! fn block<'g>(x: Value<'g>, name: &str) -> Value<'g> {
//!     let convolution = |x: Value<'g>, part: &str| {
//!         let (name, init) = (format!("{name}/{part}"), Init::truncated_normal(0.2));
//!         x.conv2d_without_biases(&name, Filters::new(8, 3), init)
//!             .batch_norm(&format!("{name}/norm"))
//!     };
//!     let residual = convolution(convolution(x, "conv1").relu(), "conv2");
//!     residual.add(x).relu()
//! }
//!
//! let (graph, [logits, losses]) = Graph::build(|g| {
//!     let x = g.input("images", &[8, 8, 1]).conv2d("stem", Filters::new(8, 3), Init::uniform(0.3));
//!     let x = block(x.relu(), "block").global_avg_pool();
//!     let logits = x.linear("logits", 2, Init::truncated_normal(0.3));
//!     [logits.output(), logits.cross_entropy(g.ids("labels")).output()]
//! })?;
//! assert_eq!(graph.shape(logits, 64), [64, 2]);
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! A layer whose input does not fit is an error with its name and the shapes.
//!
//! # Everything else is derived
//!
//! The shapes, the parameters, the table of layers and the backward pass are derived from the graph.
//! Each parameter has a name (`stem/weights`, `block/conv1/norm/gamma`). For every batch size there
//! is a plan with fused operators and one block of memory for all values.
//!
//! ```
//! use tfm::nn::plan::Plan;
//! use tfm::nn::{Filters, Graph, Init, Mode};
//!
//! let (graph, features) = Graph::build(|g| {
//!     let x = g.input("images", &[8, 8, 1]);
//!     let x = x.conv2d_without_biases("conv", Filters::new(8, 3), Init::truncated_normal(0.2));
//!     x.batch_norm("norm").relu().output()
//! })?;
//! let names: Vec<_> = graph.parameters.iter().map(|parameter| &parameter.name[..]).collect();
//! assert_eq!(names[..2], ["conv/weights", "norm/gamma"]);
//!
//! // The table has one row per node: here for a batch of 64, with one row per example.
//! let layers = graph.layers(64, 1);
//! assert_eq!((&layers[0].operator[..], layers[0].parameters), ("conv2d", 72));
//!
//! // In inference the three nodes are one convolution.
//! let plan = Plan::of(&graph, Mode::Inference, features, [64, 1])?;
//! assert_eq!(plan.forward_nodes().len(), 1);
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! # Training, saving, resuming
//!
//! A run for gradients returns the losses and leaves a gradient for each parameter. The optimizer
//! updates the parameters with them. Moving statistics of a batch normalisation are parameters too:
//! they are saved, and follow the batches instead of a gradient. Parameters, the optimizer's state
//! and the step are the whole state of training, so a run resumes from a checkpoint bit for bit.
//!
//! ```
//! use tfm::checkpoint::{self, Selector, Retention, Meta};
//! use tfm::models::weights;
//! use tfm::nn::optimizer::{Method, Optimizer, OptimizerConfig, Schedule, Settings};
//! use tfm::nn::{Feed, Graph, Init, Mode, Network, Parameter};
//! use tfm::ops::{Cpu, Isa};
//!
//! let (graph, [logits, losses]) = Graph::build(|g| {
//!     let x = g.input("points", &[2]).linear("hidden", 16, Init::truncated_normal(0.5));
//!     let logits = x.batch_norm("norm").relu().linear("logits", 2, Init::truncated_normal(0.5));
//!     [logits.output(), logits.cross_entropy(g.ids("labels")).output()]
//! })?;
//! let cpu = Cpu::new(Isa::from_environment()?, 2)?;
//! let (points, labels) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
//!
//! let start = |seed| -> anyhow::Result<(Network, Optimizer)> {
//!     let network = Network::new(graph.clone(), seed)?;
//!     let rule = OptimizerConfig { name: Method::AdamW, ..Default::default() };
//!     let optimizer = Optimizer::new(&rule, Settings::default(), network.parameters())?;
//!     Ok((network, optimizer))
//! };
//! let schedule = Schedule::Cosine { rate: 0.1, warmup: 5, steps: 100, floor: 0.0 };
//! let train = |network: &mut Network, optimizer: &mut Optimizer, step: u64| {
//!     let (mode, feed) = (Mode::Gradients { step, scale: 0.25 }, Feed::images(4, &points, &labels));
//!     let loss = network.run(&cpu, mode, losses, feed)?.iter().sum::<f32>() / 4.0;
//!     let (parameters, gradients) = (network.parameters(), network.gradients());
//!     optimizer.step(&cpu, parameters, gradients, schedule.rate(step), step)?;
//!     anyhow::Ok(loss)
//! };
//!
//! let (mut network, mut optimizer) = start(1)?;
//! for step in 0..50 {
//!     train(&mut network, &mut optimizer, step)?;
//! }
//!
//! // Halfway: a safetensors file whose every byte is covered by a checksum.
//! let folder = tempfile::tempdir()?;
//! let state: Vec<&Parameter> = network.parameters().iter().chain(optimizer.state()).collect();
//! let keep = Retention { last: 3 };
//! checkpoint::save(folder.path(), &Meta::new("xor", 50), weights::of(&state)?, keep, false)?;
//!
//! // Another network, with an optimizer of its own, loads it, and both continue.
//! let (mut other, mut others) = start(2)?;
//! let saved = checkpoint::open(folder.path(), Selector::Last)?;
//! let state: Vec<&Parameter> = other.parameters().iter().chain(others.state()).collect();
//! weights::load("xor", &state, &saved)?;
//! for step in saved.meta.step..100 {
//!     let loss = train(&mut network, &mut optimizer, step)?;
//!     assert_eq!(loss.to_bits(), train(&mut other, &mut others, step)?.to_bits());
//! }
//!
//! // Use: no labels, no dropout, the moving statistics.
//! let scores = network.run(&cpu, Mode::Inference, logits, Feed::images(4, &points, &[]))?;
//! let classes: Vec<u32> = scores.chunks(2).map(|row| u32::from(row[1] > row[0])).collect();
//! assert_eq!(classes, labels);
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! The results are bit-identical for any number of threads. [`nn::Replicas`] trains equal parts of a
//! batch in parallel, each on its own threads.
//!
//! # Checking against a reference implementation
//!
//! [`nn::Network::reference`] computes a network by the plain formulas in `f64`. Every operator
//! has one, and one test checks all operators against it and against finite differences.
//!
//! # A new operator, a new model
//!
//! An operator is a function on slices in [`ops`], a file in [`nn::operators`] that says its shape,
//! its two passes and its plain formula, and a method of [`nn::Value`]; without test cases of
//! the operator, the tests do not compile. A model of the program is a folder in [`models`] with its forward
//! pass, its config and its data; it is trained by the loop of [`train`](mod@train) and has the
//! verbs of the command line. ARCHITECTURE.md has both lists, and says why it is built so.
//!
//! # Layers
//!
//! `configs/x.toml → config → data → model → train → checkpoint + metrics`, one way. The verbs
//! sit on top, the fused operators below.
//!
//! | layer | module | may import |
//! |---|---|---|
//! | 5 | [`cli`] | everything below |
//! | 4 | [`sweep`], [`report`](mod@report) | [`analysis`] and what follows |
//! | 4 | [`analysis`] | what follows |
//! | 3 | [`models`] | [`train`], [`nn`], [`ops`] and layer 0; never `cli`, never a sibling model |
//! | 2 | [`train`] | layer 0; never a model |
//! | 1 | [`nn`] | [`ops`], [`rng`], `system` |
//! | 0 | [`ops`], [`data`], [`checkpoint`], [`metrics`], [`config`], [`run`], [`rng`], `atomic`, `console`, `system`, [`version`] | external crates; any of them `atomic` and `system`, `data` also `rng` |
//!
//! [`ops`] and [`rng`] are the crate `tfm-ops`, compiled for speed in every build.
#![warn(missing_docs)]
#![deny(unsafe_code)]

pub mod analysis;
mod atomic;
pub mod checkpoint;
pub mod cli;
pub mod config;
mod console;
pub mod data;
pub mod metrics;
pub mod models;
pub mod nn;
pub mod report;
pub mod run;
pub mod sweep;
#[allow(unsafe_code)]
mod system;
pub mod train;
pub mod version;

pub use tfm_ops as ops;
pub use tfm_ops::rng;
