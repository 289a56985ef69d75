//! A sweep as the job of a Slurm cluster.

use std::path::Path;

use anyhow::{Result, ensure};

use super::folder::Sweep;
use crate::system::shell::quoted;

/// Seconds before the end of its time at which a job saves.
const NOTICE: u32 = 120;

/// What is asked of the cluster for each point.
#[derive(Clone, Debug)]
pub struct Resources {
    /// The time limit, as Slurm reads it: `01:00:00`.
    pub time: String,
    /// Cores.
    pub cpus: u16,
    /// Memory, as Slurm reads it: `4G`.
    pub memory: Option<String>,
    /// The partition.
    pub partition: Option<String>,
    /// Points at a time at most.
    pub jobs: Option<u32>,
}

/// The script of an array job with a task for each point.
///
/// Before the time is over Slurm sends SIGUSR1 to the script, which lets the run save and puts the task
/// back into the queue.
///
/// # Errors
/// A word that Slurm's comments cannot hold.
pub fn script(sweep: &Sweep, tfm: &Path, data_dir: &Path, resources: &Resources) -> Result<String> {
    let last = sweep.points().len();
    let limit = resources.jobs.map(|jobs| format!("%{jobs}")).unwrap_or_default();
    // Slurm fills in what follows a `%`, wherever it is.
    let folder = sweep.path().to_string_lossy().replace('%', "%%");
    let logs = Path::new(&folder).join("logs").join("slurm-%a.txt");
    let options = [
        Some(format!("--job-name={}", sweep.name())),
        Some(format!("--array=1-{last}{limit}")),
        Some(format!("--time={}", resources.time)),
        Some(format!("--cpus-per-task={}", resources.cpus)),
        resources.memory.as_ref().map(|memory| format!("--mem={memory}")),
        resources.partition.as_ref().map(|partition| format!("--partition={partition}")),
        Some("--requeue".to_owned()),
        Some(format!("--signal=B:USR1@{NOTICE}")),
        Some("--open-mode=append".to_owned()),
        Some(format!("--output={}", quoted(&logs))),
    ];
    let mut text = "#!/bin/bash\n".to_owned();
    for option in options.into_iter().flatten() {
        ensure!(!option.contains(['\n', '\r']), "{option:?} is not allowed in a Slurm script");
        text += &format!("#SBATCH {option}\n");
    }
    let (tfm, dir, data) = (quoted(tfm), quoted(sweep.path()), quoted(data_dir));
    Ok(text
        + &format!(
            "\n# The time limit is near: save, requeue the job, and continue there.\nrequeue() \
             {{\n  kill -TERM \"$run\"\n  wait \"$run\"\n  scontrol requeue \
             \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"\n  exit 0\n}}\ntrap requeue \
             USR1\n\n{tfm} sweep run {dir} --index \"$SLURM_ARRAY_TASK_ID\" --data-dir {data} \\\n  \
             --threads \"$SLURM_CPUS_PER_TASK\" &\nrun=$!\nwait \"$run\"\n"
        ))
}
