//! The model's own verbs, one file each.

pub mod eval;
pub mod generate;
pub mod score;
