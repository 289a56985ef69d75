//! What can be done with word vectors from the command line, one file a verb.

pub mod eval;
pub mod export;
pub mod import;
pub mod plot;
pub mod query;
