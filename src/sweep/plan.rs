//! How a sweep is trained.

use std::path::PathBuf;

use super::folder::Sweep;
use crate::data::fetch::default_dir;
use crate::system::shell::quoted;

/// How a sweep is trained.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Processes at a time.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
    /// Whether that was asked for.
    pub are_threads_given: bool,
    /// How often a point that fails is tried again.
    pub retries: u32,
    /// Whether the first point that fails ends the sweep.
    pub fail_fast: bool,
    /// The folder of the data sets.
    pub data_dir: PathBuf,
    /// The device, in the form of `--device`.
    pub device: String,
    /// The point that is trained alone.
    pub only: Option<u64>,
}

impl Plan {
    /// The command that resumes the sweep in the same way.
    pub fn go_on(&self, sweep: &Sweep) -> String {
        let path = quoted(sweep.path());
        let mut command = match self.only {
            Some(number) => format!("tfm sweep run {path} --index {number}"),
            None => format!("tfm sweep resume {path}"),
        };
        if self.data_dir != default_dir() {
            command += &format!(" --data-dir {}", quoted(&self.data_dir));
        }
        if self.jobs > 1 {
            command += &format!(" --jobs {}", self.jobs);
        }
        if self.are_threads_given {
            command += &format!(" --threads {}", self.threads);
        }
        if self.device != "auto" {
            command += &format!(" --device {}", self.device);
        }
        if self.retries > 0 {
            command += &format!(" --retries {}", self.retries);
        }
        if self.fail_fast {
            command += " --fail-fast";
        }
        command
    }
}
