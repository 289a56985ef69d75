//! The model's own verbs, one file each.

pub mod decode;
pub mod eval;
pub mod score;
mod search;
mod worst;
