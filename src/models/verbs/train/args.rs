//! The arguments of `tfm train <model>`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::models::options::{ConfigOptions, DataOptions, DeviceOptions, OutputOptions, complete};
use crate::models::{Entry, Length};
use crate::run::Point;

#[derive(Args, Debug)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub device: DeviceOptions,
    /// The folder of the new run [default: runs/<preset>-<time>]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Resumes a run, by default the newest of this preset in runs
    ///
    /// The run continues exactly as if it had never stopped. --set may change only its length, data
    /// paths, [checkpoint], [expect] and the model's other resumable keys (such as [eval],
    /// train.workers, train.patience). The length of a word2vec run cannot change,
    /// nor train.num_epochs with train.schedule = "cosine".
    #[arg(
        long,
        value_name = "RUN",
        num_args = 0..=1,
        conflicts_with = "init_from",
        add = complete::runs()
    )]
    pub resume: Option<Option<PathBuf>>,
    /// Starts from the parameters of another run's last checkpoint
    ///
    /// The vocabulary or the class names that belong to them are taken over too.
    #[arg(long, value_name = "RUN", add = complete::runs())]
    pub init_from: Option<PathBuf>,
    /// The total number of epochs; overrides the config
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,
    /// The total number of steps; overrides the config
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "epochs")]
    pub steps: Option<u32>,
    /// The seed of every random stream; same as --set seed=N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub output: OutputOptions,
    /// Pauses the run before it goes beyond this step: for sweeps
    #[arg(long, value_name = "STEP", hide = true)]
    pub pause_at: Option<u64>,
    /// The sweep's name and the number of the point that the run is: for sweeps
    #[arg(long, value_name = "SWEEP:N", hide = true, value_parser = point)]
    pub point: Option<Point>,
    /// The name of the config in `run.json`: for repeated runs
    #[arg(long, value_name = "PRESET", hide = true)]
    pub preset_name: Option<String>,
    /// The fingerprint that the data must have: for repeated runs
    #[arg(long, value_name = "FINGERPRINT", hide = true)]
    pub expect_data: Option<String>,
}

/// Reads `ptb-rates:7`.
fn point(text: &str) -> Result<Point, String> {
    let parts = text.rsplit_once(':').map(|(sweep, number)| (sweep.to_owned(), number.parse()));
    match parts {
        Some((sweep, Ok(number))) => Ok(Point { sweep, number }),
        _ => Err("give the sweep's name and a number: rates:7".to_owned()),
    }
}

impl TrainArgs {
    /// The settings of `--set`, `--seed`, `--epochs` and `--steps`. `steps_per_epoch` is called if the
    /// model counts in the other unit.
    pub fn sets(
        &self,
        model: &Entry,
        steps_per_epoch: impl FnOnce(&[String]) -> Result<u64>,
    ) -> Result<Vec<String>> {
        if let (Some(_), Some(set)) = (self.seed, self.set_of("seed")) {
            bail!("--seed and --set {set} both set the seed; give one of them");
        }
        // Each of these options sets the other key too, so that neither length ends the run early.
        let lengths = [model.length.epochs, model.length.steps];
        let option = self.epochs.map(|_| "--epochs").or(self.steps.map(|_| "--steps"));
        let set = lengths.into_iter().flatten().find_map(|key| self.set_of(key));
        if let (Some(option), Some(set)) = (option, set) {
            bail!("{option} and --set {set} both set the length of training; give one of them");
        }
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        let mut sets: Vec<_> = self.config.sets.iter().cloned().chain(seed).collect();
        match (self.epochs.map(u64::from), self.steps.map(u64::from), model.length) {
            (Some(n), _, Length { epochs: Some(epochs), steps }) => {
                sets.push(format!("{epochs}={n}"));
                // An earlier --steps must not end the run before the epochs do: 0 is no limit.
                sets.extend(steps.map(|steps| format!("{steps}=0")));
            }
            (Some(n), _, Length { steps: Some(steps), .. }) => {
                sets.push(format!("{steps}={}", n * steps_per_epoch(&sets)?));
            }
            (_, Some(n), Length { epochs, steps: Some(steps) }) => {
                // The epochs must not end before the steps do.
                if let Some(epochs) = epochs {
                    sets.push(format!("{epochs}={}", n.div_ceil(steps_per_epoch(&sets)?)));
                }
                sets.push(format!("{steps}={n}"));
            }
            (_, Some(_), _) => bail!("{} is trained in whole epochs; give --epochs", model.name),
            _ => {}
        }
        Ok(sets)
    }

    /// The `--set` of a key.
    fn set_of(&self, key: &str) -> Option<&str> {
        let is_of = |set: &&String| set.split('=').next().is_some_and(|of| of.trim() == key);
        self.config.sets.iter().find(is_of).map(String::as_str)
    }
}
