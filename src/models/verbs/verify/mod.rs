//! `tfm verify <model>`: a run's scores against those that its config promises.

mod comparison;

use anyhow::{Context, Result, bail};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::{Deserialize, Serialize};

use crate::config::Expect;
use crate::metrics;
use crate::models::experiment::Experiment;
use crate::models::options::{OutputOptions, RunOption};
use crate::models::session::read_run;
use crate::models::{Entry, Metrics, Verb};
use crate::run::RunDir;
use comparison::{Comparison, compare};

/// What the verb does, in a line.
pub const ABOUT: &str = "Compares a run's scores with those that its config promises";

#[derive(Args, Debug)]
struct Verify {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    preset: &'a str,
    run_dir: &'a std::path::Path,
    /// Whether every score is reached; null where none is expected.
    reached: Option<bool>,
    scores: &'a [Comparison],
}

/// The verb of a model.
pub const fn verb<E: Experiment>() -> Verb {
    Verb { name: "verify", about: ABOUT, args, run: |matches| run(E::ENTRY, matches) }
}

/// Adds the verb's arguments.
pub fn args(command: Command) -> Command {
    let model = command.get_name().to_owned();
    Verify::augment_args(command).after_long_help(format!(
        "A key of the config's [expect] table names a phase and a metric: test_perplexity is \
         the\nperplexity of the last record of phase \"test\" in the run's metrics.jsonl. Ends \
         with code 1\nwhere a score falls short or is missing, with code 2 where none is expected.\n\n\
         Example:\n  tfm verify {model} --run runs/first"
    ))
}

/// Compares the run of `model` that `matches` names with its config's `[expect]` table, and
/// prints a line for each of its keys.
///
/// # Errors
/// A score falls short or is missing, or there is none to compare; a folder that is no run,
/// or a run of another model.
pub fn run(model: &Entry, matches: &ArgMatches) -> Result<()> {
    let Verify { run, output } = Verify::from_arg_matches(matches)?;
    output.init_logging();
    let run = read_run(model, &run.run, Some("verify"))?;
    let scores = scores(&run, model.metrics)?;
    let failed = scores.iter().filter(|score| !score.is_reached()).count();
    let lines: Vec<_> = scores.iter().map(Comparison::to_string).collect();
    let report = Report {
        model: model.name,
        preset: &run.manifest().preset,
        run_dir: run.path(),
        reached: (!scores.is_empty()).then_some(failed == 0),
        scores: &scores,
    };
    output.report(&report, lines.join("\n"))?;
    if scores.is_empty() {
        // Not the code of a score that falls short.
        let message = format!(
            "{} has nothing in [expect] to compare the run with\n",
            run.config_path().display()
        );
        bail!(clap::Error::raw(ErrorKind::InvalidValue, message));
    }
    let path = run.path().display();
    match failed {
        0 => Ok(()),
        _ => bail!("{path} does not reach {failed} of {} expected scores", scores.len()),
    }
}

fn scores(run: &RunDir, metrics: Metrics) -> Result<Vec<Comparison>> {
    let path = run.metrics_path();
    // A run that was stopped before its first record lacks every score.
    let records = if path.exists() { metrics::read(path)? } else { Vec::new() };
    expect(run)?
        .iter()
        .map(|(key, &expected)| compare(key, expected, metrics, &records))
        .collect::<Result<_>>()
        .with_context(|| format!("cannot compare with {}", run.config_path().display()))
}

fn expect(run: &RunDir) -> Result<Expect> {
    /// The other keys are the model's own.
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        expect: Expect,
    }
    let config: Config = toml::from_str(run.config_text())
        .with_context(|| format!("cannot read {}", run.config_path().display()))?;
    Ok(config.expect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;

    fn verify(model: &str, expect: &str) -> Result<()> {
        let root = tempfile::tempdir().unwrap();
        let path = fake::run_of(root.path(), "a", model, expect);
        let command = args(Command::new("toy").no_binary_name(true));
        let matches = command.try_get_matches_from(["--run", path.to_str().unwrap(), "--json"])?;
        run(&fake::TOY, &matches)
    }

    #[track_caller]
    fn fails(expect: &str, part: &str) {
        let error = format!("{:#}", verify("toy", expect).unwrap_err());
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }

    #[test]
    fn a_run_reaches_its_scores_or_not() {
        verify("toy", "test_perplexity = { value = 115.91, tolerance = 1.09 }").unwrap();
        fails(
            "test_perplexity = { value = 115.91, tolerance = 0.01 }\n\
             valid_perplexity = { value = 200, tolerance = 0 }",
            "does not reach 1 of 2 expected scores",
        );
        fails("final_perplexity = { value = 1, tolerance = 0 }", "does not reach 1 of 1");
    }

    #[test]
    fn what_cannot_be_compared_is_an_error() {
        fails("", "has nothing in [expect] to compare the run with");
        fails("test_bleu = { value = 1, tolerance = 0 }", "test_bleu");
        fails("test_perplexity = { value = 1 }", "missing field `tolerance`");
        let error = verify("alexnet", "").unwrap_err().to_string();
        assert!(error.contains("use `tfm verify alexnet --run"), "{error}");
    }
}
