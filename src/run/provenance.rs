//! Where and how a run was started: what it takes to repeat it, in addition to its config and data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::system::process;

/// The environment variables that a run depends on.
const VARIABLES: [&str; 3] = ["TFM_ISA", "TFM_DATA_DIR", "CUDA_VISIBLE_DEVICES"];

/// Where and how a run was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// `clean` where tfm was built from the revision as it is, `modified`, or `unknown`.
    pub git_tree: String,
    /// The machine's name.
    pub host: String,
    /// The CPU's own name.
    pub processor: String,
    /// The cores that the process could use.
    pub cores: usize,
    /// The operating system and the kind of CPU, such as `linux x86_64`.
    pub system: String,
    /// The folder that paths of the command line and the config are relative to.
    pub folder: String,
    /// The environment variables that count and were set.
    pub variables: BTreeMap<String, String>,
    /// The sweep that the run is a point of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<Point>,
}

/// A point of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The sweep's name.
    pub sweep: String,
    /// Its number, counted from 1.
    pub number: u64,
}

impl Provenance {
    /// That of this process.
    pub fn of_process(git_tree: &str, point: Option<Point>) -> Self {
        let variable = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
        let folder = std::env::current_dir().unwrap_or_default();
        Self {
            git_tree: git_tree.to_owned(),
            host: process::host(),
            processor: process::processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            folder: folder.to_string_lossy().into_owned(),
            variables: VARIABLES.into_iter().filter_map(variable).collect(),
            point,
        }
    }
}
