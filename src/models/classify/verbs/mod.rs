//! What can be done with a trained network, for every model of pictures.

pub mod eval;
pub mod predict;
