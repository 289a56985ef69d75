//! What the grammar promises: exact scores, one derivation, and a floor that a trigram
//! model does not reach.

mod derivations;
mod floor;
mod scores;
mod trigram;

use super::*;
