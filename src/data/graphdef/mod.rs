//! Frozen TensorFlow 1 graphs: a `GraphDef` whose variables are constants, in one file (`.pb`).
//!
//! [`FrozenGraph`] is such a file, checked: its nodes know each other by index, their attributes are
//! read by typed getters, and [`FrozenGraph::order`] says what has to be computed for some outputs.
//! Weights stay in the mapped file until a [`Constant`] is asked to copy them. The messages of
//! [`proto`] are TensorFlow's own; they also write graphs ([`proto::GraphDef::to_bytes`]). A
//! [`LabelMap`] says what a graph's scores stand for.
//!
//! Files are hostile until they are read: what their lengths claim is checked before memory is
//! asked for, nothing here is recursive, and a file is refused in one sentence that says what it is
//! instead.

mod build;
mod constant;
mod data_type;
mod ends;
mod graph;
mod kind;
mod labels;
mod name;
mod node;
mod order;
pub mod proto;
mod tensor;
mod wire;

#[cfg(test)]
mod tests;

pub use constant::Constant;
pub use data_type::DataType;
pub use graph::FrozenGraph;
pub use labels::LabelMap;
pub use name::TensorName;
pub use node::{FrozenNode, NodeOutput};
pub use tensor::{Tensor, Values};
