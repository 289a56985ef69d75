//! `tfm runs rm` and `tfm runs prune`: removing what takes up space.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args, Command};
use serde_json::json;

use super::{Paths, confirm, read};
use crate::analysis::RunSummary;
use crate::checkpoint::{self, Checkpoint};
use crate::console;
use crate::models::options::{OutputOptions, complete};
use crate::run::{RunDir, State};
use crate::sweep::{Sweep, is_sweep};
use crate::system::wording::counted;

#[derive(Args, Debug)]
struct Remove {
    /// The runs
    #[arg(value_name = "RUN", required = true, add = complete::runs())]
    runs: Vec<PathBuf>,

    /// Removes without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args, Debug)]
struct Prune {
    #[command(flatten)]
    paths: Paths,

    /// Lists what would be removed, without removing it
    #[arg(long)]
    dry_run: bool,

    /// Removes without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn rm_command() -> Command {
    Remove::augment_args(Command::new("rm"))
        .about("Removes runs with all their files")
        .long_about(
            "Removes run folders with all their contents, after asking. A run that is being trained is never \
            removed.",
        )
        .after_long_help("Example:\n  tfm runs rm runs/first --yes")
}

pub(super) fn prune_command() -> Command {
    Prune::augment_args(Command::new("prune"))
        .about("Removes the checkpoints of finished runs, except the best and the last")
        .after_long_help(
            "Examples:\n  tfm runs prune --dry-run\n  tfm runs prune sweeps/rates --yes",
        )
}

pub(super) fn rm(matches: &ArgMatches) -> Result<()> {
    let args = read::<Remove>(matches, |args| &args.output)?;
    for run in &args.runs {
        // With a slash at its end, as shells complete it, a link is its target.
        if let Ok(target) = fs::read_link(run.components().as_path()) {
            bail!("{} is a link; name the run itself, {}", run.display(), target.display());
        }
        if is_sweep(run) {
            let run = run.display();
            bail!(
                "{run} is a sweep; its points are runs ({run}/points/0001); delete the sweep folder yourself"
            );
        }
    }
    // The same run by another path would be in use, by this process.
    let folder = |run: &PathBuf| run.canonicalize().unwrap_or_else(|_| run.clone());
    let mut known = BTreeSet::new();
    let folders: Vec<&PathBuf> = args.runs.iter().filter(|run| known.insert(folder(run))).collect();
    let _claims = known.iter().map(|run| hold_point(run)).collect::<Result<Vec<_>>>()?;
    // All locks are taken before the first folder is removed, and held until the last is gone.
    let runs: Vec<_> = folders.into_iter().map(|run| RunDir::resume(run)).collect::<Result<_>>()?;
    for run in &runs {
        if let Some(point) = &run.manifest().provenance.point {
            tracing::warn!(
                "{} is point {} of the sweep {}: `tfm sweep resume` would train it again",
                run.path().display(),
                point.number,
                point.sweep
            );
        }
    }
    if !args.yes {
        let bytes: u64 = runs.iter().map(|run| size(run.path())).sum();
        let what = match &runs[..] {
            [run] => run.path().display().to_string(),
            runs => format!("{} runs", runs.len()),
        };
        confirm(&format!("Remove {what}, {:.1} MB?", megabytes(bytes)))?;
    }
    runs.iter().try_for_each(remove)?;
    args.output.report(&json!({ "removed": console::paths(&args.runs) }), "")
}

/// Takes the point of a sweep whose run is at `run`, if it is one.
fn hold_point(run: &Path) -> Result<Option<impl Sized + use<>>> {
    let sweep = run.parent().and_then(Path::parent).filter(|folder| is_sweep(folder));
    let number = run.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
    match (sweep, number) {
        (Some(sweep), Some(number)) => Sweep::hold(sweep, number).map(Some),
        _ => Ok(None),
    }
}

/// Removes a run folder; config and manifest, without which it is no run, and the lock go last. So an
/// interrupted removal can be repeated, and nobody resumes what is left.
fn remove(run: &RunDir) -> Result<()> {
    let context = || format!("cannot remove {}", run.path().display());
    // A folder cannot be removed by the name `.`.
    let folder = run.path().canonicalize().with_context(context)?;
    let last = [run.config_path(), run.manifest_path(), run.lock_path()];
    for entry in fs::read_dir(&folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        if !last.iter().any(|path| path.file_name() == Some(&entry.file_name())) {
            remove_any(&entry.path()).with_context(context)?;
        }
    }
    last.iter().try_for_each(fs::remove_file).with_context(context)?;
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(context),
        _ => Ok(()),
    }
}

/// Removes a file, a link or a folder; the target of a link stays.
fn remove_any(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// The total size in bytes of the files in a folder and its subfolders.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size_of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(file) if file.is_dir() => size(&entry.path()),
        Ok(file) => file.len(),
        Err(_) => 0,
    };
    entries.map(size_of).sum()
}

pub(super) fn prune(matches: &ArgMatches) -> Result<()> {
    let args = read::<Prune>(matches, |args| &args.output)?;
    let found = args.paths.read()?;
    let finished = found.runs.iter().filter(|run| run.state == State::Finished);
    let old: Vec<_> = finished.map(|run| Ok((run, old_steps(run)?))).collect::<Result<_>>()?;
    let old: Vec<_> = old.into_iter().filter(|(_, steps)| !steps.is_empty()).collect();
    let files = || old.iter().flat_map(|(run, steps)| steps.iter().map(|step| path(run, *step)));
    let bytes: u64 =
        files().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum();
    let text = format!(
        "{} of {}, {:.1} MB",
        counted(files().count(), "checkpoint"),
        counted(old.len(), "finished run"),
        megabytes(bytes)
    );
    let json = json!({
        "files": console::paths(&files().collect::<Vec<_>>()),
        "bytes": bytes,
        "removed": !args.dry_run && !old.is_empty(),
    });
    if args.dry_run || old.is_empty() {
        return args.output.report(&json, text);
    }
    if !args.yes {
        confirm(&format!("Remove {text}?"))?;
    }
    for (run, steps) in &old {
        let held = RunDir::resume(&run.path)?;
        // Somebody may have resumed the run before it was locked.
        ensure!(
            old_steps(run)? == *steps,
            "{} has changed meanwhile; nothing more is removed",
            run.path.display()
        );
        if let Some(&last) = checkpoint::steps(&held.checkpoints_dir())?.last() {
            checkpoint::prune(&held.checkpoints_dir(), last, 1)?;
        }
    }
    args.output.report(&json, format!("removed {text}"))
}

/// The steps of a finished run that have a checkpoint, except the last. (The best has a file of its
/// own.) None if the last checkpoint is damaged, since the run then needs the earlier ones.
fn old_steps(run: &RunSummary) -> Result<Vec<u64>> {
    let mut steps = checkpoint::steps(&run.path.join("checkpoints"))?;
    let Some(last) = steps.pop().filter(|_| !steps.is_empty()) else { return Ok(Vec::new()) };
    if let Err(error) = Checkpoint::open(&path(run, last)) {
        tracing::warn!("the last checkpoint is damaged, so nothing is removed: {error:#}");
        steps.clear();
    }
    Ok(steps)
}

fn path(run: &RunSummary, step: u64) -> PathBuf {
    checkpoint::step_path(&run.path.join("checkpoints"), step)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
