//! Options that the verbs of several models share, each group to be flattened into the
//! arguments of a verb:
//!
//! ```
//! #[derive(clap::Args)]
//! struct Train {
//!     #[command(flatten)]
//!     config: tfm::models::options::ConfigOptions,
//!     #[command(flatten)]
//!     output: tfm::models::options::OutputOptions,
//! }
//! ```

pub mod complete;
mod device;
mod logging;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint};

use crate::checkpoint::Selector;
use crate::data::Split;
use crate::data::fetch::default_dir;

pub use device::{DeviceChoice, DeviceOptions, ThreadOption};
pub use logging::LogFile;

// Without `about = None` clap would take a group's doc comment for the text of the command that
// it is flattened into. It still clears a text that was set before, so set that afterwards.

/// `--config` and `--set`.
#[derive(Args, Clone, Debug, Default)]
#[command(about = None, long_about = None)]
pub struct ConfigOptions {
    /// The config: a file, or the name of a preset
    ///
    /// A value with a path separator, or ending in .toml, is a file; any other value is the name
    /// of a built-in preset (`tfm models` lists them). The default is the model's default preset.
    #[arg(long, value_name = "FILE|PRESET", add = complete::configs())]
    pub config: Option<String>,

    /// Sets one value of the config; may be repeated
    ///
    /// KEY is a dotted key of the config, VALUE is TOML (the quotes around a string are optional),
    /// as in --set train.batch_size=40. `tfm config keys` explains every key.
    #[arg(long = "set", value_name = "KEY=VALUE", add = complete::keys())]
    pub sets: Vec<String>,
}

/// `--data-dir`.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub struct DataOptions {
    /// The folder of the data sets [default: data] [env: TFM_DATA_DIR]
    ///
    /// `tfm data fetch` downloads each set to its own subfolder.
    #[arg(
        long,
        value_name = "DIR",
        // Not clap's own `env`: usage lines would have the option though nobody gave it.
        default_value_os_t = default_dir(),
        hide_default_value = true,
        value_hint = ValueHint::DirPath
    )]
    pub data_dir: PathBuf,
}

/// `--run`.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub struct RunOption {
    /// The run's folder, such as `runs/PRESET-TIME`
    #[arg(long, value_name = "DIR", add = complete::runs())]
    pub run: PathBuf,
}

/// `--checkpoint`.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(about = None, long_about = None)]
pub struct CheckpointOption {
    /// Which of the run's checkpoints: best, last or a step's number
    ///
    /// best has the best validation score, last is the newest that is intact, and a number selects
    /// the checkpoint written after that step.
    #[arg(long, value_name = "best|last|STEP", default_value_t, add = complete::checkpoints())]
    pub checkpoint: Selector,
}

/// `--quiet`, `--verbose` and `--json`.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(about = None, long_about = None)]
pub struct OutputOptions {
    /// Prints only warnings, errors and the result
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// Also reports each saved checkpoint and, on a terminal, the progress lines that the status line
    /// replaces
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,

    /// Prints the result as JSON on stdout
    ///
    /// One object, an array for lists, or one object per line where results come one by one.
    /// Everything else goes to stderr, with or without this option.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// The parser of a split; `help` describes train, valid and test.
pub fn split_parser(help: [&'static str; 3]) -> impl TypedValueParser<Value = Split> {
    let value = |(split, help): (Split, _)| PossibleValue::new(split.name()).help(help);
    let values = Split::ALL.into_iter().zip(help).map(value);
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Split>())
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    #[derive(Args, Debug)]
    struct All {
        #[command(flatten)]
        config: ConfigOptions,
        #[command(flatten)]
        data: DataOptions,
        #[command(flatten)]
        device: DeviceOptions,
        #[command(flatten)]
        run: RunOption,
        #[command(flatten)]
        checkpoint: CheckpointOption,
        #[command(flatten)]
        output: OutputOptions,
    }

    fn parse(args: &[&str]) -> Result<All, clap::Error> {
        let command = All::augment_args(Command::new("toy").no_binary_name(true));
        All::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    #[test]
    fn options_have_their_defaults() {
        let all = parse(&["--run", "r"]).unwrap();
        assert_eq!((all.config.config, all.config.sets.len()), (None, 0));
        assert_eq!(all.device.device, DeviceChoice::Auto);
        assert!(all.device.threads.count() >= 1);
        assert_eq!(all.checkpoint.checkpoint, Selector::Last);
        assert!(!all.output.json && !all.output.quiet && !all.output.verbose);
    }

    #[test]
    fn options_are_read() {
        let line = "--run r --config c --set a=1 --set b=2 --data-dir d --checkpoint 7 \
                    --device cuda:1 --threads 3 -v --json";
        let all = parse(&line.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(all.config.config.as_deref(), Some("c"));
        assert_eq!(all.config.sets, ["a=1", "b=2"]);
        assert_eq!((all.data.data_dir, all.run.run), ("d".into(), "r".into()));
        assert_eq!(all.checkpoint.checkpoint, Selector::Step(7));
        assert_eq!(all.device.device, DeviceChoice::Cuda(1));
        assert_eq!(all.device.threads.count(), 3);
        assert!(all.output.json && all.output.verbose);
    }

    #[test]
    fn wrong_values_are_refused_with_the_rule() {
        for (args, part) in [
            (["--checkpoint", "newest"], "give best, last or a step number"),
            (["--device", "gpu"], "give auto, cpu, cuda or cuda:N"),
            (["--threads", "0"], "1..=1024"),
        ] {
            let args = [&["--run", "r"], args.as_slice()].concat();
            let error = parse(&args).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(parse(&["--run", "r", "-q", "-v"]).is_err());
        assert!(parse(&[]).is_err());
    }

    #[test]
    fn groups_give_the_command_no_text() {
        let command = All::augment_args(Command::new("toy"));
        assert!(command.get_about().is_none() && command.get_long_about().is_none());
    }
}
