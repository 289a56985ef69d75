//! `tfm verify <model>`: a run's scores against those that its config promises.

use std::fmt;

use anyhow::{Context, Result, bail};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::{Expect, Expectation};
use crate::metrics::{self, Record};
use crate::models::experiment::Experiment;
use crate::models::options::{OutputOptions, RunOption};
use crate::models::session::read_run;
use crate::models::{Better, Entry, Metrics, Verb};
use crate::run::RunDir;
use crate::system::wording::counted;

/// The one-line description of the verb.
pub const ABOUT: &str = "Compares a run's scores with the expected scores in its config";

#[derive(Args, Debug)]
struct Verify {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    output: OutputOptions,
}

/// The verb of a model.
pub const fn verb<E: Experiment>() -> Verb {
    Verb { name: "verify", about: ABOUT, args, run: |matches| run(E::ENTRY, matches) }
}

/// Adds the verb's arguments.
pub fn args(command: Command) -> Command {
    let model = command.get_name().to_owned();
    Verify::augment_args(command).after_long_help(format!(
        "A key of the config's [expect] table names a phase and a metric: valid_loss would be \
        the loss of the last record of phase \"valid\" in the run's metrics.jsonl. An unknown key is \
        an error that lists those of {model}. Exits with code 1 if a score falls short or is missing, \
        with code 2 if no score is expected.\n\n\
         Example:\n  tfm verify {model} --run runs/first"
    ))
}

/// Compares the run of `model` that `matches` names with its config's `[expect]` table, and
/// prints a line for each of its keys.
///
/// # Errors
/// A score falls short or is missing, or there is none to compare; a folder that is not a run, or a
/// run of another model.
pub fn run(model: &Entry, matches: &ArgMatches) -> Result<()> {
    let Verify { run, output } = Verify::from_arg_matches(matches)?;
    output.init_logging();
    let run = read_run(model, &run.run, Some("verify"))?;
    let scores = scores(&run, model.metrics)?;
    let failed = scores.iter().filter(|score| !score.is_reached()).count();
    let lines: Vec<_> = scores.iter().map(Comparison::to_string).collect();
    let json = json!({
        "model": model.name,
        "preset": run.manifest().preset,
        "run_dir": run.path().to_string_lossy(),
        // Null where no score is expected.
        "reached": (!scores.is_empty()).then_some(failed == 0),
        "scores": scores,
    });
    output.report(&json, lines.join("\n"))?;
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
        _ => {
            let expected = counted(scores.len(), "expected score");
            bail!("{path} does not reach {failed} of {expected}")
        }
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

/// A key of `[expect]` and what the run has for it.
#[derive(Debug, PartialEq, Serialize)]
struct Comparison {
    /// `<phase>_<metric>`.
    name: String,
    status: Verdict,
    /// `None` where the run has no such record.
    measured: Option<f64>,
    /// The published score.
    value: f64,
    tolerance: f64,
    /// The worst score that is still reached.
    limit: f64,
    better: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Short,
    Missing,
}

/// Compares what `key` names in `records`. `metrics` says which way each metric is better.
///
/// # Errors
/// A key that is not `<phase>_<metric>`, or whose direction `metrics` does not give.
fn compare(
    key: &str,
    expected: Expectation,
    metrics: &[(&str, Better)],
    records: &[Record],
) -> Result<Comparison> {
    let (phase, metric) = key
        .split_once('_')
        .with_context(|| format!("expect.{key} must be a phase and a metric: test_perplexity"))?;
    let better = direction(key, metric, metrics)?;
    let Expectation { value, tolerance } = expected;
    let limit = match better {
        Better::Lower => value + tolerance,
        Better::Higher => value - tolerance,
    };
    let measured = last(records, phase, metric);
    // Neither a score nor the limit is exact in its last digits.
    let slack = 1e-9 * limit.abs();
    let status = match (measured, better) {
        (None, _) => Verdict::Missing,
        (Some(measured), Better::Lower) if measured <= limit + slack => Verdict::Ok,
        (Some(measured), Better::Higher) if measured >= limit - slack => Verdict::Ok,
        _ => Verdict::Short,
    };
    let better = match better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    };
    Ok(Comparison { name: key.to_owned(), status, measured, value, tolerance, limit, better })
}

fn direction(key: &str, metric: &str, metrics: &[(&str, Better)]) -> Result<Better> {
    let of = |wanted: &str| metrics.iter().find(|(name, _)| *name == wanted);
    let names = || metrics.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (_, better) = of(key).or_else(|| of(metric)).with_context(|| {
        format!("expect.{key}: the model has no score {metric}; its scores are: {}", names())
    })?;
    Ok(*better)
}

/// The metric in the last record of that phase which has it.
fn last(records: &[Record], phase: &str, metric: &str) -> Option<f64> {
    // The score of training is that of a whole epoch, not of the part before a line of progress.
    let phase = if phase == "train" { "epoch" } else { phase };
    let of_phase = records.iter().rev().filter(|record| record.phase == phase);
    of_phase.filter_map(|record| record.metrics.get(metric)).next().copied()
}

impl Comparison {
    fn is_reached(&self) -> bool {
        self.status == Verdict::Ok
    }
}

impl fmt::Display for Comparison {
    /// `ok      test_perplexity 116.20 ≤ 117.00 (115.91 + 1.09)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (relation, sign) = if self.better == "lower" { ("≤", "+") } else { ("≥", "-") };
        let digits = digits(self.measured, self.limit);
        let shown = |value: f64| format!("{value:.digits$}");
        let goal = format!(
            "{relation} {} ({} {sign} {})",
            shown(self.limit),
            shown(self.value),
            shown(self.tolerance)
        );
        match (self.status, self.measured) {
            (Verdict::Ok, Some(measured)) => {
                write!(f, "ok      {} {} {goal}", self.name, shown(measured))
            }
            (_, Some(measured)) => {
                write!(f, "short   {} {}, not {goal}", self.name, shown(measured))
            }
            (_, None) => write!(f, "missing {}, to be {goal}", self.name),
        }
    }
}

/// Two decimals, four below 10, and more where a score and its limit would look alike.
fn digits(measured: Option<f64>, limit: f64) -> usize {
    let least = if limit.abs() < 10.0 { 4 } else { 2 };
    let Some(measured) = measured.filter(|&measured| measured != limit) else { return least };
    let alike = |digits: usize| format!("{measured:.digits$}") == format!("{limit:.digits$}");
    (least..12).find(|&digits| !alike(digits)).unwrap_or(12)
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
        assert!(error.contains("is a run of alexnet, not of toy; alexnet has: bench"), "{error}");
    }

    const METRICS: &[(&str, Better)] =
        &[("perplexity", Better::Lower), ("top_1", Better::Higher), ("test_top_1", Better::Lower)];

    fn records() -> Vec<Record> {
        vec![
            Record::new(1, 1, "test").metric("perplexity", 1.0),
            Record::new(2, 1, "test").metric("perplexity", 116.2),
            Record::new(2, 1, "test").metric("loss", 4.7),
            Record::new(2, 1, "valid").metric("top_1", 0.854),
            Record::new(2, 1, "nan").metric("perplexity", f64::NAN),
            Record::new(2, 1, "near").metric("perplexity", 117.001),
        ]
    }

    #[track_caller]
    fn check(key: &str, value: f64, tolerance: f64, expect: &str) {
        let expected = Expectation { value, tolerance };
        let comparison = compare(key, expected, METRICS, &records()).unwrap();
        assert_eq!(comparison.to_string(), expect);
        assert_eq!(comparison.is_reached(), expect.starts_with("ok "));
    }

    #[test]
    fn a_line_says_what_was_compared() {
        check(
            "test_perplexity",
            115.91,
            1.09,
            "ok      test_perplexity 116.20 ≤ 117.00 (115.91 + 1.09)",
        );
        check(
            "test_perplexity",
            115.0,
            1.0,
            "short   test_perplexity 116.20, not ≤ 116.00 (115.00 + 1.00)",
        );
        check("valid_top_1", 0.86, 0.01, "ok      valid_top_1 0.8540 ≥ 0.8500 (0.8600 - 0.0100)");
        check(
            "valid_top_1",
            0.86,
            0.0,
            "short   valid_top_1 0.8540, not ≥ 0.8600 (0.8600 - 0.0000)",
        );
        check(
            "valid_perplexity",
            115.0,
            1.0,
            "missing valid_perplexity, to be ≤ 116.00 (115.00 + 1.00)",
        );
        check(
            "nan_perplexity",
            115.0,
            1.0,
            "short   nan_perplexity NaN, not ≤ 116.00 (115.00 + 1.00)",
        );
        check(
            "near_perplexity",
            116.0,
            1.0,
            "short   near_perplexity 117.001, not ≤ 117.000 (116.000 + 1.000)",
        );
    }

    #[test]
    fn a_direction_may_be_that_of_a_phase() {
        assert_eq!(direction("test_top_1", "top_1", METRICS).unwrap(), Better::Lower);
        assert_eq!(direction("valid_top_1", "top_1", METRICS).unwrap(), Better::Higher);
    }

    #[test]
    fn keys_that_name_no_score_are_refused() {
        let expected = Expectation { value: 1.0, tolerance: 0.0 };
        let refuse = |key: &str| compare(key, expected, METRICS, &[]).unwrap_err().to_string();
        assert_eq!(
            refuse("test_bleu"),
            "expect.test_bleu: the model has no score bleu; its scores are: perplexity, top_1, test_top_1"
        );
        assert_eq!(
            refuse("perplexity"),
            "expect.perplexity must be a phase and a metric: test_perplexity"
        );
    }
}
