//! Checks for infinite and NaN values.

use std::fmt;

use anyhow::Result;

/// The error of a value that is infinite or NaN: training has diverged.
#[derive(Debug)]
pub struct NotFinite(String);

impl NotFinite {
    /// The error of `what`.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not finite", self.0)
    }
}

impl std::error::Error for NotFinite {}

/// Returns an error unless `value` is finite.
///
/// # Errors
/// [`NotFinite`], with the name `what`.
pub fn ensure_finite(value: f64, what: &str) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(NotFinite::new(what).into()) }
}
