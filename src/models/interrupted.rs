//! A run that was stopped from outside.

use std::fmt;

/// The error of a verb that a signal ended in good order: what was due is saved. The program
/// ends with code 130 and prints this without `error:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Where it stopped and how to go on, as
    /// `stopped after step 120; go on with: tfm train ptb --resume runs/x`.
    pub message: String,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Interrupted {}
