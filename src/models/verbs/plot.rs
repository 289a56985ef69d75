//! `tfm plot <model>`: the curves of one or several runs as PNG and SVG.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use crate::config;
use crate::console;
use crate::metrics::plot::{self, View, X};
use crate::metrics::{self, Record};
use crate::models::experiment::Experiment;
use crate::models::options::{OutputOptions, complete};
use crate::models::run_config::decides;
use crate::models::session::read_run;
use crate::models::{Entry, Verb};
use crate::run::RunDir;

/// The one-line description of the verb.
pub const ABOUT: &str = "Plots the curves of runs as PNG and SVG";

/// The verb's arguments.
#[derive(Args, Debug)]
#[command(about = None, long_about = None)]
pub struct Plot {
    /// The run's folder; repeat the option to plot several runs together
    #[arg(long = "run", value_name = "DIR", required = true, add = complete::runs())]
    pub runs: Vec<PathBuf>,

    /// The output folder [default: plots in the first run's folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Overwrites existing files in the folder of --out
    #[arg(long)]
    pub force: bool,

    /// The quantity on the horizontal axis
    #[arg(long, value_parser = ["step", "epoch", "time"], default_value = "step")]
    pub x: String,

    /// Exponential smoothing of training curves, with this weight of the past, as in TensorBoard
    #[arg(long, value_name = "WEIGHT", value_parser = share, default_value_t = 0.0)]
    pub smooth: f64,

    /// Plots the mean of runs that differ only in their seed, with a band from minimum to maximum
    ///
    /// Runs are interpolated between their points; the mean ends where the shortest run ends.
    #[arg(long)]
    pub mean: bool,

    /// The output options.
    #[command(flatten)]
    pub output: OutputOptions,
}

impl Plot {
    /// The output folder.
    pub fn folder(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| self.runs[0].join("plots"))
    }

    /// Checks that `files` are absent, unless an earlier call drew them in the run's folder.
    ///
    /// # Errors
    /// One is there, and is not to be replaced.
    pub fn check_replaced(&self, files: &[PathBuf]) -> Result<()> {
        let may_replace = self.force || self.out.is_none();
        match files.iter().find(|path| !may_replace && path.exists()) {
            Some(path) => {
                bail!("{} already exists; choose another --out or use --force", path.display())
            }
            None => Ok(()),
        }
    }
}

/// The verb of a model.
pub const fn verb<E: Experiment>() -> Verb {
    Verb { name: "plot", about: ABOUT, args, run: |matches| run(E::ENTRY, matches) }
}

/// Adds the verb's arguments.
pub fn args(command: Command) -> Command {
    let model = command.get_name().to_owned();
    Plot::augment_args(command).after_long_help(format!(
        "Examples:\n  tfm plot {model} --run runs/first\n  \
         tfm plot {model} --run runs/first --run runs/second --out comparison\n  \
         tfm plot {model} --run runs/seed1 --run runs/seed2 --run runs/seed3 --mean"
    ))
}

/// Plots the runs of `model` that `matches` names, and prints the paths of the files.
///
/// # Errors
/// A folder that is not a run, a run of another model, records that are damaged or contain nothing to
/// plot, or a folder that cannot be written.
pub fn run(model: &Entry, matches: &ArgMatches) -> Result<()> {
    let mut plot = Plot::from_arg_matches(matches)?;
    plot.output.init_logging();
    keep_first(&mut plot.runs);
    let (out, runs) = (plot.folder(), &plot.runs);
    ensure!(
        !plot.mean || runs.len() > 1,
        "--mean needs at least two runs; repeat the option --run"
    );
    let opened: Vec<_> =
        runs.iter().map(|path| read_run(model, path, Some("plot"))).collect::<Result<_>>()?;
    if plot.mean {
        warn_of_other_settings(&opened)?;
    }
    let records: Vec<_> = opened.iter().map(records).collect::<Result<_>>()?;
    let named: Vec<_> = names(runs).into_iter().zip(records).collect();
    let x = match plot.x.as_str() {
        "epoch" => X::Epoch,
        "time" => X::Time,
        _ => X::Step,
    };
    let message = "runs share steps and epochs, not times; leave out --x time or --mean";
    ensure!(!plot.mean || x != X::Time, message);
    let charts = |mean| plot::charts(&named, View { x, smooth: plot.smooth, mean });
    let is_mean_empty = plot.mean && charts(true).is_empty() && !charts(false).is_empty();
    ensure!(
        !is_mean_empty,
        "the runs share no overlapping steps, so there is no mean to plot: leave out --mean, or the shorter \
        runs"
    );
    let charts = charts(plot.mean);
    plot.check_replaced(&plot::files(&out, &charts))?;
    let files = plot::write(&out, &charts)?;
    let text: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    let json = json!({ "model": model.name, "runs": console::paths(runs), "files": text });
    plot.output.report(&json, text.join("\n"))
}

/// A share of the past that leaves something of the present.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| "give a number from 0 to less than 1".to_owned())
}

fn records(run: &RunDir) -> Result<Vec<Record>> {
    metrics::read(run.metrics_path())
        .with_context(|| format!("the run {} has no metrics to draw", run.path().display()))
}

/// Says where a mean is over runs that differ by more than their seeds.
fn warn_of_other_settings(runs: &[RunDir]) -> Result<()> {
    let settings = |run: &RunDir| -> Result<_> {
        let mut leaves = config::leaves(&run.config_text().parse()?);
        leaves.retain(|key, _| decides(key));
        Ok(leaves)
    };
    let all: Vec<_> = runs.iter().map(settings).collect::<Result<_>>()?;
    let keys: BTreeSet<_> = all.iter().flat_map(|settings| settings.keys()).collect();
    let differ = |key: &&&String| all.iter().any(|of| of.get(**key) != all[0].get(**key));
    let differ: Vec<_> = keys.iter().filter(differ).map(|key| key.as_str()).collect();
    if !differ.is_empty() {
        tracing::warn!(
            "--mean: the runs differ in {} as well as in their seeds",
            differ.join(", ")
        );
    }
    Ok(())
}

/// A run that is named twice is plotted once.
fn keep_first(runs: &mut Vec<PathBuf>) {
    let mut seen = Vec::new();
    runs.retain(|run| {
        let place = run.canonicalize().unwrap_or_else(|_| run.clone());
        let new = !seen.contains(&place);
        seen.push(place);
        new
    });
}

/// Each run's name in the legend: its folder name, or the path if two names would be the same.
fn names(runs: &[PathBuf]) -> Vec<String> {
    let folders: Vec<_> = runs.iter().map(|run| folder_name(run)).collect();
    let mut count = HashMap::<&str, usize>::new();
    for folder in &folders {
        *count.entry(folder).or_default() += 1;
    }
    let name = |(run, folder): (&PathBuf, &String)| match count[folder.as_str()] {
        1 => folder.clone(),
        _ => run.display().to_string(),
    };
    runs.iter().zip(&folders).map(name).collect()
}

fn folder_name(run: &Path) -> String {
    // A path such as `.` has no name of its own.
    let place = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    place
        .file_name()
        .map_or_else(|| run.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;

    fn plot(args: &[&str]) -> Result<()> {
        let command = args_of_toy().try_get_matches_from(args)?;
        run(&fake::TOY, &command)
    }

    fn args_of_toy() -> Command {
        args(Command::new("toy").no_binary_name(true))
    }

    #[test]
    fn pictures_of_two_runs_lie_in_the_first_ones_folder() {
        let root = tempfile::tempdir().unwrap();
        let first = fake::run_of(root.path(), "a", "toy", "");
        let second = fake::run_of(root.path(), "b", "toy", "");
        let paths = [&first, &second, &first].map(|path| path.to_str().unwrap());
        plot(&["--run", paths[0], "--run", paths[1], "--run", paths[2], "-q"]).unwrap();
        for file in ["perplexity.png", "perplexity.svg", "learning_rate.svg"] {
            assert!(first.join("plots").join(file).is_file(), "{file}");
        }
        let svg = std::fs::read_to_string(first.join("plots/perplexity.svg")).unwrap();
        assert!(!svg.is_empty() && !second.join("plots").exists());
        plot(&["--run", paths[0], "--run", paths[1], "--mean", "-q"]).unwrap();
        let svg = std::fs::read_to_string(first.join("plots/perplexity.svg")).unwrap();
        assert!(svg.contains("mean of 2 runs"), "{svg}");
    }

    #[test]
    fn a_mean_is_that_of_several_runs_at_the_same_steps() {
        let root = tempfile::tempdir().unwrap();
        let runs = ["a", "b"].map(|name| fake::run_of(root.path(), name, "toy", ""));
        let paths = runs.each_ref().map(|path| path.to_str().unwrap());
        let alone = plot(&["--run", paths[0], "--mean"]).unwrap_err().to_string();
        assert!(alone.contains("needs at least two runs"), "{alone}");
        let times = plot(&["--run", paths[0], "--run", paths[1], "--mean", "--x", "time"]);
        assert!(times.unwrap_err().to_string().contains("leave out --x time or --mean"));
    }

    #[test]
    fn a_run_of_another_model_is_refused_before_anything_is_written() {
        let root = tempfile::tempdir().unwrap();
        let path = fake::run_of(root.path(), "a", "alexnet", "");
        let error = plot(&["--run", path.to_str().unwrap()]).unwrap_err().to_string();
        let expect =
            format!("{} is a run of alexnet, not of toy; alexnet has: bench", path.display());
        assert_eq!(error, expect);
        assert!(!path.join("plots").exists());
        let error = plot(&["--run", root.path().to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("is not a run folder"), "{error}");
    }

    #[test]
    fn names_are_folders_unless_they_are_alike() {
        let names = |paths: &[&str]| names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(names(&["runs/a", "runs/b/"]), ["a", "b"]);
        assert_eq!(names(&["x/a", "y/a", "x/b"]), ["x/a", "y/a", "b"]);
    }
}
