//! Where a value came from.

use std::fmt;

/// The origin of a config value, as error messages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueOrigin {
    /// A line of a file or of a compiled-in preset.
    Line {
        /// `configs/x.toml` or `preset ptb-small`.
        source: String,
        /// Counted from one.
        line: usize,
    },
    /// `--set` with this text.
    Set(String),
    /// The default of the model.
    Default,
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { source, line } => write!(f, "{source}:{line}"),
            Self::Set(text) => write!(f, "--set {text}"),
            Self::Default => f.write_str("default"),
        }
    }
}
