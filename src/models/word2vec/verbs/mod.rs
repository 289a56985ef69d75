//! The model's own verbs, one file each.

pub mod eval;
pub mod export;
pub mod import;
pub mod plot;
pub mod query;
