//! Whose fault it is that a source gave no data.

use std::fmt;

use anyhow::{Context, anyhow};

/// Why a source gave no data.
#[derive(Debug)]
pub(super) enum Failure {
    /// The source's fault: it cannot be reached, or its content is wrong. Another may do better.
    Source(anyhow::Error),
    /// This machine's fault (a full disk, a missing permission): every source would fail alike.
    Local(anyhow::Error),
}

impl Failure {
    /// A [`Failure::Source`] with that message.
    pub(super) fn source(message: impl fmt::Display) -> Self {
        Failure::Source(anyhow!("{message}"))
    }
}

/// Turns the error of work on this machine's own files into a [`Failure::Local`].
pub(super) trait LocalContext<T> {
    /// `what` completes the sentence "cannot …".
    fn local<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T, Failure>;
}

impl<T, E> LocalContext<T> for Result<T, E>
where
    Result<T, E>: Context<T, E>,
{
    fn local<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T, Failure> {
        self.with_context(|| format!("cannot {}", what())).map_err(Failure::Local)
    }
}
