//! Networks: described once, as a graph that is built from the forward pass.
//!
//! Everything else is derived from the description: shapes, parameters, the backward pass, fused
//! operators, the memory of all values, replicas for data-parallel training, the layer table.

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
mod timing;

pub use gradient::Gradient;
pub use graph::{Builder, Filters, Graph, Ids, Init, Output, Value};
pub use network::{Feed, Mode, Network};
pub use parameter::Parameter;
pub use random_feed::RandomFeed;
pub use replicas::Replicas;
pub use timing::NodeTime;
