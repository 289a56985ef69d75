//! Whose fault an error is. One without a mark is the source's: it cannot be reached, or its content
//! is wrong. Another source may do better.

use std::fmt;

use anyhow::Context;

/// Marks an error of this machine (a full disk, a missing permission): every source would fail
/// alike.
#[derive(Debug)]
pub(super) struct Local(String);

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Turns the error of work on this machine's own files into one that is marked so.
pub(super) trait LocalContext<T> {
    /// `what` completes the sentence "cannot …".
    fn local<D: fmt::Display>(self, what: impl FnOnce() -> D) -> anyhow::Result<T>;
}

impl<T, E> LocalContext<T> for Result<T, E>
where
    Self: Context<T, E>,
{
    fn local<D: fmt::Display>(self, what: impl FnOnce() -> D) -> anyhow::Result<T> {
        self.with_context(|| Local(format!("cannot {}", what())))
    }
}
