//! Values that have left the range of numbers.

use std::fmt;

use anyhow::Result;

/// The error of a value that is infinite or no number: training has diverged.
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

/// Holds `value` to be finite.
///
/// # Errors
/// [`NotFinite`], of `what`.
pub fn ensure_finite(value: f64, what: &str) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(NotFinite::new(what).into()) }
}
