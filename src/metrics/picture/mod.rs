//! What a classifier does right and wrong, as PNG: a confusion matrix, and a sheet of the worst
//! mistakes.

mod confusion;
mod matrix;
mod sheet;
mod worst;

pub use confusion::Confusion;
pub use sheet::write_sheet;
pub use worst::{Mistake, WorstMistakes};
