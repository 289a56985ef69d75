//! What can be done with a frozen graph.

pub mod bench;
pub mod embed;
pub mod eval;
pub mod predict;
pub mod query;
