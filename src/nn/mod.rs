//! Networks: described once, as a graph that is built from the forward pass. Everything else is
//! derived from the description.
//!
//! ```text
//! Graph::build(|g| …)          graph/      nodes, shapes, the parameters' names and first values
//!   → Network::new             network.rs  the parameters' values, gradients, memory
//!   → Plan, one for each size  plan/       rewrites, backward pass, life of values, memory, steps
//!   → Network::run             operators/  each step: the two passes of an operator, on slices
//!   → Optimizer::step          optimizer/  parameters by gradients, with its own state
//! ```
//!
//! * [`graph`] holds no numbers. Layers are methods of [`Value`]; [`Graph::layers`] is the table.
//! * [`operators`] are what nodes can be, one file each: shape rule, passes, plain formula.
//! * [`plan`] makes a list of steps for one [`Mode`], one size of a batch and the outputs that are
//!   asked for. It is kept, so a step allocates nothing of size.
//! * A layer that is used many times, as the steps of a decoder, packs its weights once a run, and the
//!   gradient of its weights is one product of all uses (`shared.rs`).
//! * [`Replicas`] train equal parts of a batch at the same time.
//! * [`Network::reference`] is the whole network in plain `f64`; [`Network::time_nodes`] takes the
//!   time of every pass, on a [`RandomFeed`].

mod gradient;
pub mod graph;
mod network;
pub mod operators;
pub mod optimizer;
mod parameter;
pub mod plan;
mod random_feed;
mod reference;
mod replicas;
mod shared;
mod timing;

pub use gradient::Gradient;
pub use graph::{Builder, Filters, Graph, Ids, Init, Output, Value};
pub use network::{Feed, Mode, Network};
pub use parameter::{Constant, Parameter};
pub use random_feed::RandomFeed;
pub use replicas::Replicas;
pub use timing::NodeTime;
