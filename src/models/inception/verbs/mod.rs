//! The verbs of frozen graphs.

pub mod bench;
mod drawing;
pub mod embed;
pub mod eval;
pub mod export;
pub mod predict;
pub mod query;
mod results;
