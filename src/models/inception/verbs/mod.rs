//! What can be done with a frozen graph.

pub mod bench;
mod drawing;
pub mod embed;
pub mod eval;
pub mod export;
pub mod predict;
pub mod query;
mod results;
