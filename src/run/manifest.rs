//! `run.json`: what a run was made from.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// The name of the checksum before the fields.
const CHECKSUM: &str = "crc32c";

impl Manifest {
    /// Whether the run was imported by `tfm import` and has not been trained.
    pub fn is_imported(&self) -> bool {
        self.command.get(1).is_some_and(|verb| verb == "import")
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        /// The fields in their order, and before them their checksum.
        #[derive(Serialize)]
        struct Checked<'a> {
            crc32c: String,
            #[serde(flatten)]
            manifest: &'a Manifest,
        }
        let crc32c = checksum(&serde_json::to_value(self)?);
        let checked = Checked { crc32c, manifest: self };
        let mut json = serde_json::to_vec_pretty(&checked).context("the manifest is not JSON")?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// It cannot be read, is not a manifest, has changed since it was written, or was written by a
    /// newer tfm.
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
            "{} has format {format}, but this tfm reads only up to {FORMAT}; use a newer tfm",
            path.display()
        );
        let mut fields: Value = serde_json::from_str(&text).with_context(damaged)?;
        let written = fields.as_object_mut().and_then(|fields| fields.remove(CHECKSUM));
        // A run of an older tfm has no checksum.
        if written.is_some_and(|written| written != checksum(&fields)) {
            bail!(
                "{} has changed since it was written: its checksum is wrong. Restore it from a \
                 backup, or delete the line \"{CHECKSUM}\" if the edit was intended",
                path.display()
            );
        }
        serde_json::from_value(fields).with_context(damaged)
    }
}

/// The checksum of fields, in eight hexadecimal digits, whatever their order and the space between them.
fn checksum(fields: &Value) -> String {
    format!("{:08x}", crc32c::crc32c(fields.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::manifest;

    fn read(json: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        std::fs::write(&path, json).unwrap();
        Manifest::read(&path).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_changed_manifest_is_told_unless_the_change_is_meant() {
        let manifest = manifest("small", 0);
        let json = String::from_utf8(manifest.to_json().unwrap()).unwrap();
        assert_eq!(read(&json), Ok(manifest.clone()));
        // Another layout has the same fields.
        let fields: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read(&fields.to_string()), Ok(manifest.clone()));
        for (from, to) in [("\"threads\": 2", "\"threads\": 3"), ("\"small\"", "\"smell\"")] {
            let changed = json.replace(from, to);
            assert_ne!(changed, json);
            let error = read(&changed).unwrap_err();
            assert!(error.contains("run.json has changed since it was written"), "{error}");
            let is_kept = |line: &&str| !line.contains("\"crc32c\"");
            let meant: String = changed.lines().filter(is_kept).collect();
            assert_ne!(read(&meant).unwrap(), manifest);
        }
    }
}
