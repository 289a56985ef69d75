//! `run.json`: what a run was made from.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::Provenance;

/// The format of the run folder that this version writes.
pub const FORMAT: u32 = 1;

/// What a run was made from, written before step 0 and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// The model's name in the registry.
    pub model: String,
    /// The preset's name, or the stem of the config file.
    pub preset: String,
    /// The version of tfm.
    pub version: String,
    /// The git revision that tfm was built from, or `unknown`.
    pub git_revision: String,
    /// `cpu` or `cuda:N`, with the device's name where known.
    pub device: String,
    /// The instruction level: `portable`, `avx2` or `avx512`.
    pub isa: String,
    /// Threads at the start; results do not depend on them.
    pub threads: usize,
    /// The seed of every random stream.
    pub seed: u64,
    /// The run whose parameters and vocabulary this one began with; empty for none.
    #[serde(default)]
    pub init_from: String,
    /// A fingerprint of the training data.
    pub data: String,
    /// When the run began: UTC, as [`rfc3339`](super::rfc3339) writes it.
    pub started: String,
    /// The command line, an argument an item.
    pub command: Vec<String>,
    /// What else repeats it; empty in a run of an older tfm.
    #[serde(default)]
    pub provenance: Provenance,
}

impl Manifest {
    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self).context("the manifest is not JSON")?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// It cannot be read, is no manifest, or one of a newer tfm.
    pub(super) fn read(path: &Path) -> Result<Self> {
        /// Read first: a newer format may have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let damaged = || format!("{} is not the manifest of a run", path.display());
        let Format { format } = serde_json::from_str(&text).with_context(damaged)?;
        ensure!(
            format <= FORMAT,
            "{} has format {format}, this tfm reads up to {FORMAT}; use a newer tfm",
            path.display()
        );
        serde_json::from_str(&text).with_context(damaged)
    }
}
