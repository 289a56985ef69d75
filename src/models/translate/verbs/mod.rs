//! What can be done with the model from the command line, one file a verb.

pub mod decode;
pub mod eval;
pub mod score;
mod search;
mod worst;
