//! Data that is not there.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// The error of data that is not there at all, as told from data that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Missing {}

/// The same failure in other words.
pub fn reworded(error: &anyhow::Error, words: String) -> anyhow::Error {
    if is_missing(error) { Missing(words).into() } else { anyhow::anyhow!(words) }
}

/// Whether something could not be read since it is not there.
pub fn is_missing(error: &anyhow::Error) -> bool {
    let not_found = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    error.chain().any(|cause| {
        cause.is::<Missing>() || cause.downcast_ref::<io::Error>().is_some_and(not_found)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn what_is_missing_is_told_from_what_is_damaged() {
        let absent = std::fs::read("no such file").context("cannot read it").unwrap_err();
        assert!(is_missing(&absent));
        assert!(is_missing(&anyhow!(Missing("x".into())).context("a text")));
        assert!(!is_missing(&anyhow!("images.gz is damaged")));
        let again = reworded(&absent, "give a file".to_owned());
        assert!(is_missing(&again) && again.to_string() == "give a file");
    }
}
