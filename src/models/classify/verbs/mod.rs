//! The verbs of every image classifier.

mod eval;
mod predict;

use super::PictureModel;
use crate::models::Verb;
use crate::models::verbs::{bench, plot, train, verify};

/// All verbs of a model; `training` says what its training does.
pub const fn all<M: PictureModel>(training: &'static str) -> [Verb; 6] {
    [
        train::verb::<M>(training),
        bench::verb::<M>(),
        eval::verb::<M>(),
        predict::verb::<M>(),
        verify::verb::<M>(),
        plot::verb::<M>(),
    ]
}
