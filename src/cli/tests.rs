use super::*;
use crate::models::{Interrupted, fake};

fn tfm(line: &str) -> Result<()> {
    run_with(fake::ALL, args(line))
}

fn args(line: &str) -> Vec<OsString> {
    std::iter::once("tfm").chain(line.split_whitespace()).map(OsString::from).collect()
}

/// The error of a wrong command line: its first line without `error: `.
#[track_caller]
fn refuses(line: &str, expect: &str) {
    let error = tfm(line).expect_err(line);
    let error = error.downcast_ref::<clap::Error>().expect("is an error of usage");
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    assert_eq!(text.lines().next(), Some(format!("error: {expect}").as_str()), "{text}");
    assert!(text.contains("Usage: tfm") && text.contains("--help"), "{text}");
}

#[track_caller]
fn help(line: &str) -> String {
    let error = tfm(line).expect_err(line);
    let error = error.downcast_ref::<clap::Error>().expect("is help");
    assert_eq!(error.exit_code(), 0, "{error}");
    error.to_string()
}

#[test]
fn every_command_is_well_formed() {
    tree(fake::ALL).debug_assert();
    tree(ALL).debug_assert();
}

#[test]
fn every_command_says_what_it_does() {
    fn check(command: &Command) {
        assert!(command.get_about().is_some(), "{} has no text", command.get_name());
        command.get_subcommands().for_each(check);
    }
    check(&tree(fake::ALL));
    check(&tree(ALL));
}

#[test]
fn verbs_come_from_the_registry_in_the_order_of_use() {
    let tree = tree(fake::ALL);
    let names: Vec<_> = tree.get_subcommands().map(Command::get_name).collect();
    let expect = [
        "train",
        "bench",
        "verify",
        "plot",
        "wind-up",
        "sweep",
        "runs",
        "report",
        "watch",
        "bleu",
        "data",
        "models",
        "config",
        "completions",
    ];
    assert_eq!(names, expect);
}

#[test]
fn a_verb_runs_with_its_own_arguments() {
    tfm("train toy --set size=3").unwrap();
    tfm("bench alexnet").unwrap();
    let error = tfm("train toy --set size=0").unwrap_err().to_string();
    assert_eq!(error, "size = 0 must be at least 1 (--set size=0)");
    let error = tfm("train toy --quiet").unwrap_err();
    assert!(error.downcast_ref::<Interrupted>().is_some());
}

#[test]
fn a_verb_that_a_model_lacks_is_answered_with_those_it_has() {
    refuses("train alexnet", "alexnet has no `train`; it has: bench");
    refuses("bench toy --threads 2", "toy has no `bench`; it has: train, verify, plot, wind-up");
}

#[test]
fn help_has_help() {
    assert_eq!(help("help --help"), help("help"));
    assert_eq!(help("help -h"), help("help"));
}

#[test]
fn a_number_below_zero_is_a_value() {
    let error = tfm("plot toy --run a --smooth -0.5").unwrap_err().to_string();
    assert!(error.contains("invalid value '-0.5' for '--smooth <WEIGHT>'"), "{error}");
}

#[test]
fn a_path_that_is_no_run_is_told_why() {
    refuses("verify nowhere/run", "nowhere/run is not a run folder: it does not exist");
    let root = tempfile::tempdir().unwrap();
    let run = fake::run_of(root.path(), "a", "toy", "").display().to_string();
    std::fs::write(format!("{run}/run.json"), "{").unwrap();
    let expect = format!(
        "{run}/run.json is not the manifest of a run: EOF while parsing an object at line 1 column 1"
    );
    refuses(&format!("verify {run}"), &expect);
}

#[test]
fn unknown_names_are_answered_with_the_nearest_and_all() {
    refuses(
        "train tyo",
        "tyo is neither a model nor a run folder; did you mean toy? `train` works for: toy",
    );
    refuses("bench vgg", "vgg is not a model; `bench` works for: alexnet, machine");
    refuses(
        "trian toy",
        "tfm has no trian; did you mean train? there are: train, bench, verify, plot, wind-up, sweep, runs, report, watch, bleu, data, models, config, completions, help",
    );
    refuses(
        "toy train",
        "the verb comes before the model: tfm train toy; toy has: train, verify, plot, wind-up",
    );
    refuses(
        "data fecth ptb",
        "`tfm data` has no fecth; did you mean fetch? there are: list, fetch, verify, make",
    );
    refuses(
        "data make novel",
        "`tfm data make` has no novel; there are: grammar, inception-demo, translation",
    );
    let error = tfm("data fetch ptbb").unwrap_err().to_string();
    let sets = "possible values: cifar10, googlenet, inception, inception-2016, mnist, mobilenet-v1, \
                multi30k-fr-en, ptb, tatoeba-fr-en, text8, wmt-fr-en, word2vec-eval";
    for part in ["'ptbb'", sets, "'ptb'"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn help_says_what_the_verb_does_with_the_model() {
    let long = help("train toy --help");
    assert!(long.starts_with("Trains a toy\n\nA toy\n\nUsage: tfm train toy"), "{long}");
    for part in ["--config <FILE|PRESET>", "[env: TFM_DATA_DIR]", "Example:\n  tfm train toy"] {
        assert!(long.contains(part), "{part} is not in\n{long}");
    }
    let short = help("train toy -h");
    assert!(short.lines().count() < long.lines().count(), "{short}");
    assert_eq!(help("help train toy"), long);
    assert!(help("help").contains("Usage: tfm <COMMAND>"));
    assert!(help("plot toy --help").contains("tfm plot toy --run runs/first"));
    let models = help("train --help");
    assert!(
        models.contains("toy  A toy") && models.contains("Usage: tfm train <MODEL"),
        "{models}"
    );
}

#[test]
fn version_names_the_revision() {
    let revision = crate::version::GIT_REVISION;
    assert_eq!(help("--version"), format!("tfm {} (git {revision})\n", crate::version::VERSION));
}

#[test]
fn configs_of_any_model_are_shown_and_checked() {
    tfm("config show toy-large --set size=2").unwrap();
    tfm("config check toy-large alexnet").unwrap();
    let error = tfm("config check toy-small toy-smal --json").unwrap_err().to_string();
    assert_eq!(error, "1 of 2 configs cannot be used");
    let error = tfm("config show toy-smal").unwrap_err().to_string();
    assert!(error.contains("did you mean \"toy-small\"?"), "{error}");
    let error = tfm("config show toy-small --set sise=2").unwrap_err().to_string();
    assert_eq!(error, "--set sise: unknown key; did you mean \"size\"?");
}
