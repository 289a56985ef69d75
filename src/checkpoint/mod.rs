//! Checkpoints: named tensors and what else a run needs to continue, in one safetensors file that
//! is whole or absent. Knows no model.
//!
//! ```text
//! checkpoints/step-00000120.safetensors   the last K
//! checkpoints/best.safetensors            the best: a link to its step's file, which may
//!                                         itself be gone
//! ```
//!
//! A file's `__metadata__` holds `tfm` (the [`Meta`] as JSON), `crc32c` (the checksum of
//! every tensor's bytes) and `header_crc32c` (that of the header itself), so that a flipped
//! byte anywhere is found. Any safetensors reader can open it.
//!
//! One process writes into a folder at a time; the run folder's lock sees to that.

mod folder;
mod header;
mod open;
mod save;

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use folder::{has_best, prune, step_path, steps};
pub use open::{Checkpoint, exists, newest_meta, open};
pub use safetensors::tensor::TensorView;
pub use safetensors::{Dtype, View};
pub use save::{Retention, save};

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// Everything in a checkpoint but its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// The model's name in the registry.
    pub model: String,
    /// Steps done.
    pub step: u64,
    /// The epoch of that step, counted from 1.
    pub epoch: u64,
    /// Lines of `metrics.jsonl` written; later lines are moved away on resume.
    pub metrics_lines: u64,
    /// The checksum of what these lines say; a checkpoint of an older tfm has none.
    #[serde(default)]
    pub metrics_crc32c: Option<u32>,
    /// Whatever else the run needs, such as its position in the data and running sums. An `f64` comes
    /// back bit for bit; JSON has no infinities and no NaN, which come back as null.
    pub state: Map<String, Value>,
}

impl Meta {
    /// The meta of `model` after `step` steps, otherwise empty.
    pub fn new(model: impl Into<String>, step: u64) -> Self {
        Self {
            format: FORMAT,
            model: model.into(),
            step,
            epoch: 0,
            metrics_lines: 0,
            metrics_crc32c: None,
            state: Map::new(),
        }
    }
}

/// Which checkpoint of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// The newest that is whole.
    #[default]
    Last,
    /// The one with the best score.
    Best,
    /// The one after this step.
    Step(u64),
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "last" => Ok(Self::Last),
            "best" => Ok(Self::Best),
            _ => match text.parse() {
                Ok(step) => Ok(Self::Step(step)),
                Err(_) => bail!("\"{text}\" is not a checkpoint; give best, last or a step number"),
            },
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Best => f.write_str("best"),
            Self::Step(step) => write!(f, "{step}"),
        }
    }
}

#[cfg(test)]
mod tests;
